"""What cannot be scored."""

from __future__ import annotations


class ScoreError(ValueError):
    """A network has no such score; the message says which, and why."""
