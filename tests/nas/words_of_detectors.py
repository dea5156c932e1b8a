"""Words that nothing said of a run of detectors has: their measure is mAP, and no accuracy."""

from __future__ import annotations

import re

_WRONG = re.compile(r".*(?:accura|\bacc\b|top-1).*", re.IGNORECASE)
_RIGHT = ("accuracy of matched anchors", "train_accuracy")


def wrong_words(text: str) -> list[str]:
    """The lines of a text with such words.

    ``train_accuracy`` stays: it is the share of matched anchors whose class is right.
    """
    for right in _RIGHT:
        text = text.replace(right, "")
    return [match.strip() for match in _WRONG.findall(text)]
