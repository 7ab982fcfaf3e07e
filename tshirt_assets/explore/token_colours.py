"""The colours of tokens as the report has them, for the page's style."""

import re
from importlib import resources
from typing import Final

RULES: Final = re.compile(r"^\.[pn][1-5] \{[^}]*\}$", re.MULTILINE)
VARIABLES: Final = re.compile(r"--(positive|negative):[^;]*;")


def token_colours() -> str:
    """CSS of the classes p1 to p5 and n1 to n5, light and dark, out of the report's own style."""
    report = resources.files("tshirt_assets.report").joinpath("report.css").read_text()
    light: dict[str, str] = {}
    dark: dict[str, str] = {}
    for found in VARIABLES.finditer(report):  # those of the light page come first
        of = dark if found[1] in light else light
        of[found[1]] = found[0]
    schemes = [
        f":root {{ {' '.join(light.values())} }}",
        f"@media (prefers-color-scheme: dark) {{ :root {{ {' '.join(dark.values())} }} }}",
    ]
    return "\n".join([*schemes, *RULES.findall(report)])
