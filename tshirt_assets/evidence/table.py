"""A table that is written as Markdown and as HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tshirt_assets.export.escaping import markdown, markdown_lines, one_line


@dataclass(frozen=True, slots=True)
class Table:
    """Head and rows of plain text; the first cell of a row is a name, set as code."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """The table in Markdown."""
        rows = [[f"`{one_line(name)}`", *map(markdown, cells)] for name, *cells in self.rows]
        return markdown_lines([markdown(name) for name in self.head], rows)

    def html(self) -> str:
        """The table in HTML."""
        head = "".join(f'<th scope="col">{escape(one_line(cell))}</th>' for cell in self.head)
        rows = "".join(
            f'<tr><th scope="row">{escape(one_line(name))}</th>'
            + "".join(f"<td>{escape(one_line(cell))}</td>" for cell in cells)
            + "</tr>"
            for name, *cells in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
