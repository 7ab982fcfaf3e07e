"""Quotas: the walk against "each domain's best first, then the best of the rest"."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tshirt_assets.selection.quotas import Seats, fill, quota_rows

DOMAINS = ["code", "math", None]


def brute_force(domains: list[str | None], budget: int, quotas: dict[str, float]) -> set[int]:
    chosen: set[int] = set()
    for domain, share in quotas.items():
        members = [i for i, d in enumerate(domains) if d == domain]
        chosen.update(members[: quota_rows(share, budget)])
    for i in range(len(domains)):
        if len(chosen) >= budget:
            break
        chosen.add(i)
    return chosen


quota_dicts = st.sampled_from(
    [{}, {"code": 0.5}, {"code": 0.3, "math": 0.3}, {"code": 0.5, "math": 0.5}, {"law": 0.4}]
)


@given(st.lists(st.sampled_from(DOMAINS), max_size=25), st.integers(1, 12), quota_dicts)
@settings(max_examples=100, deadline=None)
def test_walk_equals_brute_force(domains, budget, quotas):
    seats = Seats.of(budget, quotas, Counter(domains))
    taken, passed, refused = fill(range(len(domains)), domains, seats)
    assert set(taken) == brute_force(domains, budget, quotas)
    assert not refused
    assert not set(passed) & set(taken)


@given(
    st.lists(st.sampled_from(DOMAINS), max_size=25),
    st.integers(1, 12),
    quota_dicts,
    st.sets(st.integers(0, 24)),
)
@settings(max_examples=60, deadline=None)
def test_refused_rows_leave_no_seat_empty(domains, budget, quotas, unwanted):
    seats = Seats.of(budget, quotas, Counter(domains))
    taken, _, refused = fill(range(len(domains)), domains, seats, lambda i: i not in unwanted)
    welcome = [i for i in range(len(domains)) if i not in unwanted]
    assert len(taken) == min(budget, len(welcome))
    assert set(refused) <= unwanted
    for domain, share in quotas.items():
        have = sum(domains[i] == domain for i in taken)
        could = sum(domains[i] == domain for i in welcome)
        assert have >= min(quota_rows(share, budget), could)


def test_shares_never_ask_for_more_than_the_budget():
    # Rounding each half of 3 up would seat 4.
    seats = Seats.of(3, {"code": 0.5, "math": 0.5}, Counter(code=9, math=9))
    assert seats.reserved == {"code": 1, "math": 1}
    assert seats.free == 1
    assert quota_rows(0.29, 100) == 29  # 0.29 * 100 is 28.999999999999996
