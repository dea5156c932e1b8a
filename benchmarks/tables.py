"""Tables of figures in plain text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def print_table(
    title: str, rows: list[dict[str, Any]], heads: Mapping[str, str] | None = None
) -> None:
    """Print rows that have the same keys; None is printed as a dash.

    Args:
        title: the line above.
        rows: at least one.
        heads: the keys to print and what stands over each; without it all keys, as they are.
    """
    heads = heads or {key: key for key in rows[0]}
    texts = [[_text(row[key]) for key in heads] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads.values(), *texts, strict=True)]
    is_name = [isinstance(rows[0][key], str) for key in heads]
    print(f"\n{title}")
    for line in [list(heads.values()), *texts]:
        cells = (
            cell.ljust(width) if name else cell.rjust(width)
            for cell, width, name in zip(line, widths, is_name, strict=True)
        )
        print("  ".join(cells).rstrip())


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{value:,.3g}" if value < 999.5 else f"{value:,.0f}"
