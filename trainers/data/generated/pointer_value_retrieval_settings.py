"""The parameters of pointer value retrieval, and the rules between them."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from trainers.settings import Settings

DIGIT_PIXELS = 8
"""Side of scikit-learn's digits."""


class PointerValueRetrievalSettings(Settings):
    """The images of pointer value retrieval: four digits, one in each quarter of the image."""

    pixels: int = Field(default=20, ge=16, le=512)
    """Side of the square image, an even number. Unit: pixels."""
    margin: int = Field(default=1, ge=0, le=248)
    """Least distance of a digit's 8 x 8 pixels to the edges of its quarter; a digit lies anywhere
    in the room that this leaves: in one place where pixels = 2 (8 + 2 margin). Unit: pixels."""

    @property
    def quarter_pixels(self) -> int:
        """Side of a quarter, in pixels."""
        return self.pixels // 2

    @property
    def places(self) -> int:
        """Places of a digit in its quarter, along each side."""
        return self.quarter_pixels - DIGIT_PIXELS - 2 * self.margin + 1

    @model_validator(mode="after")
    def _digits_fit(self) -> Self:
        if self.pixels % 2:
            raise ValueError(f"pixels must be even, got pixels={self.pixels}")
        if self.places < 1:
            raise ValueError(
                f"pixels must be at least 2 x ({DIGIT_PIXELS} + 2 margin), else the digits do not "
                f"fit, got pixels={self.pixels}, margin={self.margin}"
            )
        return self
