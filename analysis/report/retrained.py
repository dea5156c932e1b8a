"""Networks that were trained in full, beside plain ones of equal size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.page.section import Section
from analysis.report.run_data import ReportRun
from nas.quantities import format_quantity


def retrained_section(runs: Sequence[ReportRun]) -> Section | None:
    """Return the section; None where nothing was trained in full."""
    rows = [(run.name, row) for run in runs for row in run.retrained]
    if not rows:
        return None
    names = runs[0].names
    changed = {str(key): each for _, row in rows for key, each in row["overrides"].items()}
    return Section(
        "retrained",
        "Trained in full",
        "report/templates/retrained.html",
        {
            "has_runs": len(runs) > 1,
            "headings": [
                names.of_split(split) for split in ("proxy validation", "validation", "test")
            ],
            "rows": [_row(name, row) for name, row in rows],
            "differences": [
                line for _, row in rows for line in [row.get("difference", "")] if line
            ],
            "overrides": [
                f"{key}={each['to']} (was {each['from']})" for key, each in changed.items()
            ],
            "on_both": any(row["train_on"] == "train+validation" for _, row in rows),
        },
    )


def _row(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    proxy = _percent(row["proxy_val_accuracy"], row["proxy_standard_error"])
    if row["proxy_is_fresh"] is False:
        proxy += " as found"
    return {
        "run": name,
        "kind": row["network"] or row["kind"],
        "arch_id": row["arch_id"],
        "description": row["description"],
        "params": format_quantity(row["params"]),
        "macs": format_quantity(row["macs"]),
        "proxy": proxy,
        "proxy_n": row["proxy_n"] or "",
        "validation": _percent(row["val_accuracy"], None),
        "test": _percent(row["test_accuracy"], row["test_standard_error"]),
        "n": row["n"],
    }


def _percent(value: float | None, error: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2%}" + ("" if error is None else f" ± {100 * error:.2f}")
