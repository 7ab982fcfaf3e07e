"""Text in Markdown: it reads as it was written, and is no markup."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.export.escaping import INVISIBLE, MARKUP, markdown, markdown_lines, one_line

ACTIVE = "\\`*_[]<>|~!&$#"
ESCAPED = re.compile(rf"\\([{re.escape(ACTIVE)}])")


@given(st.text(st.one_of(st.sampled_from(ACTIVE + "\n\r\t \x1b\u202e\u2028"), st.characters())))
def test_every_active_character_is_escaped_and_nothing_is_lost(text: str) -> None:
    escaped = markdown(text)
    assert ESCAPED.sub(r"\1", escaped) == one_line(text)
    assert not MARKUP.search(ESCAPED.sub("", escaped))
    assert "\n" not in escaped
    assert not INVISIBLE.search(escaped)


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_a_table_keeps_its_columns(texts: list[str]) -> None:
    [head, rule, line] = markdown_lines(
        ["a"] * len(texts), [[markdown(text) for text in texts]]
    ).split("\n")
    bars = [len(re.findall(r"(?<!\\)(?:\\\\)*\|", part)) for part in (head, rule, line)]
    assert bars == [len(texts) + 1] * 3


def test_names_that_would_be_markup() -> None:
    assert markdown("a|b\n# c") == r"a\|b \# c"
    assert markdown("<img src=x>![p](http://x/p.png)`") == (
        r"\<img src=x\>\!\[p\](http://x/p.png)\`"
    )
