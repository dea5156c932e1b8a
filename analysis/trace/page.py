"""A trace as an interactive page of its own, with the section that reports show."""

from __future__ import annotations

from pathlib import Path

from analysis.page.document import page_html, write_page
from analysis.trace.points import TraceResult
from analysis.trace.section import trace_section


def plot_trace_html(path: Path | str, result: TraceResult) -> None:
    """Write a trace as a page that loads no other file; its figures stand under each other.

    Args:
        path: the page to write; an existing file is replaced.
        result: with at least one point.

    Raises:
        OSError: ``path`` cannot be written.
    """
    write_page(path, page_html(result.title, [trace_section(result)]))
