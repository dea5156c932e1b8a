"""The pictures of a front, and who is left out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from analysis.front.beside import Beside
from analysis.front.picture import plot_front_png
from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.evaluation.metric_names import MetricNames
from nas.storage.candidates import Candidate
from search_space.architecture import Task


def left_out(config: SearchConfig, over: list[Candidate]) -> str:
    """Return the message about candidates that the latency limit keeps off the front."""
    listed = ", ".join(f"{each.arch_id} ({each.metrics['latency_ms']:.4g} ms)" for each in over)
    return (
        f"{len(over)} trained whose second measurement of latency is over limits.latency_ms="
        f"{config.limits.latency_ms:g}, left out: {listed}"
    )


def draw_front(
    name: str,
    evaluated: list[Candidate],
    members: list[Candidate],
    task_of: Callable[[], Task],
    *,
    x: str,
    y: str,
    best: Candidate | None,
    png: Path | None,
    html: Path | None,
    names: MetricNames,
    beside: Sequence[Beside] = (),
) -> None:
    """Draw a front as a picture and as a page, each where a file is given.

    Args:
        name: of the run, or of several.
        evaluated: all architectures that the front was chosen from.
        members: the front.
        task_of: returns the run's task, which a page shows.
        x: its cost.
        y: its accuracy.
        best: the knee, if there is one.
        png: the picture to write.
        html: the page to write.
        names: of the run's metrics.
        beside: networks that the search did not choose.

    Raises:
        RunError: a file cannot be written.
    """
    title = f"{name}: {len(evaluated)} architectures, {len(members)} on the front"
    try:
        if png is not None:
            plot_front_png(
                png,
                evaluated,
                members,
                x=x,
                y=y,
                knee=best,
                title=title,
                beside=beside,
                names=names,
            )
        if html is not None:
            from analysis.front.page import plot_front_html  # noqa: PLC0415 - Jinja2 and Plotly
            from analysis.front.section import Front  # noqa: PLC0415

            front = Front(evaluated, members, x, y, best, task_of(), beside, names=names)
            plot_front_html(html, front, title=title)
    except OSError as error:
        raise RunError(f"cannot draw the front: {error}") from error
