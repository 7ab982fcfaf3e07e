"""The page's charts as pictures in Markdown, for metadata of a materialization.

A picture in the UI has no style sheet around it, so that its colours are its own: each is legible
on a light and on a dark background.
"""

import base64
from collections.abc import Mapping
from typing import Final

from tshirt_assets.report.markup import Html, el, join
from tshirt_assets.report.svg import RIGHT, TOP

WIDTH: Final = 560  # pixels
CORPUS, SUBSET, WORDS = "#8c93a3", "#7c5cd6", "#868e9c"
STYLE: Final = (
    f"text{{fill:{WORDS};font:11px sans-serif}}"
    f".grid{{stroke:{WORDS};opacity:.3}}.axis{{stroke:{WORDS}}}"
    f".cut{{stroke:{WORDS};stroke-dasharray:4 3}}.corner{{fill:{SUBSET};opacity:.12}}"
    f".area.corpus{{fill:{CORPUS};opacity:.55}}"
    f".area.subset{{fill:{SUBSET};fill-opacity:.35;stroke:{SUBSET};stroke-width:1.5}}"
    ".dots{fill:none;stroke-linecap:round;stroke-width:4}"
    f".dots.corpus{{stroke:{CORPUS};opacity:.7}}.dots.subset{{stroke:{SUBSET}}}"
    f".line{{fill:none;stroke-width:2}}.line.corpus{{stroke:{CORPUS}}}.line.subset{{stroke:{SUBSET}}}"
    f".bar.corpus{{fill:{CORPUS}}}.bar.subset{{fill:{SUBSET}}}"
    f".key{{font-weight:bold}}.key.corpus{{fill:{CORPUS}}}.key.subset{{fill:{SUBSET}}}"
)


def picture_markdown(chart: Html, title: str, keys: Mapping[str, str] | None = None) -> str:
    """Markdown image of a chart; the title is the alternative text.

    keys: what the colours `corpus` and `subset` stand for, written above the upper right corner.
    """
    words = [el("tspan", f"{word} ", class_=f"key {name}") for name, word in (keys or {}).items()]
    legend = el("text", *words, x=str(RIGHT), y=str(TOP - 4), text_anchor="end")
    opening, inside = chart.removesuffix("</svg>").split(">", 1)
    size = f' xmlns="http://www.w3.org/2000/svg" width="{WIDTH}"'
    style = Html(f"<style>{STYLE}</style>")
    svg = join(Html(f"{opening}{size}>"), style, Html(inside), legend, Html("</svg>"))
    text = title.replace("[", "(").replace("]", ")")
    data = base64.b64encode(svg.encode()).decode("ascii")
    return f"![{text}](data:image/svg+xml;base64,{data})"
