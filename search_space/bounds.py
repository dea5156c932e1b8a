"""Bounds on what an architecture, a task or a search space may ask for.

They lie far beyond any network that is trained. They are checked before memory or time is spent, so
that a typing error, or a hostile file, gets a message at once.
"""

from __future__ import annotations

LARGEST = 2**16
"""The largest number of channels, kernel size, number of heads, or other whole number of a network.
"""

MOST_BLOCKS = 1_000
"""The largest number of blocks of a network, all stages together."""

MOST_STAGES = 100
"""The largest number of stages of a network."""

MOST_CHOICES = 100
"""The largest number of choices of a depth, a width or a field of a primitive, and the largest
number of types of a component (a stem, a stage's primitive, a block's override)."""

MOST_DESCRIPTIONS = 10_000
"""The largest number of combinations of the choices of one type's fields."""

MOST_PIXELS = 2**26
"""The largest number of pixels of an image. Each side has at most ``LARGEST``."""

MOST_CLASSES = 10_000_000
"""The largest number of classes of a task."""

MOST_COMBINATIONS = 50_000
"""The largest number of combinations that are tried when a search space is read, see
:func:`search_space.space.combinations.combinations`. The shipped spaces have up to 1,186."""
