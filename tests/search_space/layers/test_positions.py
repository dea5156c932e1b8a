"""Position encodings by hand, where they are kept, and how relative embeddings begin."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from search_space.attention_forms import encoded_channels
from search_space.counts import NO_COUNTS
from search_space.layers.positions import (
    coordinates,
    position_encoding,
    position_table,
    sine_encoding,
)
from search_space.primitives import AttentionStem, AugmentedConvolution, LocalAttention
from search_space.tracing.counts import count_module
from tests.search_space import naive_layers
from tests.search_space.comparison import normal

ABSOLUTE: list[Any] = ["sine", "coordconv"]


def encoding_of(module: nn.Module) -> Tensor:
    encoding = module.encoding
    assert isinstance(encoding, Tensor)
    return encoding


@pytest.mark.parametrize("channels", [3, 4, 6, 8, 13])
@pytest.mark.parametrize("hw", [(4, 7), (1, 3), (5, 1)])
def test_sine(channels: int, hw: tuple[int, int]) -> None:
    encoding = sine_encoding(channels, hw)
    assert encoding.dtype == torch.float64
    torch.testing.assert_close(encoding, naive_layers.sine(channels, *hw), rtol=0, atol=1e-13)
    used = channels // 4 * 4
    assert not encoding[used:].any()
    if used:
        half = used // 2
        # The first half is of rows alone, the second of columns alone, and both begin at p = 0.
        assert torch.equal(encoding[:half], encoding[:half, :, :1].expand(-1, *hw))
        assert torch.equal(encoding[half:used], encoding[half:used, :1].expand(-1, *hw))
        assert encoding[:used, 0, 0].tolist() == [0.0, 1.0] * (used // 2)


def test_sine_tells_every_pixel_from_another() -> None:
    places = sine_encoding(8, (30, 40)).flatten(1).T
    assert len({tuple(place) for place in places.round(decimals=6).tolist()}) == 30 * 40


@pytest.mark.parametrize("hw", [(4, 7), (1, 3), (5, 1), (1, 1), (5, 5)])
def test_coordinates(hw: tuple[int, int]) -> None:
    result = coordinates(hw)
    assert result.shape == (3, *hw)
    torch.testing.assert_close(result, naive_layers.coordinates(*hw), rtol=0, atol=1e-14)


def test_coordinates_by_hand() -> None:
    x, y, r = coordinates((3, 5)).tolist()
    assert x == [[-1.0, -0.5, 0.0, 0.5, 1.0]] * 3
    assert y == [[-1.0] * 5, [0.0] * 5, [1.0] * 5]
    assert r[1] == [1.0, 0.5, 0.0, 0.5, 1.0]
    assert r[0][0] == pytest.approx(2**0.5)


@pytest.mark.parametrize("position", ["none", "relative"])
def test_without_an_absolute_encoding_the_map_is_left_alone(position: Any) -> None:
    x = normal(2, 6, 4, 5)
    assert torch.equal(position_encoding(position, 6, (4, 5))(x), x)
    assert encoded_channels(position, 6) == 6


@pytest.mark.parametrize("position", ABSOLUTE)
@pytest.mark.parametrize("batch", [2, 0])
def test_encoding_of_any_map_size(position: Any, batch: int) -> None:
    module = position_encoding(position, 6, (4, 5))
    for hw in ((4, 5), (5, 4), (1, 9)):
        x = torch.zeros(batch, 6, *hw)
        out = module(x)
        assert out.shape == (batch, encoded_channels(position, 6), *hw)
        assert torch.equal(out, position_encoding(position, 6, hw)(x))
    assert encoding_of(module).shape[1:] == (4, 5)  # what it was built for is kept


@pytest.mark.parametrize("position", ABSOLUTE)
def test_encodings_are_constants_that_move_with_the_module(position: Any) -> None:
    module = LocalAttention(extent=3, heads=2, position=position).build(8, 8, 1, (4, 5))
    assert isinstance(module.encode, nn.Module)
    assert list(module.state_dict()) == ["qkv.weight"]
    assert [name for name, _ in module.named_parameters()] == ["qkv.weight"]
    kept = encoding_of(module.encode)
    assert kept.dtype == torch.float32
    assert not kept.requires_grad
    for dtype in (torch.float64, torch.bfloat16):
        module.to(dtype)
        assert encoding_of(module.encode).dtype == dtype
        for hw in ((4, 5), (3, 2)):
            assert module.encode(torch.zeros(1, 8, *hw, dtype=dtype)).dtype == dtype
    assert encoding_of(module.to("meta").encode).device.type == "meta"


@pytest.mark.parametrize("position", ABSOLUTE)
def test_a_type_that_differs_from_the_kept_one(position: Any) -> None:
    module = position_encoding(position, 8, (4, 5))
    for hw in ((4, 5), (2, 6)):
        assert module(torch.zeros(1, 8, *hw, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize("position", ["none", "relative", *ABSOLUTE])
def test_encodings_cost_nothing_of_their_own(position: Any) -> None:
    assert count_module(position_encoding(position, 8, (4, 5)), (8, 4, 5)) == NO_COUNTS


def seeded(build: Any) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = build()
        assert isinstance(module, nn.Module)
        return module


AUGMENTED = AugmentedConvolution(
    kernel=3, key_depth=256, value_depth=128, heads=4, position="relative", downsample=False
)


@pytest.mark.parametrize(
    ("build", "shape", "head_width"),
    [
        (lambda: AUGMENTED.build(8, 128, 1, (64, 64)), (1, 127, 64), 64),
        (lambda: LocalAttention(extent=7).build(8, 2048, 1, (9, 9)), (8, 7, 128), 256),
        (
            lambda: LocalAttention(extent=7, layout="across_heads").build(8, 2048, 1, (9, 9)),
            (1, 7, 1024),
            256,
        ),
        (lambda: AttentionStem(width=1024).build(3), (4, 7, 128), 256),
    ],
    ids=["augmented", "per head", "across heads", "stem"],
)
def test_initial_embeddings_have_the_papers_spread(
    build: Any, shape: tuple[int, ...], head_width: int
) -> None:
    """A table has n = 3,584 numbers or more, so the spread is known to 1.2 % (one sigma)."""
    module = seeded(build)
    tables = [module.get_parameter(name) for name in ("row_embedding", "column_embedding")]
    for table in tables:
        assert table.shape == shape
        assert float(table.detach().std()) == pytest.approx(head_width**-0.5, rel=0.04)
        assert abs(float(table.detach().mean())) < 4 * (head_width * table.numel()) ** -0.5
    assert not torch.equal(*tables)


def test_a_table_s_spread_is_its_heads_not_its_own_width() -> None:
    table = seeded(lambda: nn.ParameterList([position_table(8, 100, 4, head_width=64)]))
    (parameter,) = table.parameters()
    assert float(parameter.detach().std()) == pytest.approx(1 / 8, rel=0.06)
