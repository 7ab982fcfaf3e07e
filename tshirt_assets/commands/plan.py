"""Say what a run of a corpus would compute and take, before anything is paid for."""

from collections.abc import Iterator
from textwrap import wrap

from tshirt_assets.commands.text import size_text
from tshirt_assets.commands.validate import refuse_what_would_fail
from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.planning.kept_plan import keep_plan
from tshirt_assets.incremental.planning.make_plan import make_plan
from tshirt_assets.incremental.planning.planned import Plan, PlannedAsset
from tshirt_assets.store.store import Store

HEAD = ("asset", "rows", "stored", "tokens", "FLOP", "time", "disk")
WIDTHS = (15, 12, 12, 15, 8, 9, 9)
COLUMNS = sum(WIDTHS)
UNITS = ("", "k", "M", "G", "T", "P", "E")


def plan_corpus(config: CorpusConfig) -> Plan:
    """The plan of a corpus, which is kept in its store: the UI shows the last one.

    Raises `PreflightError` where a run would fail, and what `make_plan` does.
    """
    refuse_what_would_fail(config)
    store = Store(config.store, config.storage_options)
    plan = make_plan(store, config)
    keep_plan(store, plan)
    return plan


def plan_lines(plan: Plan) -> Iterator[str]:
    """The plan as text of at most 80 columns, a line for each asset."""
    yield f"corpus {plan.corpus}: {plan.rows:,} usable rows in {plan.shards:,} shards"
    yield ""
    yield _line(HEAD)
    for asset in (*plan.assets, plan.total):
        yield _line(_cells(asset))
    yield ""
    remarks = [summary_line(plan)]
    if plan.skipped:
        remarks.append(f"not needed, skipped: {', '.join(plan.skipped)}")
    remarks += [f"left out: {shard}: {fault}" for shard, fault in plan.unreadable.items()]
    for remark in (*remarks, *plan.basis):
        yield from wrap(remark, COLUMNS, subsequent_indent="  ", break_on_hyphens=False)


def summary_line(plan: Plan) -> str:
    """What a plan comes to, in one sentence."""
    scored = plan.for_asset("token_scores")
    total = scored.rows + scored.reused
    time = duration(plan.total.seconds)
    if not plan.missing:
        return f"nothing is missing: a run takes {time} to see that, and computes no score"
    stored = f"{scored.reused:,} of {total:,} rows are scored already"
    return f"about {time} on {plan.device}; {stored}"


def duration(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 1:
        return "under 1 s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest:02d}"
    return f"{hours / 24:.1f} d"


def _cells(asset: PlannedAsset) -> tuple[str, ...]:
    return (
        asset.asset,
        _count(asset.rows) if asset.asset != "total" else "",
        _count(asset.reused) if asset.asset != "total" else "",
        _count(asset.tokens) if asset.tokens else "",
        _short(asset.flops) if asset.flops else "",
        duration(asset.seconds),
        size_text(asset.bytes) if asset.bytes else "",
    )


def _line(cells: tuple[str, ...]) -> str:
    first, *others = (
        f"{cell:<{width}}" if place == 0 else f"{cell:>{width}}"
        for place, (cell, width) in enumerate(zip(cells, WIDTHS, strict=True))
    )
    return "".join([first, *others]).rstrip()


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**9 else _short(number)


def _short(number: float) -> str:
    """A number with three digits and a unit."""
    place = 0
    while number >= 999.5 and place < len(UNITS) - 1:
        number, place = number / 1000, place + 1
    return f"{number:.3g} {UNITS[place]}".rstrip()
