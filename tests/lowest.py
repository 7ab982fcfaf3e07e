"""The lowest versions that pyproject.toml allows, one pin a line: a constraints file for pip.

python -m tests.lowest > build/lowest.txt
"""

import re
from collections.abc import Iterator

from tests.sources import project


def pins() -> Iterator[str]:
    """`name==version` of every requirement with a lower bound."""
    metadata = project()["project"]
    groups = [metadata["dependencies"], *metadata["optional-dependencies"].values()]
    for requirement in sorted({line for group in groups for line in group}):
        if bound := re.fullmatch(r"([\w-]+)(?:\[.+\])?>=([\d.]+)", requirement):
            yield f"{bound[1]}=={bound[2]}"


if __name__ == "__main__":
    print(*pins(), sep="\n")
