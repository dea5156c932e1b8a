"""No recalibration: the choice against all others."""

from __future__ import annotations

from typing import Literal

from search_space.primitives.recalibration.recalibration import RecalibrationDescription


class NoRecalibration(RecalibrationDescription):
    """The map stays as it is."""

    type: Literal["none"] = "none"

    def resolve(self, channels: int, in_channels: int) -> None:
        """None."""


NO_RECALIBRATION = NoRecalibration()
