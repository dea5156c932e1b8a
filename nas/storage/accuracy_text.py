"""A candidate's validation accuracy with its number of evaluations, as text and as plain data."""

from __future__ import annotations

from typing import Any

from nas.storage.candidates import Candidate

AS_FOUND = "as found"
"""Marks an accuracy of the search's own evaluation, which is too high because it was chosen."""


def accuracy_text(candidate: Candidate, *, decimals: int = 2) -> str:
    """Format as ``96.90% ± 0.45 (n=2)`` of fresh evaluations, or ``97.93% as found``."""
    value = f"{candidate.metrics['val_accuracy']:.{decimals}%}"
    if not candidate.is_fresh:
        return f"{value} {AS_FOUND}"
    error = candidate.standard_error
    spread = "" if error is None else f" ± {100 * error:.{decimals}f}"
    return f"{value}{spread} (n={candidate.n})"


def accuracy_json(candidate: Candidate) -> dict[str, Any]:
    """Return the accuracy as fractions by explicit keys.

    ``val_accuracy`` is the mean of ``val_accuracy_n`` fresh evaluations with its standard error
    (None below two). Where ``val_accuracy_is_fresh`` is False there are none, and it is
    ``val_accuracy_as_found``, that of the search's own evaluation. ``val_accuracy_of_all`` is the
    mean of both kinds, by which fronts are chosen.
    """
    return {
        "val_accuracy": candidate.metrics["val_accuracy"],
        "val_accuracy_n": candidate.n,
        "val_accuracy_standard_error": candidate.standard_error,
        "val_accuracy_is_fresh": candidate.is_fresh,
        "val_accuracy_as_found": candidate.as_found,
        "val_accuracy_of_all": candidate.choice["val_accuracy"],
    }
