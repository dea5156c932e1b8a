"""The kinds of networks that are trained: classifiers."""

from __future__ import annotations

DETECTORS_NOT_TRAINED = (
    "detector: detectors are built, counted and measured, but not trained yet; a search and a "
    "training need classifiers"
)
"""The problem of a search space, or of a network, that is to be trained and is a detector's."""
