"""Examine a run's folder: say what is wrong in it, and mend what can be mended."""

from __future__ import annotations
