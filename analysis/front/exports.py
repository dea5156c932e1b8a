"""A front as text for other programs: CSV with plain numbers, Markdown as people read it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.front.table import accuracy_cells, value_columns, value_text
from analysis.markdown_table import markdown_table
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from nas.metrics import METRICS
from nas.storage.candidates import Candidate

MEMBER_COLUMNS = (
    "arch_id",
    "runs",
    "val_accuracy",
    "val_accuracy_standard_error",
    "val_accuracy_n",
    "val_accuracy_is_fresh",
    "val_accuracy_as_found",
    "is_knee",
    "is_on_front_by_value",
    "device_seconds",
    "description",
)
"""The columns of a CSV beside those of the metrics, by the keys of JSON."""


def front_csv(front: Mapping[str, Any], names: MetricNames = OF_ACCURACY) -> str:
    """Return a front as CSV: fractions, whole numbers of parameters, and empty cells for none.

    Args:
        front: of :func:`analysis.front.table.front_json`; members may have ``runs``.
        names: of the run's metrics, by which columns are called.
    """
    members: Sequence[Mapping[str, Any]] = front["members"]
    metrics = [
        name
        for name in METRICS
        if name != "val_accuracy" and any(name in each["metrics"] for each in members)
    ]
    columns = [name for name in MEMBER_COLUMNS if any(name in each for each in members)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(names.key, [*columns[:-1], *metrics, *columns[-1:]]))
    for member in members:
        cells = [_cell(member.get(name)) for name in columns]
        writer.writerow(
            [*cells[:-1], *(_cell(member["metrics"].get(name)) for name in metrics), *cells[-1:]]
        )
    return text.getvalue()


def front_markdown(
    members: Sequence[Candidate],
    *,
    x: str,
    y: str,
    z: str | None = None,
    knee: Candidate | None = None,
    shown: Sequence[Candidate] | None = None,
    names: MetricNames = OF_ACCURACY,
) -> str:
    """Return a front as a table in Markdown, with the knee in bold; arguments are those of
    :func:`analysis.front.table.front_table`.
    """
    values = value_columns(members, x=x, y=y, z=z)
    of_accuracy = names.line("val_accuracy").replace("%", " %")
    headings = ["arch_id", of_accuracy, "± std err.", "n", "as found"]
    headings += [names[name].heading for name in values]
    rows = []
    for member in members if shown is None else shown:
        is_knee = knee is not None and member.arch_id == knee.arch_id
        name = f"**{member.arch_id}**" if is_knee else member.arch_id
        cells = [*accuracy_cells(member), *(value_text(member, each) for each in values)]
        rows.append([name, str(member.architecture), *cells])
    headings.insert(1, "architecture")
    return "\n".join(markdown_table(headings, rows, texts=2)) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ";".join(value) if isinstance(value, list | tuple) else str(value)
