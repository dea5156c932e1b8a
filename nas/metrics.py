"""Which metrics of a trial are counts."""

from __future__ import annotations

from collections.abc import Mapping

COUNTS = frozenset({"params", "macs", "activations"})
"""Metrics that are counted: whole numbers, in the ledger and in every JSON."""


def whole_counts(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics with every count as an int.

    Arithmetic and older ledgers have floats. Means over evaluations of one architecture are whole
    too, since all of them have the same counts.
    """
    return {
        name: int(value)
        if name in COUNTS and isinstance(value, float) and value.is_integer()
        else value
        for name, value in metrics.items()
    }
