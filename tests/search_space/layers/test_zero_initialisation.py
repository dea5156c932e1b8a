"""Residual branches that start at zero: the scales set, the block's output, the gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from search_space.architecture import Architecture, Stage, Task
from search_space.networks import Network, build
from search_space.networks.mnasnet import LinearBottleneckBlock
from search_space.networks.resnet import ResidualBlock
from search_space.primitives import (
    AugmentedConvolution,
    Convolution,
    ConvolutionStem,
    LocalAttention,
)
from search_space.primitives.channel_attention import BottleneckAttention, SqueezeExcitation
from search_space.primitives.inverted_bottleneck import Identity, InvertedBottleneck
from search_space.zoo import IMAGENET, network
from tests.search_space.comparison import generator

TASK = Task(input_shape=(3, 16, 16), classes=5)
STEM = ConvolutionStem(width=8, kernel=3, stride=1, pool=False)


def residual(block: str, **fields: Any) -> Architecture:
    """Stages with a gate in each branch and after a stage; shapes change and do not."""
    squeeze = SqueezeExcitation(squeeze=4)
    augmented = AugmentedConvolution(
        kernel=3, key_depth=8, value_depth=4, heads=2, position="relative", downsample=False
    )
    stages = (
        Stage(
            width=8,
            stride=1,
            blocks=(Convolution(),) * 3,
            recalibration=(None, squeeze, BottleneckAttention(squeeze=4)),
        ),
        Stage(width=12, stride=2, blocks=(augmented, LocalAttention(extent=3, heads=2))),
    )
    return Architecture(block=block, stem=STEM, stages=stages, **fields)


def mobile() -> Architecture:
    plain, depthwise = (InvertedBottleneck(kernel=3, expansion=n) for n in (3, 1))
    attending = plain.replace(
        augmentation=AugmentedConvolution(
            kernel=1, key_depth=8, value_depth=4, heads=2, position="relative", downsample=False
        )
    )
    squeeze = SqueezeExcitation(squeeze=4)
    stages = (
        Stage(width=8, stride=1, blocks=(depthwise, plain, Identity())),
        Stage(
            width=12,
            stride=2,
            blocks=(plain, attending, plain),
            recalibration=(squeeze, squeeze, BottleneckAttention(squeeze=4)),
        ),
    )
    return Architecture(family="mnasnet", stem=STEM, stages=stages, head=24)


CASES = {
    "basic": residual("basic"),
    "bottleneck": residual("bottleneck", expansion=2),
    "padding": residual("bottleneck", shortcut="padding"),
    "mnasnet": mobile(),
}
cases = pytest.mark.parametrize("architecture", CASES.values(), ids=CASES)


def blocks_of(model: Network) -> list[Any]:
    return [block for stage in model.stages for block in stage]  # type: ignore[attr-defined]


def last_norms(model: Network) -> list[str]:
    """Names of the scales that should be zero."""
    names = []
    for name, part in model.named_modules():
        if isinstance(part, ResidualBlock):
            norms = [n for n, each in enumerate(part.branch) if isinstance(each, nn.BatchNorm2d)]
            names.append(f"{name}.branch.{norms[-1]}.weight")
        elif isinstance(part, LinearBottleneckBlock) and part.adds_input:
            names.append(f"{name}.branch.project.1.weight")
    return names


@cases
def test_only_the_last_scales_of_branches_differ(architecture: Architecture) -> None:
    plain = build(architecture, TASK, seed=3)
    model = build(architecture, TASK, seed=3, zero_init_residual=True)
    again = build(architecture, TASK, seed=3, zero_init_residual=True).state_dict()
    zeroed = last_norms(plain)
    assert len(zeroed) == (4 if architecture.family == "mnasnet" else 5)
    for name, value in model.state_dict().items():
        assert torch.equal(value, again[name])
        before = plain.state_dict()[name]
        if name in zeroed:
            assert not value.any()
            assert torch.equal(before, torch.ones_like(before))
        else:
            assert torch.equal(value, before), name


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@cases
def test_every_block_starts_as_its_shortcut(architecture: Architecture, training: bool) -> None:
    model = build(architecture, TASK, seed=0, zero_init_residual=True).train(training)
    x = model.stem(torch.randn(4, *TASK.input_shape, generator=generator()))
    alone = 0
    for block in blocks_of(model):
        if isinstance(block, ResidualBlock):
            wanted = block.recalibration(block.shortcut(x).clamp(min=0))
        elif block.adds_input:
            wanted = block.recalibration(x)
        else:
            wanted = block.branch(x)
            alone += 1
        out = block(x)
        torch.testing.assert_close(out, wanted)
        assert bool((out.abs() > 0.1).any())
        x = out
    # The identity, and the block that changes the shape.
    assert alone == (2 if architecture.family == "mnasnet" else 0)


NORMALISED_AWAY = ("mix_heads.bias", "channel.0.bias", *(f"spatial.{i}.bias" for i in (0, 3, 6)))


@cases
def test_everything_learns_after_one_step(architecture: Architecture) -> None:
    model = build(architecture, TASK, seed=0, zero_init_residual=True)
    images = torch.randn(8, *TASK.input_shape, generator=generator())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    effective = {name for name, _ in model.named_parameters() if not name.endswith(NORMALISED_AWAY)}

    def silent() -> set[str]:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), torch.arange(8) % TASK.classes).backward()
        slopes = {name: parameter.grad for name, parameter in model.named_parameters()}
        return {name for name in effective if slopes[name] is None or not slopes[name].any()}

    # At first nothing learns before a scale that is zero, or of a gate after it.
    scales = last_norms(model)
    blocks = tuple(scale.partition("branch.")[0] + "branch." for scale in scales)
    ends = {*scales, *(scale.removesuffix("weight") + "bias" for scale in scales)}
    assert silent() == {name for name in effective if name.startswith(blocks)} - ends
    optimizer.step()
    assert silent() == set()


@pytest.mark.parametrize(
    ("name", "number"), [("resnet50", 16), ("aa_resnet34", 16), ("mnasnet_100", 9)]
)
def test_scales_that_are_zero_in_the_papers_networks(name: str, number: int) -> None:
    model = build(network(name), IMAGENET, seed=0, zero_init_residual=True)
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)]
    assert sum(not norm.weight.any() for norm in norms) == number


@pytest.mark.parametrize("name", ["wide_resnet28_10@0.1", "se_wide_resnet28_10@0.1"])
def test_pre_activation_branches_cannot_start_at_zero(name: str) -> None:
    message = "zero_init_residual needs branches that end in batch normalisation.*wide_resnet"
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match=message):
        build(network(name), TASK, seed=0, zero_init_residual=True)
    assert torch.equal(torch.get_rng_state(), before)
