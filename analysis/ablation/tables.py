"""An ablation as tables: for a terminal, as Markdown, and as CSV."""

from __future__ import annotations

import csv
import io

from rich import box
from rich.table import Table

from analysis.ablation.comparisons import AblationResult, Comparison
from analysis.ablation.labels import change_label
from analysis.markdown_table import escaped, markdown_table
from search_space.swaps import NEAR

TEXT_HEADINGS = ("part", "exchanged\nfor")
NUMBER_HEADINGS = ("difference,\npoints", "interval,\npoints", "adjusted\np", "n")
COST_HEADINGS = ("params", "MACs", "training\ntime")
LONGEST_WORD = len("convolution")  # a narrow terminal breaks lines at blanks only

DIFFERS, NOT_NEAR = "*", "!"

LEGEND_OF_PARAMS = f"{NOT_NEAR} parameters differ by more than {NEAR:.0%}"
LEGEND = f"{DIFFERS} the interval excludes 0; {LEGEND_OF_PARAMS}"


def ablation_table(result: AblationResult) -> Table:
    """Return the comparisons for a terminal, in the order of the network's parts."""
    table = Table(
        title=result.title,
        title_justify="left",
        caption="\n".join([*result.notes, LEGEND]),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for heading in TEXT_HEADINGS:
        table.add_column(heading, min_width=LONGEST_WORD)
    for heading in (*NUMBER_HEADINGS, *COST_HEADINGS):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in result.comparisons:
        table.add_row(*_cells(each, result))
    return table


def ablation_markdown(result: AblationResult) -> str:
    """Return the comparisons as a Markdown table, after the title and before the notes."""
    table = markdown_table(
        (*TEXT_HEADINGS, *NUMBER_HEADINGS, *COST_HEADINGS),
        [_cells(each, result) for each in result.comparisons],
        texts=len(TEXT_HEADINGS),
    )
    notes = (f"{escaped(note)}  " for note in (*result.notes, LEGEND))
    return "\n".join([f"# {result.title}", "", *table, "", *notes]) + "\n"


def ablation_csv(result: AblationResult) -> str:
    """Return the comparisons as CSV, a row each; differences are fractions."""
    text = io.StringIO()
    columns = ["place", "original", "change", "arch_id", "difference", "standard_error", "low"]
    columns += ["high", "p_value", "adjusted_p_value", "differs", "n", "comparisons_made"]
    columns += ["params", "params_difference", "macs", "macs_fraction", "device_seconds_fraction"]
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    for each in result.comparisons:
        row = {
            "place": each.place,
            "original": result.places[each.place],
            "change": each.change,
            "arch_id": each.network.arch_id,
            "comparisons_made": len(result.comparisons),
            "params": each.network.params,
            "params_difference": each.params_difference,
            "macs": each.network.macs,
            "macs_fraction": each.macs_fraction,
            "device_seconds_fraction": each.seconds_fraction,
        }
        writer.writerow(row | each.interval.to_json())
    return text.getvalue()


def params_text(difference: int, fraction: float) -> str:
    """Return a difference of parameters, marked where it is above 1 %."""
    text = f"{difference:+,} ({fraction:+.2%})"
    return f"{text} {NOT_NEAR}" if abs(fraction) > NEAR else text


def part_text(place: str, result: AblationResult) -> str:
    """Return a part with what it is in the original, such as ``stage 2: local attention``."""
    what = result.places[place]
    return f"{place}: {what}" if what else f"whole {place}"


def _cells(each: Comparison, result: AblationResult) -> list[str]:
    inner, seconds = each.interval, each.seconds_fraction
    interval = "no spread"
    if inner.low is not None and inner.high is not None:
        interval = f"{100 * inner.low:+.2f} to {100 * inner.high:+.2f}"
    return [
        part_text(each.place, result),
        change_label(each.change),
        f"{100 * inner.mean:+.2f}" + (f" {DIFFERS}" if inner.differs else ""),
        interval,
        "-" if inner.adjusted_p_value is None else f"{inner.adjusted_p_value:.3f}",
        str(inner.n),
        params_text(each.params_difference, each.params_fraction),
        f"{each.macs_fraction:+.1%}",
        "-" if seconds is None else f"{seconds:+.0%}",
    ]
