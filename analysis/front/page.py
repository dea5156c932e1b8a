"""A front as an interactive page of its own, with the front of the report."""

from __future__ import annotations

from pathlib import Path

from analysis.front.section import Front, front_section
from analysis.page.document import page_html, write_page


def plot_front_html(path: Path | str, front: Front, *, title: str) -> None:
    """Write a front as a page that loads no other file.

    Args:
        path: the page to write; an existing file is replaced.
        front: what it shows.
        title: the page's.

    Raises:
        ValueError: see :func:`analysis.front.drawn.drawn`.
        OSError: ``path`` cannot be written.
    """
    write_page(path, page_html(title, [front_section(front)]))
