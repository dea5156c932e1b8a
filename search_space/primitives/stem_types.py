"""The stems by name."""

from search_space.primitives.attention_stem import AttentionStem
from search_space.primitives.convolution_stem import ConvolutionStem
from search_space.primitives.stem import Stem

__all__ = ["STEMS", "AttentionStem", "ConvolutionStem", "Stem"]

STEMS: dict[str, type[Stem]] = {"conv": ConvolutionStem, "attention": AttentionStem}
