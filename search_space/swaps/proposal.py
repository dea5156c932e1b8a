"""One exchanged part, before its parameters are compared with the original's."""

from __future__ import annotations

from typing import NamedTuple

from search_space.architecture import Architecture


class Proposal(NamedTuple):
    """One exchanged part of a network; it may be equal to the original, or to another."""

    place: str
    change: str
    architecture: Architecture
