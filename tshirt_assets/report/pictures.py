"""Charts as pictures for Dagster metadata, where no style sheet of a page reaches them."""

import re
from collections.abc import Mapping
from typing import Final

from tshirt_assets.report.inline import BARS, WORDS, image_markdown
from tshirt_assets.report.markup import Html, el, join
from tshirt_assets.report.svg import LEFT, RIGHT, WIDTH

HEAD: Final = 24  # above the chart, for its title and the names of its colours
SCALE: Final = 1.4  # of the picture against the chart's own pixels
MAX_POINTS: Final = 250  # of each colour: a picture stays below twelve kilobytes
CUTS: Final = "#c8742c"
# What report.css says of these classes, in colours for light and for dark backgrounds.
LOOKS: Final = {
    "grid": f'stroke="{WORDS}" stroke-opacity=".25"',
    "axis": f'stroke="{WORDS}"',
    "cut": f'stroke="{CUTS}" stroke-width="1.3" stroke-dasharray="4 3"',
    "corner": f'fill="{BARS}" fill-opacity=".12"',
    "area corpus": f'fill="{WORDS}" fill-opacity=".5"',
    "area subset": f'fill="{BARS}" fill-opacity=".3" stroke="{BARS}" stroke-width="1.5"',
    "dots corpus": f'stroke="{WORDS}" stroke-opacity=".6" stroke-width="3" stroke-linecap="round"',
    "dots subset": f'stroke="{BARS}" stroke-width="4" stroke-linecap="round"',
    "dots corpus few": f'stroke="{WORDS}" stroke-opacity=".6" stroke-width="4.5" '
    'stroke-linecap="round"',
    "dots subset few": f'stroke="{BARS}" stroke-width="5" stroke-linecap="round"',
    "bar corpus": f'fill="{WORDS}" fill-opacity=".7"',
    "bar subset": f'fill="{BARS}" fill-opacity=".85"',
    "error": f'stroke="{CUTS}" stroke-width="1.5"',
    "line corpus": f'fill="none" stroke="{WORDS}" stroke-width="2" stroke-linecap="round"',
    "line subset": f'fill="none" stroke="{BARS}" stroke-width="2" stroke-dasharray="6 4"',
}
HEIGHT: Final = re.compile(r'viewBox="0 0 \d+ (\d+)"')
CLASS: Final = re.compile(r'class="([^"]*)"')


def picture_markdown(chart: Html, title: str, keys: Mapping[str, str] | None = None) -> str:
    """Markdown image of a chart of `svg.chart`; the title stands above it, and for it in text.

    keys: what the colours `corpus` and `subset` stand for, written beside the title.
    """
    found = HEIGHT.search(chart)
    height = int(found[1]) if found else 0
    heading = el("text", title, x=f"{LEFT}", y="14", font_size="12", font_weight="bold")
    colours = {"corpus": WORDS, "subset": BARS}
    words = [
        join(el("tspan", "■ ", fill=colours[key], dx="8"), name)
        for key, name in (keys or {}).items()
    ]
    legend = el("text", *words, x=f"{RIGHT - 8}", y="14", text_anchor="end")
    whole = el(
        "svg",
        heading,
        legend,
        chart,
        xmlns="http://www.w3.org/2000/svg",
        width=f"{SCALE * WIDTH:.0f}",
        height=f"{SCALE * (height + HEAD):.0f}",
        viewBox=f"0 0 {WIDTH} {height + HEAD}",
        font_family="sans-serif",
        font_size="11",
        fill=WORDS,
    )
    place = f'y="{HEAD}" width="{WIDTH}" height="{height}"'
    return image_markdown(
        CLASS.sub(lambda found: (LOOKS | {"chart": place})[found[1]], whole), title
    )
