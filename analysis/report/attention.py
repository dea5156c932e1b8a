"""Where the heads of a network that was trained in full look on one image."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from analysis.page.section import Section
from analysis.report.run_data import ReportRun


def attention_section(runs: Sequence[ReportRun]) -> Section | None:
    """Return the section; None where no network with attention was trained in full."""
    pictures = [run.attention for run in runs if run.attention is not None]
    if not pictures:
        return None
    return Section(
        "attention",
        "Where a winner looks",
        "report/templates/attention.html",
        {
            "pictures": [
                {
                    "arch_id": each.arch_id,
                    "caption": each.caption,
                    "png": base64.b64encode(each.png).decode(),
                }
                for each in pictures
            ]
        },
    )
