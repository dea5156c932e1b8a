"""The primitives: stems, the operators inside residual blocks, channel attention.

May import only :mod:`search_space.attention` and the layers below it.
"""

from search_space.primitives.augmented_convolution import AugmentedConvolution
from search_space.primitives.augmented_convolution_ratios import AugmentedConvolutionRatios
from search_space.primitives.channel_attention import ChannelAttention
from search_space.primitives.convolution import Convolution
from search_space.primitives.inverted_bottleneck import (
    Identity,
    InvertedBottleneck,
    InvertedBottleneckRatios,
)
from search_space.primitives.local_attention import LocalAttention
from search_space.primitives.primitive import Description, OperatorKind, Primitive
from search_space.primitives.stem_types import AttentionStem, ConvolutionStem, Stem

__all__ = [
    "AttentionStem",
    "AugmentedConvolution",
    "AugmentedConvolutionRatios",
    "ChannelAttention",
    "Convolution",
    "ConvolutionStem",
    "Description",
    "Identity",
    "InvertedBottleneck",
    "InvertedBottleneckRatios",
    "LocalAttention",
    "OperatorKind",
    "Primitive",
    "Stem",
]
