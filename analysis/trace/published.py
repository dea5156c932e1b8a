"""The papers' own results beside a trace's families: only what a table of theirs prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.paper_tables.catalogue import CATALOGUE
from analysis.paper_tables.printed_tables import PrintedRow, printed_table
from analysis.trace.points import PublishedPoint
from search_space.nearest import hint

ON_HELD_OUT = ("sasa3", "sasa5")
"""Tables of accuracies on images held out of ImageNet's train part; all others of classification
are on its 50,000 validation images, which are the test images here."""

TOP_1 = "top1_percent"

OF_ONE_SET = (
    *("digits", "pathfinder", "pointer_value_retrieval"),
    *("cifar10", "cifar100", "imagenet"),
)
"""Names of data that are one set; under any other name the papers' sets may lie too."""


def check_published(table: str, accuracy: str, dataset: str) -> None:
    """Check that a table's accuracies compare with a trace's.

    Args:
        table: the table's key, such as ``aacn3``.
        accuracy: ``test_accuracy`` or ``val_accuracy``.
        dataset: the trace's ``data.name``.

    Raises:
        ValueError: there is no such table, it prints no top-1 accuracy, or its accuracies are of
            other images.
    """
    if table not in CATALOGUE:
        raise ValueError(f"published.table: no table is called {table!r}; {hint(table, CATALOGUE)}")
    if not any(row.results.get(TOP_1) for row in printed_table(table).rows):
        raise ValueError(f"published.table: {table} prints no top-1 accuracy")
    theirs = CATALOGUE[table].dataset
    if dataset in OF_ONE_SET and dataset != theirs:
        raise ValueError(f"published.table: {table} is of {theirs}, got data.name={dataset!r}")
    needed = "val_accuracy" if table in ON_HELD_OUT else "test_accuracy"
    if accuracy != needed:
        raise ValueError(
            f"published.table: {table} prints accuracies of "
            + ("images held out of the train part" if table in ON_HELD_OUT else "the test images")
            + f", which are a trace's accuracy: {needed}, got accuracy: {accuracy}"
        )


def published_points(
    table: str, families: Mapping[str, Sequence[str]], own_values: Mapping[str, float]
) -> list[PublishedPoint]:
    """Return the rows of a table that are networks of families.

    Rows whose figures come from a secondary source are left out.

    Args:
        table: its key.
        families: the networks of each family, by their names in the zoo.
        own_values: the networks' places on the trace's own axis.
    """
    return [
        PublishedPoint(family, row.name, _costs(row, own_values), _accuracy(row))
        for family, networks in families.items()
        for row in printed_table(table).rows
        if row.network in networks and not row.is_secondary and row.results.get(TOP_1)
    ]


def source_of(table: str) -> str:
    """Return the name of a table, such as ``AACN Table 3``."""
    entry = CATALOGUE[table]
    return f"{entry.paper.short} Table {entry.number}"


def _accuracy(row: PrintedRow) -> float:
    return float(row.results[TOP_1]) / 100


def _costs(row: PrintedRow, own_values: Mapping[str, float]) -> dict[str, float]:
    """Return the printed costs by axis; the papers' FLOPs are twice the MACs."""
    costs: dict[str, float] = {}
    if params := row.costs.get("params"):
        costs["params"] = float(params.value * params.unit.size)
    if flops := row.costs.get("flops_paper"):
        costs["macs"] = float(flops.value * flops.unit.size) / 2
    if row.network is not None and row.network in own_values:
        costs["own"] = own_values[row.network]
    return costs
