"""The primitives: what may stand where a ResNet has its 3x3 convolution, and its stem."""

from search_space.primitives.augmented_convolution import (
    AugmentedConvolution,
    AugmentedConvolutionRatios,
)
from search_space.primitives.convolution import Convolution
from search_space.primitives.local_attention import LocalAttention
from search_space.primitives.primitive import Description, Primitive
from search_space.primitives.stems import AttentionStem, ConvolutionStem, Stem

__all__ = [
    "AttentionStem",
    "AugmentedConvolution",
    "AugmentedConvolutionRatios",
    "Convolution",
    "ConvolutionStem",
    "Description",
    "LocalAttention",
    "Primitive",
    "Stem",
]
