"""The layers that are compared: on one map, everything that computes the same layer.

A case is a map with its width; its variants are a 3x3 convolution (the unit), the projection to
queries, keys and values alone, every implementation of the package that can compute the layer
here, and rivals. All variants of the layer share its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from attention_rivals import (
    biased_product,
    flex,
    has_natten,
    neighbourhood,
    relative_to_absolute,
    unfold,
)
from torch import Tensor, nn

from search_space.attention import AttentionInputs, backend, eager
from search_space.attention.backends import IMPLEMENTATIONS
from search_space.attention.operands import Operands
from search_space.primitives import AugmentedConvolution, LocalAttention

HEADS = 8
EXTENT = 7
KEY_WIDTH = 20  # of a head of global attention, AACN's least
LOCAL_MAPS = ((256, 14), (128, 28), (64, 56), (512, 7))  # channels, side
GLOBAL_SIDES = (14, 28)
QUICK_LARGEST_UNFOLD = 28  # side
QUICK_LOCAL_MAPS, QUICK_GLOBAL_SIDES = LOCAL_MAPS[:3], GLOBAL_SIDES[:1]
UNIT = "3x3 convolution"

REFERENCE_BYTES = 2**29
"""The reference, which gathers every query's keys in float64, is left out where they are more."""

Run = Callable[[Tensor], Tensor]


class Variant(NamedTuple):
    """One way to compute a layer."""

    run: Run  # [B, C, H, W] -> [B, C', H, W]
    parameters: Sequence[Tensor]
    exact: bool = False  # it computes the layer, and is compared with the reference
    may_refuse: bool = False  # code of others
    differentiable: bool = True
    note: str = ""


class Case(NamedTuple):
    """A layer on one map, and the ways to compute it."""

    title: str
    x: Tensor  # [B, C, H, W], requires grad
    layer: nn.Module
    variants: dict[str, Variant]
    left_out: dict[str, str]  # implementations by name, and why

    def step(self, name: str, *, training: bool) -> Callable[[], Any]:
        """One forward pass (without a graph), or one forward and backward pass, of a variant."""
        variant = self.variants[name]
        if not training:
            return lambda: _inference(variant, self.x)
        with torch.no_grad():
            grad_out = torch.randn_like(variant.run(self.x))
        leaves = [self.x, *variant.parameters]
        return lambda: torch.autograd.grad(
            variant.run(self.x), leaves, grad_out, allow_unused=not variant.exact
        )


class Setting(NamedTuple):
    """The settings that all cases share."""

    device: torch.device
    dtype: torch.dtype
    batch: int
    quick: bool


def local_cases(setting: Setting) -> Iterator[Case]:
    """SASA's layer with windows of 7 x 7."""
    for channels, side in QUICK_LOCAL_MAPS if setting.quick else LOCAL_MAPS:
        yield local_case(setting, channels, side)


def local_case(setting: Setting, channels: int, side: int) -> Case:
    """One of :func:`local_cases`."""
    layer = LocalAttention(extent=EXTENT, heads=HEADS).build(channels, channels, 1, (side, side))
    on_gpu = setting.device.type == "cuda"
    rivals = {}
    if not setting.quick or side <= QUICK_LARGEST_UNFOLD:
        rivals["unfold"] = Variant(_attending(layer, unfold), [], exact=True)
    if not setting.quick:
        rivals["FlexAttention"] = Variant(
            *(_attending(layer, flex), []),
            exact=True,
            may_refuse=True,
            differentiable=on_gpu,
            note="" if on_gpu else "on a CPU it computes no gradients",
        )
    if has_natten():
        rivals["natten"] = Variant(
            *(_attending(layer, neighbourhood), []),
            may_refuse=True,
            note="another operator: no positions, windows moved off the border",
        )
    title = f"local {EXTENT}x{EXTENT}, {HEADS} heads, {channels} ch, {side}x{side}"
    return _case(title, setting, layer, channels, side, rivals)


def global_cases(setting: Setting) -> Iterator[Case]:
    """AACN's layer, all of whose channels are attention."""
    for side in QUICK_GLOBAL_SIDES if setting.quick else GLOBAL_SIDES:
        yield global_case(setting, side)


def global_case(setting: Setting, side: int) -> Case:
    """One of :func:`global_cases`."""
    channels = HEADS * KEY_WIDTH
    spec = AugmentedConvolution(
        kernel=3,
        key_depth=channels,
        value_depth=channels,
        heads=HEADS,
        position="relative",
        downsample=False,
    )
    layer = spec.build(channels, channels, 1, (side, side))
    on_gpu = setting.device.type == "cuda"
    rivals = {
        "AACN's rel_to_abs": Variant(_attending(layer, relative_to_absolute), [], exact=True),
        "sdpa, bias as mask": Variant(
            *(_attending(layer, biased_product), []),
            exact=True,
            note="" if on_gpu else "with gradients, a bias puts it on its slow path",
        ),
    }
    title = f"global, {HEADS} heads, {KEY_WIDTH} per head, {channels} ch, {side}x{side}"
    return _case(title, setting, layer, channels, side, rivals)


def operands(inputs: AttentionInputs) -> Operands:
    """Return the inputs as the implementations take them."""
    return Operands(*inputs[:6], inputs.extent or 0, inputs.border)


def _case(
    title: str,
    setting: Setting,
    layer: nn.Module,
    channels: int,
    side: int,
    rivals: dict[str, Variant],
) -> Case:
    layer.to(setting.device, setting.dtype)
    convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
    convolution.to(setting.device, setting.dtype)
    x = torch.randn(setting.batch, channels, side, side, device=setting.device, dtype=setting.dtype)
    if setting.device.type == "cuda":  # the layout that convolutions are fastest in there
        x = x.contiguous(memory_format=torch.channels_last)
        convolution.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x.requires_grad_()
    implementations, left_out = _implementations(layer, x, setting)
    projection = layer.get_submodule("qkv")
    variants = {
        UNIT: Variant(convolution, list(convolution.parameters())),
        "qkv projection alone": Variant(projection, list(projection.parameters())),
        **implementations,
        **rivals,
    }
    parameters = list(layer.parameters())
    complete = {
        name: each if each.parameters else each._replace(parameters=parameters)
        for name, each in variants.items()
    }
    return Case(title, x, layer, complete, left_out)


def _implementations(
    layer: nn.Module, x: Tensor, setting: Setting
) -> tuple[dict[str, Variant], dict[str, str]]:
    with torch.no_grad():
        given = operands(layer.attention_inputs(x))  # type: ignore[operator]
    variants, left_out = {}, {}
    for name, implementation in IMPLEMENTATIONS.items():
        problem = implementation.problem(given)
        if problem is None and name == "reference":
            problem = _too_slow(given, setting)
        if problem is None:
            form = eager.form(given) if name == "torch" else ""
            variants[name] = Variant(_forced(layer, name), [], exact=True, note=form)
        else:
            left_out[name] = problem
    return variants, left_out


def _too_slow(given: Operands, setting: Setting) -> str | None:
    if setting.quick:
        return "is left out of a quick run"
    keys = given.extent**2 or given.q.shape[3] * given.q.shape[4]
    gathered = 8 * given.q.numel() * keys
    if gathered > REFERENCE_BYTES:
        return f"would gather {gathered / 2**30:.1f} GiB of keys in float64"
    return None


def _forced(layer: nn.Module, name: str) -> Run:
    def run(x: Tensor) -> Tensor:
        with backend(name):
            out: Tensor = layer(x)
        return out

    return run


def _attending(layer: nn.Module, attend: Callable[[AttentionInputs], Tensor]) -> Run:
    mix_heads = getattr(layer, "mix_heads", nn.Identity())

    def run(x: Tensor) -> Tensor:
        inputs = layer.attention_inputs(x)  # type: ignore[operator]
        out: Tensor = mix_heads(attend(inputs).flatten(1, 2))
        return out

    return run


def _inference(variant: Variant, x: Tensor) -> None:
    with torch.no_grad():
        variant.run(x)
