"""What is planted: other responses, counted kinds, and the same again for the same seed."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evidence.rows import source_rows
from tshirt_assets.evidence.kinds import KINDS, Others, SourceRow
from tshirt_assets.evidence.language import known_script, language_of
from tshirt_assets.evidence.planting import plant
from tshirt_assets.evidence.texts import TEXTS

ALL = tuple(KINDS)
TEXT = st.text(max_size=60)


def next_row(rows: list[SourceRow]) -> dict[str, str]:
    return {row.sample_id: rows[(i + 1) % len(rows)].sample_id for i, row in enumerate(rows)}


@settings(max_examples=60)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=12), st.integers(0, 5))
def test_every_corrupted_row_differs_whatever_the_texts(texts, seed: int) -> None:
    rows = [SourceRow(f"{i:032x}", asked, said) for i, (asked, said) in enumerate(texts)]
    found = plant(rows, next_row(rows), kinds=ALL, rate=1.0, seed=seed)
    said = {row.sample_id: row.response for row in rows}
    assert all(text.strip() != said[one].strip() for one, text in found.responses.items())
    assert all(text.strip() for text in found.responses.values())
    assert found == plant(rows[::-1], next_row(rows), kinds=ALL, rate=1.0, seed=seed)


def test_the_share_asked_for_is_planted_in_equal_parts() -> None:
    rows = source_rows(200)
    found = plant(rows, next_row(rows), kinds=ALL, rate=0.4, seed=1)
    assert len(found.kinds) == 80
    assert Counter(found.kinds.values()) == dict.fromkeys(ALL, 10)
    assert [found.count(kind) for kind in ALL] == [10] * 8
    assert plant(rows, next_row(rows), kinds=ALL, rate=0.4, seed=2).kinds != found.kinds


def test_a_kind_that_few_rows_allow_leaves_its_part_to_the_others() -> None:
    rows = [SourceRow(f"{i:032x}", f"say {i}", "yes it is so") for i in range(39)]
    rows.append(SourceRow(f"{39:032x}", "how many", "it is 12"))
    found = plant(rows, {}, kinds=("edited_numbers", "refusal"), rate=0.5, seed=0)
    assert found.possible == {"edited_numbers": 1, "refusal": 40}
    assert found.count("edited_numbers") == 1
    assert found.count("refusal") == 19


def corrupted(kind: str, response: str, question: str = "What is it that you say?") -> str | None:
    row = SourceRow("a", question, response)
    others = Others.of([row, *source_rows(8)], {"a": f"{3:032x}"})
    return KINDS[kind].corrupt(row, others, random.Random(7))


def test_numbers_are_changed_and_list_markers_are_not() -> None:
    text = corrupted("edited_numbers", "1. Add 20 g.\n2. Wait 5 minutes until 10:45.")
    assert text is not None
    assert text.startswith("1. Add ")
    assert "\n2. Wait " in text
    for number in ("20", " 5 ", "10", "45"):
        assert number not in text.replace("1. ", "").replace("2. ", "")
    assert corrupted("edited_numbers", "1. one\n2. two") is None


def test_names_are_those_of_other_rows() -> None:
    text = corrupted("edited_names", "Yes, it was Anna who met Peter. The dog saw Anna.")
    assert text is not None
    assert "Anna" not in text
    assert "Peter" not in text
    assert text.startswith("Yes, it was ")
    assert " The dog saw " in text
    assert corrupted("edited_names", "Nobody was there.") is None
    assert corrupted("edited_names", "Es war der Hund und nicht die Katze von Anna") is None


def test_truncation_breaks_a_sentence_off() -> None:
    whole = "The first sentence is here. The second one goes on for a while, and then it ends."
    cut = corrupted("truncated", whole)
    assert cut is not None
    assert whole.startswith(cut)
    assert 0.2 * len(whole) < len(cut) < 0.6 * len(whole) + 1
    assert cut[-1].isalpha()
    assert corrupted("truncated", "too short") is None


@pytest.mark.parametrize("script", TEXTS)
def test_languages_change_within_and_across_scripts(script: str) -> None:
    for language, sentences in TEXTS[script].items():
        text = " ".join(sentences)
        assert known_script(text) == script
        across = corrupted("other_script", text)
        assert across is not None
        assert len(across.encode()) <= len(text.encode())
        assert known_script(across) != script
        within = corrupted("other_language", text, question="")
        assert (within is None) is (len(TEXTS[script]) == 1)
        if within is not None:
            assert known_script(within) == script
            assert language_of(within, script) not in (language, None)


def test_the_nearest_answer_is_not_that_of_the_same_question() -> None:
    assert corrupted("nearest_answer", "no") == source_rows(8)[3].response
    assert corrupted("nearest_answer", "no", source_rows(8)[3].question) is None


def test_a_single_row_of_one_word_allows_refusals_and_other_scripts_alone() -> None:
    rows = [SourceRow("a", "?", "word")]
    found = plant(rows, {}, kinds=ALL, rate=1.0, seed=0)
    assert {kind for kind, count in found.possible.items() if count} == {"refusal", "other_script"}
