"""Tables in Markdown, for files that people read and commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int
) -> list[str]:
    """Return the lines of a table.

    Args:
        headings: of the columns; line breaks become blanks.
        rows: the cells, as many as headings.
        texts: the number of columns, from the left, that are aligned to the left; the others are
            numbers.
    """
    dashes = ["---"] * texts + ["---:"] * (len(headings) - texts)
    names = [heading.replace("\n", " ") for heading in headings]
    return [_line(names), _line(dashes), *map(_line, rows)]


def escaped(text: str) -> str:
    """Return a text without what divides the cells of a table."""
    return text.replace("|", "\\|")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(escaped, cells))} |"
