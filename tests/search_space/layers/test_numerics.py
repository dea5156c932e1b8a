"""Every primitive and stem in use: precision, layouts, empty batches, sizes."""

import pytest
import torch
from torch import nn

from search_space.primitives import (
    AttentionStem,
    AugmentedConvolution,
    Convolution,
    ConvolutionStem,
    LocalAttention,
    Primitive,
    Stem,
)
from tests.search_space.comparison import generator, normal

EVERY_PRIMITIVE: list[Primitive] = [
    Convolution(kernel=3),
    AugmentedConvolution(
        kernel=3, key_depth=8, value_depth=4, heads=2, position="relative", downsample=False
    ),
    AugmentedConvolution(
        kernel=3, key_depth=8, value_depth=8, heads=2, position="none", downsample=True
    ),
    LocalAttention(extent=3, heads=2),
    LocalAttention(extent=3, heads=2, border="zeros"),
    LocalAttention(extent=7, heads=4),
    LocalAttention(extent=3, heads=2, position="sine"),
    LocalAttention(extent=3, heads=2, layout="across_heads"),
    LocalAttention(extent=3, heads=2, content=False),
    AugmentedConvolution(
        kernel=3, key_depth=8, value_depth=4, heads=2, position="coordconv", downsample=True
    ),
]

EVERY_STEM: list[Stem] = [
    ConvolutionStem(width=8),
    ConvolutionStem(width=8, kernel=3, stride=1, pool=False),
    AttentionStem(width=8),
    AttentionStem(width=8, values="convolution", position="none"),
]


def label(value: Primitive | Stem) -> str:
    return f"{value.label}{'-pool' if getattr(value, 'pool', False) else ''}"


def module_of(value: Primitive | Stem, hw: tuple[int, int], stride: int = 1) -> nn.Module:
    """Build a module of 6 channels in and 8 out, initialised as in use."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return value.build(6, 8, stride, hw) if isinstance(value, Primitive) else value.build(6)


@pytest.mark.parametrize("value", [*EVERY_PRIMITIVE, *EVERY_STEM], ids=label)
def test_float32_agrees_with_float64(value: Primitive | Stem) -> None:
    # 2e-5 is about 200 float32 roundings of numbers near 1, sums of some hundred terms.
    x = torch.randn(2, 6, 12, 8, generator=generator())
    module = module_of(value, (12, 8))
    single = module(x)
    assert single.dtype == torch.float32
    names, parameters = zip(*module.named_parameters(), strict=True)
    weights = torch.randn(single.shape, generator=generator(4))
    single_gradients = torch.autograd.grad((single * weights).sum(), parameters)

    double = module_of(value, (12, 8)).double()
    wanted = double(x.double())
    gradients = torch.autograd.grad((wanted * weights.double()).sum(), list(double.parameters()))
    torch.testing.assert_close(single.double(), wanted, rtol=2e-5, atol=2e-5)
    for name, got, exact in zip(names, single_gradients, gradients, strict=True):
        scale = float(exact.abs().max()) + 1.0
        error = float((got.double() - exact).abs().max())
        assert error < 2e-5 * scale, f"{name}: {error} at scale {scale}"


@pytest.mark.parametrize("value", [*EVERY_PRIMITIVE, *EVERY_STEM], ids=label)
def test_bfloat16_autocast_is_near(value: Primitive | Stem) -> None:
    # bfloat16 has 8 bits: a relative error of 1/256 an operation; 5 % of the output's spread is
    # about ten of them.
    x = torch.randn(2, 6, 12, 8, generator=generator())
    module = module_of(value, (12, 8))
    wanted = module(x)
    with torch.autocast("cpu", torch.bfloat16):
        near = module(x)
    assert near.isfinite().all()
    difference = (near.float() - wanted).pow(2).mean().sqrt()
    assert 0 < difference < 0.05 * wanted.std()
    near.float().square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.dtype == torch.float32, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("value", [*EVERY_PRIMITIVE, *EVERY_STEM], ids=label)
def test_strides_of_the_input_do_not_matter(value: Primitive | Stem, stride: int) -> None:
    module = module_of(value, (12, 8), stride).double()
    x = normal(2, 6, 12, 8)
    wide = normal(4, 6, 12, 16)
    layouts = {
        "channels last": x.contiguous(memory_format=torch.channels_last),
        "transposed": x.transpose(2, 3).contiguous().transpose(2, 3),
        "expanded": x[:1].expand(2, -1, -1, -1),
        "every other": wide[::2, :, :, ::2],
    }
    for name, layout in layouts.items():
        assert not layout.is_contiguous(), name
        inputs = layout.detach().requires_grad_(), layout.contiguous().requires_grad_()
        outputs = [module(one) for one in inputs]
        torch.testing.assert_close(*outputs, rtol=1e-10, atol=1e-12)
        slopes = [
            torch.autograd.grad(out.pow(3).sum(), [one, *module.parameters()])
            for out, one in zip(outputs, inputs, strict=True)
        ]
        torch.testing.assert_close(*slopes, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("value", [*EVERY_PRIMITIVE, *EVERY_STEM], ids=label)
def test_empty_batch(value: Primitive | Stem) -> None:
    module = module_of(value, (12, 8)).eval()
    full = module(torch.randn(1, 6, 12, 8, generator=generator()))
    empty = module(torch.zeros(0, 6, 12, 8))
    assert empty.shape == (0, *full.shape[1:])
    empty.sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is None or not parameter.grad.any(), name


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("hw", [(5, 7), (1, 4), (8, 8), (1, 1)])
@pytest.mark.parametrize("primitive", EVERY_PRIMITIVE, ids=label)
def test_output_is_the_ceiling_of_the_map_by_the_stride(
    primitive: Primitive, hw: tuple[int, int], stride: int
) -> None:
    module = module_of(primitive, hw, stride)
    out = module(torch.randn(2, 6, *hw, generator=generator()))
    assert out.shape == (2, 8, -(-hw[0] // stride), -(-hw[1] // stride))


def test_relative_positions_refuse_another_map_size() -> None:
    module = module_of(EVERY_PRIMITIVE[1], (6, 4))
    with pytest.raises(ValueError, match="attention map of 6x4, got 4x6"):
        module(torch.zeros(1, 6, 4, 6))
    module_of(EVERY_PRIMITIVE[2], (6, 4))(torch.zeros(1, 6, 4, 6))  # without positions any does
