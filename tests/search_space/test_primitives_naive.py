"""Every primitive and stem against its oracle of loops, forward and backward."""

import pytest
import torch
from torch import Tensor, nn

from search_space.primitives import (
    AttentionStem,
    AugmentedConvolution,
    Convolution,
    ConvolutionStem,
    LocalAttention,
    Primitive,
    Stem,
)
from search_space.primitives.augmented_convolution import AugmentedConvolution2d
from search_space.primitives.local_attention import LocalAttention2d
from search_space.primitives.stems import AttentionStem2d
from tests.search_space import naive
from tests.search_space.comparison import assert_same, generator, normal, randomised

IN_CHANNELS, OUT_CHANNELS = 3, 6


def built(primitive: Primitive, stride: int, hw: tuple[int, int]) -> nn.Module:
    return randomised(primitive.build(IN_CHANNELS, OUT_CHANNELS, stride, hw))


def images(hw: tuple[int, int], batch: int = 2) -> Tensor:
    return normal(batch, IN_CHANNELS, *hw)


def squeezed(conv: nn.Conv2d) -> Tensor:
    """A 1x1 convolution's matrix."""
    assert conv.kernel_size == (1, 1)
    return conv.weight[:, :, 0, 0]


def local_attention_oracle(module: LocalAttention2d, stride: int, x: Tensor) -> Tensor:
    first, second, third = squeezed(module.qkv).split(OUT_CHANNELS)
    tables = None
    if module.spec.position == "relative":
        assert module.row_embedding is not None
        assert module.column_embedding is not None
        tables = (module.row_embedding, module.column_embedding)
    return naive.local_attention_layer(
        x,
        (first, second, third),
        tables,
        heads=module.spec.heads,
        extent=module.spec.extent,
        scaled=module.spec.scaled,
        border=module.spec.border,
        stride=stride,
    )


def augmented_convolution_oracle(module: AugmentedConvolution2d, stride: int, x: Tensor) -> Tensor:
    tables = None
    if module.spec.position == "relative":
        assert module.row_embedding is not None
        assert module.column_embedding is not None
        tables = (module.row_embedding, module.column_embedding)
    assert module.qkv.bias is not None
    assert module.mix_heads.bias is not None
    return naive.augmented_convolution_layer(
        x,
        None if module.conv is None else module.conv.weight,
        (squeezed(module.qkv), module.qkv.bias),
        (squeezed(module.mix_heads), module.mix_heads.bias),
        tables,
        key_depth=module.spec.key_depth,
        heads=module.spec.heads,
        stride=stride,
        downsample=module.spec.downsample,
    )


@pytest.mark.parametrize("hw", [(5, 7), (1, 4), (4, 6)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_convolution(kernel: int, stride: int, hw: tuple[int, int]) -> None:
    module = built(Convolution(kernel=kernel), stride, hw)
    assert isinstance(module, nn.Conv2d)
    assert_same(module, lambda x: naive.convolution(x, module.weight, stride), images(hw))


LOCAL_CASES = [
    # extent, heads, position, scaled, border, stride, map
    (1, 2, "relative", True, "masked", 1, (3, 4)),
    (1, 2, "relative", True, "zeros", 1, (3, 4)),
    (1, 3, "none", False, "masked", 2, (3, 4)),
    (3, 2, "relative", True, "masked", 1, (5, 7)),
    (3, 2, "relative", True, "zeros", 1, (5, 7)),
    (3, 2, "relative", False, "masked", 2, (5, 7)),
    (3, 2, "relative", False, "zeros", 2, (5, 7)),
    (3, 3, "none", True, "masked", 1, (5, 7)),
    (3, 3, "none", False, "zeros", 2, (4, 6)),
    (3, 1, "relative", True, "masked", 3, (5, 7)),
    (3, 2, "relative", True, "masked", 2, (9, 11)),
    (3, 3, "none", True, "masked", 1, (9, 11)),
    (5, 2, "relative", True, "masked", 1, (5, 7)),
    (5, 2, "relative", True, "zeros", 1, (4, 3)),
    (5, 1, "none", True, "zeros", 1, (3, 5)),
    (5, 2, "relative", True, "masked", 2, (1, 4)),
    (5, 2, "relative", True, "zeros", 2, (1, 4)),
    (7, 2, "relative", True, "masked", 1, (5, 7)),
    (7, 2, "relative", False, "masked", 2, (2, 3)),
    (7, 2, "relative", True, "zeros", 1, (2, 3)),
    (7, 2, "relative", True, "zeros", 1, (4, 1)),
    (11, 3, "relative", True, "masked", 1, (3, 2)),
    (11, 2, "none", True, "zeros", 1, (3, 2)),
    (3, 2, "relative", True, "masked", 2, (1, 1)),
]


@pytest.mark.parametrize(
    ("extent", "heads", "position", "scaled", "border", "stride", "hw"), LOCAL_CASES
)
def test_local_attention(
    extent: int,
    heads: int,
    position: str,
    scaled: bool,
    border: str,
    stride: int,
    hw: tuple[int, int],
) -> None:
    primitive = LocalAttention.model_validate(
        {
            "extent": extent,
            "heads": heads,
            "position": position,
            "scaled": scaled,
            "border": border,
        }
    )
    module = built(primitive, stride, hw)
    assert isinstance(module, LocalAttention2d)
    assert (module.row_embedding is None) == (position == "none")
    # With one key in all there is nothing to choose, so no logit has an effect.
    alone = extent == 1 or (hw == (1, 1) and border == "masked")
    tables = ("row_embedding", "column_embedding") if position == "relative" and alone else ()
    assert_same(
        module,
        lambda x: local_attention_oracle(module, stride, x),
        images(hw, batch=1 if hw == (9, 11) else 2),
        without_effect=tables + flat_axes(hw, extent, border, position),
    )


def flat_axes(hw: tuple[int, int], extent: int, border: str, position: str) -> tuple[str, ...]:
    """The table of an axis on which every key has the query's own place adds a constant."""
    if position == "none" or border == "zeros" or extent == 1:
        return ()
    axes = zip(("row_embedding", "column_embedding"), hw, strict=True)
    return tuple(name for name, length in axes if length == 1)


AUGMENTED_CASES = [
    # kernel, d_k, d_v, heads, position, downsample, stride, map
    (3, 4, 2, 2, "relative", False, 1, (5, 7)),
    (3, 4, 2, 2, "none", False, 1, (5, 7)),
    (3, 4, 4, 2, "relative", False, 2, (5, 7)),
    (3, 4, 4, 2, "none", False, 2, (4, 6)),
    (5, 6, 3, 3, "relative", False, 1, (4, 3)),
    (5, 3, 3, 1, "none", False, 2, (5, 3)),
    (3, 4, 6, 2, "relative", False, 1, (4, 5)),  # no convolution left
    (5, 4, 6, 2, "relative", False, 2, (5, 5)),
    (3, 4, 2, 2, "relative", True, 1, (5, 7)),
    (3, 4, 2, 2, "none", True, 1, (6, 4)),
    (3, 4, 2, 2, "relative", True, 2, (7, 9)),
    (5, 4, 6, 2, "relative", True, 2, (7, 5)),
    (3, 2, 2, 2, "relative", False, 1, (1, 4)),
    (3, 4, 2, 2, "relative", True, 1, (1, 4)),
    (1, 4, 2, 2, "relative", False, 3, (5, 7)),
]


@pytest.mark.parametrize(
    ("kernel", "key_depth", "value_depth", "heads", "position", "downsample", "stride", "hw"),
    AUGMENTED_CASES,
)
def test_augmented_convolution(
    kernel: int,
    key_depth: int,
    value_depth: int,
    heads: int,
    position: str,
    downsample: bool,
    stride: int,
    hw: tuple[int, int],
) -> None:
    primitive = AugmentedConvolution.model_validate(
        {
            "kernel": kernel,
            "key_depth": key_depth,
            "value_depth": value_depth,
            "heads": heads,
            "position": position,
            "downsample": downsample,
        }
    )
    module = built(primitive, stride, hw)
    assert isinstance(module, AugmentedConvolution2d)
    assert (module.conv is None) == (value_depth == OUT_CHANNELS)
    assert_same(
        module,
        lambda x: augmented_convolution_oracle(module, stride, x),
        images(hw),
        without_effect=("row_embedding",) if hw[0] == 1 and position == "relative" else (),
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("stem", [(3, 1, False), (3, 2, True), (5, 2, False), (7, 2, True)])
def test_convolution_stem(stem: tuple[int, int, bool], training: bool) -> None:
    kernel, stride, pool = stem
    spec = ConvolutionStem(width=4, kernel=kernel, stride=stride, pool=pool)
    module = randomised(spec.build(3)).train(training)
    assert isinstance(module, nn.Sequential)
    conv, norm = module[0], module[1]
    x = normal(2, 3, 7, 9)
    assert module(x).shape == (2, 4, *spec.output_hw((7, 9)))
    assert_same(
        module,
        lambda x: naive.convolution_stem(x, conv.weight, norm, stride=stride, pool=pool),
        x,
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("block", "heads", "mixtures", "hw"),
    [(2, 2, 3, (4, 6)), (4, 4, 4, (4, 8)), (3, 1, 1, (9, 3)), (2, 4, 2, (2, 2))],
)
def test_attention_stem(
    block: int, heads: int, mixtures: int, hw: tuple[int, int], training: bool
) -> None:
    width = 4
    spec = AttentionStem(width=width, heads=heads, mixtures=mixtures, block=block)
    module = randomised(spec.build(3)).train(training)
    assert isinstance(module, AttentionStem2d)

    def oracle(x: Tensor) -> Tensor:
        query, key = squeezed(module.query_key).split(width)
        embeddings = (module.row_embedding, module.column_embedding, module.mixture_embedding)
        return naive.attention_stem(
            x,
            (query, key),
            list(squeezed(module.values).split(width)),
            embeddings,
            module.norm,
            block=block,
            heads=heads,
        )

    tables = ("row_embedding", "column_embedding", "mixture_embedding")
    # One mixture has all the weight wherever it is.
    assert_same(module, oracle, normal(2, 3, *hw), without_effect=tables if mixtures == 1 else ())
    with torch.no_grad():
        shares = module.mixture_weights()
    assert shares.shape == (mixtures, block, block)
    torch.testing.assert_close(shares.sum(0), torch.ones(block, block, dtype=torch.float64))


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
]

EVERY_STEM: list[Stem] = [
    ConvolutionStem(width=8),
    ConvolutionStem(width=8, kernel=3, stride=1, pool=False),
    AttentionStem(width=8),
]


def label(value: Primitive | Stem) -> str:
    return f"{value.label}{'-pool' if getattr(value, 'pool', False) else ''}"


def module_of(value: Primitive | Stem, hw: tuple[int, int], stride: int = 1) -> nn.Module:
    """With 6 channels in and 8 out, initialised as in use."""
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


@pytest.mark.parametrize("hw", [(6, 8), (8, 6), (5, 5), (2, 4)])
def test_attention_stem_refuses_an_image_its_block_does_not_divide(hw: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"block=4, image {hw[0]}x{hw[1]}"):
        AttentionStem(width=8).build(3)(torch.zeros(1, 3, *hw))
