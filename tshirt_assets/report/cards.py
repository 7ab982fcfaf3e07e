"""The row cards: instruction, input, and the response with every token coloured by its delta."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

import numpy as np

from tshirt_assets.incremental.boilerplate import own_part
from tshirt_assets.report.data import ReportRow
from tshirt_assets.report.markup import Html, el, join
from tshirt_assets.report.markup import text as escaped
from tshirt_assets.report.numbers import number, signed

LEVELS: Final = (0.25, 0.75, 1.5, 3.0)  # nats; where the next darker colour begins
FIRST_TOKENS: Final = 150  # shown at once; the rest behind an expander
MAX_TOKENS: Final = 4_000  # written to the page at all
MAX_CHARACTERS: Final = 20_000  # of an instruction, an input or an uncoloured response
FIRST_CHARACTERS: Final = 700
STRIP_BINS: Final = 60


def row_card(
    row: ReportRow, tau: float, shared_beginning: str = "", *, is_open: bool = False
) -> Html:
    """One expandable row. Nothing of its text becomes markup.

    shared_beginning: of most instructions; the row's title does without it.
    """
    first_line = (
        " ".join(own_part(row.instruction, shared_beginning).split())[:200] or "(empty instruction)"
    )
    badge = f"{row.rank:,}" if row.rank is not None else "–"
    summary = el(
        "summary",
        el("span", badge, class_="badge in" if row.selected else "badge", title="rank"),
        el("span", first_line, class_="peek", dir="auto"),
        strip(row.tokens, tau),
    )
    verdict = ("Selected" if row.selected else "Not selected") + (
        f": {row.reason}" if row.reason else ""
    )
    where = f"{row.shard} · row {row.row:,} · {row.sample_id}"
    body = [
        el("p", verdict, "; " + row.counterfactual if row.counterfactual else "", class_="verdict"),
        el("dl", *_scores(row), class_="scores"),
        _block("Instruction", plain_text(row.instruction)),
        _block("Input", plain_text(row.input)) if row.input else Html(""),
        _block(
            "Response", coloured_text(row.tokens, tau) if row.tokens else plain_text(row.response)
        ),
        el("p", where, f" · {row.domain}" if row.domain else "", class_="where"),
    ]
    opened = {"open": ""} if is_open else {}
    return el("details", summary, el("div", *body, class_="body"), class_="row", **opened)


def plain_text(value: str) -> Html:
    """Text with an expander behind the first characters; far too long text is cut, and says so."""
    shown, more = value[:FIRST_CHARACTERS], value[FIRST_CHARACTERS:MAX_CHARACTERS]
    if not more:
        return escaped(shown)
    rest = join(more, _cut(len(value) - MAX_CHARACTERS, "characters"))
    return join(shown, _expander(f"{len(value) - FIRST_CHARACTERS:,} more characters", rest))


def coloured_text(tokens: Sequence[tuple[str, float | None]], tau: float) -> Html:
    """Every token as a span whose class is its colour and whose title is its delta in nats."""
    spans = [_token(piece, delta, tau) for piece, delta in tokens[:MAX_TOKENS]]
    if len(tokens) <= FIRST_TOKENS:
        return join(*spans)
    rest = join(*spans[FIRST_TOKENS:], _cut(len(tokens) - MAX_TOKENS, "tokens"))
    expander = _expander(f"{len(tokens) - FIRST_TOKENS:,} more tokens", rest)
    return join(*spans[:FIRST_TOKENS], expander)


def colour_class(delta: float | None, tau: float) -> str:
    """`p1` to `p5` where the instruction helps, `n1` to `n5` where it hurts, `z` up to tau."""
    if delta is None:
        return "u"
    if not abs(delta) > tau:
        return "z"
    level = 1 + bisect_right(LEVELS, abs(delta))
    return f"{'p' if delta > 0 else 'n'}{level}"


def legend(tau: float | None) -> Html:
    """What the colours of the tokens mean."""
    steps = ("", *(f"{limit:g}" for limit in LEVELS))
    negative = [
        el("span", f"−{steps[i - 1]}" if i > 1 else "", class_=f"n{i}") for i in range(5, 0, -1)
    ]
    positive = [
        el("span", f"+{steps[i - 1]}" if i > 1 else "", class_=f"p{i}") for i in range(1, 6)
    ]
    zero = "≤ τ" if tau else "0"
    return el(
        "p",
        el("span", "instruction hurts", class_="end"),
        el("span", *negative, el("span", zero, class_="z"), *positive, class_="swatches"),
        el("span", "instruction helps", class_="end"),
        class_="legend",
    )


def strip(tokens: Sequence[tuple[str, float | None]], tau: float) -> Html:
    """The response at a glance: the mean delta of up to 60 stretches of it, as coloured cells."""
    deltas = np.array([delta for _, delta in tokens[:MAX_TOKENS] if delta is not None])
    if not len(deltas):
        return Html("")
    ends = np.linspace(0, len(deltas), min(STRIP_BINS, len(deltas)) + 1).astype(int)
    means = (np.add.reduceat(deltas, ends[:-1]) / np.diff(ends)).tolist()
    cells: dict[str, list[str]] = {}
    for index, mean in enumerate(means):
        cells.setdefault(colour_class(mean, tau), []).append(f"M{index} 0h1v1h-1z")
    paths = [el("path", class_=name, d="".join(d)) for name, d in cells.items() if name != "z"]
    return el(
        "svg",
        *paths,
        viewBox=f"0 0 {len(means)} 1",
        preserveAspectRatio="none",
        class_="strip",
        aria_hidden="true",
    )


def _token(piece: str, delta: float | None, tau: float) -> Html:
    title = "no delta" if delta is None else signed(delta)
    blank = " nl" if piece and not piece.strip() and "\n" in piece else ""
    # As `el` would write it: most of a page are tokens.
    name = colour_class(delta, tau) + blank
    return Html(f'<span class="{name}" title="{title}">{escaped(piece)}</span>')


def _scores(row: ReportRow) -> list[Html]:
    known = {name: value for name, value in row.scores.items() if value is not None}
    return [el("div", el("dt", name), el("dd", number(value))) for name, value in known.items()]


def _block(name: str, content: Html) -> Html:
    return join(el("h4", name), el("div", content, class_="text", dir="auto"))


def _expander(label: str, rest: Html) -> Html:
    return el("details", el("summary", f"Show {label}"), rest, class_="more")


def _cut(n: int, what: str) -> Html:
    return el("em", f" … {n:,} more {what} are not in this report") if n > 0 else Html("")
