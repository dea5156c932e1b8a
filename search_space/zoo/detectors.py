"""The RetinaNets of both papers by name (AACN Tables 5 and 8, SASA Table 2).

Neither paper says all that a count needs. What fits their printed costs, and is taken here: six
anchors a position, P6 from P5, no normalisation behind the pyramid and in the heads; in augmented
backbones no least key depth of a head. ``nas tables aacn5 sasa2`` says how near each comes.
"""

from __future__ import annotations

from search_space.architecture import Architecture
from search_space.detector import Detector
from search_space.primitives import Convolution, ConvolutionStem, LocalAttention, Primitive
from search_space.primitives.channel_attention import SqueezeExcitationRatio
from search_space.zoo.aacn import POSITIONS, RATIOS
from search_space.zoo.named import COCO, NamedNetwork
from search_space.zoo.resnets import aa_resnet, resnet, sasa_resnet
from search_space.zoo.width import scaled

ANCHORS_PER_POSITION = 6
DEPTHS = (50, 101)


def retinanet(
    backbone: Architecture, *, operator: Primitive | None = None, width: float = 1.0
) -> Architecture:
    """Return the papers' RetinaNet on a backbone.

    Args:
        backbone: a classifier, of which the stem and stages stay.
        operator: of pyramid and heads, the 3x3 convolution by default.
        width: factor on the pyramid's and heads' 256 channels.
    """
    chosen = operator or Convolution()
    detector = Detector(
        width=scaled(256, width),
        pyramid=chosen,
        heads=chosen,
        anchors_per_position=ANCHORS_PER_POSITION,
    )
    return backbone.replace(detector=detector, head=None)


def _resnet(depth: int) -> NamedNetwork:
    return NamedNetwork(
        lambda width: retinanet(resnet(depth, width=width), width=width), "AACN Table 5", COCO
    )


def _se_resnet(depth: int) -> NamedNetwork:
    squeeze = SqueezeExcitationRatio()
    return NamedNetwork(
        lambda width: retinanet(resnet(depth, channel_attention=squeeze, width=width), width=width),
        "AACN Table 5",
        COCO,
    )


def _aa_resnet(depth: int, **form: str) -> NamedNetwork:
    return NamedNetwork(
        lambda width: retinanet(
            aa_resnet(depth, *RATIOS[depth], min_key_depth_per_head=1, width=width, **form),  # type: ignore[arg-type]
            width=width,
        ),
        "AACN Table 8" if form else "AACN Table 5",
        COCO,
    )


def _sasa_resnet(stem: ConvolutionStem | None, operator: Primitive | None) -> NamedNetwork:
    return NamedNetwork(
        lambda width: retinanet(
            sasa_resnet(50, stem=stem, width=width), operator=operator, width=width
        ),
        "SASA Table 2",
        COCO,
    )


NETWORKS: dict[str, NamedNetwork] = {
    **{f"retinanet_resnet{depth}": _resnet(depth) for depth in DEPTHS},
    **{f"retinanet_se_resnet{depth}": _se_resnet(depth) for depth in DEPTHS},
    **{f"retinanet_aa_resnet{depth}": _aa_resnet(depth) for depth in DEPTHS},
    **{
        f"retinanet_aa_resnet50_{name}": _aa_resnet(50, position=POSITIONS[name])
        for name in ("no_position", "coordconv")
    },
    "retinanet_sasa_resnet50_conv_stem": _sasa_resnet(ConvolutionStem(), None),
    "retinanet_sasa_resnet50": _sasa_resnet(None, None),
    "sasa_retinanet50_conv_stem": _sasa_resnet(ConvolutionStem(), LocalAttention()),
    "sasa_retinanet50": _sasa_resnet(None, LocalAttention()),
}
