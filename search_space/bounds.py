"""Bounds on what an architecture, a task or a search space may ask for.

They lie far beyond any network that is trained, and keep a slip of the keyboard, or a hostile file,
from taking minutes or gigabytes before anything is said.
"""

from __future__ import annotations

LARGEST = 2**16
"""Of channels, kernels, heads and every other whole number of a network."""

MOST_BLOCKS = 1_000
"""Of a network, all stages together."""

MOST_STAGES = 100

MOST_CHOICES = 100
"""Of one depth, width or field of a primitive; and alternatives of one place."""

MOST_DESCRIPTIONS = 10_000
"""Combinations of fields of one alternative."""

MOST_PIXELS = 2**26
"""Of an image, and of each of its sides 65,536."""

MOST_CLASSES = 10_000_000

MOST_MEETINGS = 20_000
"""Of a space: what may stand in a stage with each width of the stage and of its input, all of which
is tried when the space is read; and depths with those widths. The shipped spaces have up to 800."""
