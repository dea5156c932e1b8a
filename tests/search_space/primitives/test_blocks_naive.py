"""Every residual block against its oracle of loops, forward and backward, training or not."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from search_space.families import BlockKind, FamilyName, Shortcut
from search_space.networks.network import BLOCK_FORMS
from search_space.networks.plan import BlockPlan
from search_space.primitives import AugmentedConvolution, ChannelAttention, Convolution, Primitive
from search_space.primitives.channel_attention import (
    BlockAttention,
    BottleneckAttention,
    GatherExcite,
    GlobalLocalAttention,
    SqueezeExcitation,
)
from search_space.primitives.inverted_bottleneck import Identity, InvertedBottleneck
from tests.search_space import naive, naive_blocks
from tests.search_space import naive_channel_attention as naive_gates
from tests.search_space.comparison import assert_same, in_float64, normal, randomised

pytestmark = pytest.mark.many_cases

CONV = Convolution()
AUGMENTED = AugmentedConvolution(
    kernel=3, key_depth=4, value_depth=2, heads=2, position="relative", downsample=False
)
SQUEEZE, SPATIAL = SqueezeExcitation(squeeze=4), BottleneckAttention(squeeze=3, dilation=2)
OTHERS = [GatherExcite(), BlockAttention(squeeze=4), GlobalLocalAttention(squeeze=3)]

WIDTH = 3
HIDDEN_BIASES = ("channel.0", "spatial.0", "spatial.3", "spatial.6")  # of BAM, normalised away

training = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
channel_attention_kinds = pytest.mark.parametrize(
    "channel_attention",
    [None, SQUEEZE, SPATIAL],
    ids=lambda channel_attention: channel_attention.label if channel_attention else "plain",
)


def gate_of(channel_attention: ChannelAttention | None, training: bool) -> naive_blocks.Gate | None:
    if isinstance(channel_attention, BottleneckAttention):
        return partial(
            naive_gates.bottleneck_attention,
            dilation=channel_attention.dilation,
            training=training,
        )
    gates: dict[str, naive_blocks.Gate] = {
        "se": naive_gates.squeeze_excitation,
        "ge": naive_gates.gather_excite,
        "cbam": partial(naive_gates.block_attention, training=training),
        "gala": naive_gates.global_local_attention,
    }
    return gates[channel_attention.type] if channel_attention else None


def layer(primitive: Primitive, stride: int, weights: naive_blocks.Weights) -> naive_blocks.Layer:
    """The oracle of a convolution or an augmented one."""
    if isinstance(primitive, AugmentedConvolution):
        return partial(
            naive_blocks.augmented,
            weights=weights,
            key_depth=primitive.key_depth,
            heads=primitive.heads,
            stride=stride,
            downsample=primitive.downsample,
        )
    return partial(naive.convolution, weight=weights["weight"], stride=stride)


def oracle(plan: BlockPlan, block: naive_blocks.Block, x: Tensor) -> Tensor:
    primitive, weights = plan.primitive, block.weights
    if isinstance(primitive, Identity):
        return naive_blocks.identity(x, block)
    if isinstance(primitive, InvertedBottleneck):
        widen = None
        if primitive.expansion > 1:
            expanding = primitive.augmentation or Convolution(kernel=1)
            widen = layer(expanding, 1, naive_blocks.under(weights, "branch.expand.0"))
        return naive_blocks.inverted_bottleneck(x, block, widen)
    blocks: dict[tuple[str, str], tuple[Any, str]] = {
        ("resnet", "bottleneck"): (naive_blocks.bottleneck, "branch.3"),
        ("resnet", "basic"): (naive_blocks.basic, "branch.0"),
        ("wide_resnet", "basic"): (naive_blocks.pre_activation, "branch.0"),
    }
    form, name = blocks[plan.family, plan.kind]
    out: Tensor = form(x, block, layer(primitive, plan.stride, naive_blocks.under(weights, name)))
    return out


def built(plan: BlockPlan, training: bool = True) -> nn.Module:
    with in_float64():
        module = randomised(BLOCK_FORMS[plan.family].build(plan)).train(training)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("bias"):  # so that few ReLUs are closed at every pixel
                parameter.abs_()
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):  # so that a ReLU with a bound is seen
                part.weight.mul_(5)
    return module


def assert_block(plan: BlockPlan, training: bool) -> nn.Module:
    module = built(plan, training)
    shortcut: Literal["identity", "projection", "padding", "none"]
    shortcut = plan.shortcut if plan.changes_shape else "identity"
    weights = dict(module.named_parameters(remove_duplicate=False)) | dict(module.named_buffers())
    block = naive_blocks.Block(
        weights,
        training,
        plan.stride,
        plan.out_channels,
        shortcut,
        gate_of(plan.recalibration, training),
        plan.recalibration.placement if plan.recalibration else "branch",
    )
    # Biases right before a normalisation by the batch's own statistics.
    ineffective = ("mix_heads.bias", *(f"recalibration.{name}.bias" for name in HIDDEN_BIASES))
    assert_same(
        module,
        lambda x: oracle(plan, block, x),
        normal(3, plan.in_channels, *plan.input_hw),
        without_effect=tuple(n for n in weights if training and n.endswith(ineffective)),
    )
    return module


# in_channels, out_channels, stride, map
SHAPES: list[tuple[Shortcut, int, int, int, tuple[int, int]]] = [
    ("padding", 6, 6, 1, (3, 5)),  # nothing to change
    ("projection", 4, 6, 1, (4, 3)),
    ("projection", 6, 6, 2, (3, 5)),
    ("padding", 4, 7, 1, (3, 4)),
    ("padding", 4, 6, 2, (5, 3)),
    ("padding", 7, 4, 2, (3, 5)),
]
SHORTCUT_FIELDS = ("shortcut", "in_channels", "out_channels", "stride", "hw")
FORMS: list[tuple[FamilyName, BlockKind]] = [
    ("resnet", "bottleneck"),
    ("resnet", "basic"),
    ("wide_resnet", "basic"),
]
forms = pytest.mark.parametrize(("family", "kind"), FORMS)


def planned(family: FamilyName, kind: BlockKind, **fields: Any) -> BlockPlan:
    """Return a block that keeps the shape of a 3 x 5 map of 4 channels, changed by ``fields``."""
    given = {
        "family": family,
        "kind": kind,
        "shortcut": "none" if family == "mnasnet" else "padding",
        "primitive": CONV,
        "recalibration": None,
        "in_channels": 4,
        "width": WIDTH,
        "out_channels": 4,
        "stride": 1,
        "input_hw": (3, 5),
    }
    return BlockPlan(**(given | fields))


@training
@channel_attention_kinds
@pytest.mark.parametrize(SHORTCUT_FIELDS, SHAPES)
@forms
def test_residual_block(
    family: FamilyName,
    kind: BlockKind,
    shortcut: Shortcut,
    in_channels: int,
    out_channels: int,
    stride: int,
    hw: tuple[int, int],
    channel_attention: ChannelAttention | None,
    training: bool,
) -> None:
    plan = planned(
        family,
        kind,
        shortcut=shortcut,
        recalibration=channel_attention,
        in_channels=in_channels,
        out_channels=out_channels,
        stride=stride,
        input_hw=hw,
    )
    assert_block(plan, training)


@training
@pytest.mark.parametrize("channel_attention", OTHERS, ids=lambda each: each.label)
@forms
def test_other_channel_attention_of_a_residual_block(
    family: FamilyName, kind: BlockKind, channel_attention: ChannelAttention, training: bool
) -> None:
    assert_block(planned(family, kind, recalibration=channel_attention), training)


@training
@pytest.mark.parametrize(
    ("primitive", "stride"), [(Convolution(kernel=5), 2), (AUGMENTED, 1), (AUGMENTED, 2)]
)
@forms
def test_other_primitives_of_a_residual_block(
    family: FamilyName, kind: BlockKind, primitive: Primitive, stride: int, training: bool
) -> None:
    assert_block(planned(family, kind, primitive=primitive, stride=stride), training)


PLAIN = InvertedBottleneck(kernel=3, expansion=3)
DEPTHWISE = InvertedBottleneck(kernel=5, expansion=1)
ATTENDING = InvertedBottleneck(
    kernel=3, expansion=2, augmentation=AUGMENTED.replace(kernel=1, value_depth=4)
)
ALL_ATTENDING = InvertedBottleneck(
    kernel=3, expansion=2, augmentation=AUGMENTED.replace(value_depth=8, downsample=True)
)
INVERTED: list[tuple[Primitive, int, int, tuple[int, int]]] = [
    # primitive, out_channels (of 4), stride, map
    (PLAIN, 4, 1, (3, 5)),  # added to its input
    (PLAIN, 6, 1, (4, 3)),
    (PLAIN, 4, 2, (5, 3)),
    (DEPTHWISE, 4, 1, (3, 4)),
    (DEPTHWISE, 3, 2, (3, 5)),
    (ATTENDING, 4, 1, (3, 4)),
    (ATTENDING, 5, 2, (5, 3)),
    (ALL_ATTENDING, 4, 2, (3, 5)),
    (Identity(), 4, 1, (3, 5)),
    (Identity(), 6, 1, (2, 3)),
    (Identity(), 4, 2, (5, 3)),
]


@training
@channel_attention_kinds
@pytest.mark.parametrize(("primitive", "out_channels", "stride", "hw"), INVERTED)
def test_linear_bottleneck_block(
    primitive: Primitive,
    out_channels: int,
    stride: int,
    hw: tuple[int, int],
    channel_attention: ChannelAttention | None,
    training: bool,
) -> None:
    plan = planned(
        "mnasnet",
        "inverted_bottleneck",
        primitive=primitive,
        recalibration=channel_attention,
        out_channels=out_channels,
        stride=stride,
        input_hw=hw,
    )
    module = assert_block(plan, training)
    depthwise = [
        each for each in module.modules() if isinstance(each, nn.Conv2d) and each.groups > 1
    ]
    assert len(depthwise) == isinstance(primitive, InvertedBottleneck)


@training
@pytest.mark.parametrize("channel_attention", OTHERS, ids=lambda each: each.label)
@pytest.mark.parametrize("primitive", [PLAIN, Identity()], ids=lambda each: each.label)
def test_other_channel_attention_of_a_linear_bottleneck_block(
    primitive: Primitive, channel_attention: ChannelAttention, training: bool
) -> None:
    plan = planned(
        "mnasnet", "inverted_bottleneck", primitive=primitive, recalibration=channel_attention
    )
    assert_block(plan, training)


@pytest.mark.parametrize(("stride", "added"), [(1, True), (2, False)])
def test_a_primitive_of_ones_own_is_a_whole_branch(stride: int, added: bool) -> None:
    """A plain primitive in a linear bottleneck block has channel attention at the branch's end."""
    plan = planned("mnasnet", "inverted_bottleneck", stride=stride, recalibration=SQUEEZE)
    module = built(plan)
    weights = dict(module.named_parameters())

    def loops(x: Tensor) -> Tensor:
        out = naive.convolution(x, weights["branch.0.weight"], stride)
        out = naive_gates.squeeze_excitation(out, naive_blocks.under(weights, "branch.1"))
        return out + x if added else out

    assert_same(module, loops, normal(3, 4, 3, 5))
