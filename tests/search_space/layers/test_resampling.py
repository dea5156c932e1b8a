"""Downsampled attention lies where it was: no shift by pooling and interpolation back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from search_space.layers.augmented_convolution import AugmentedConvolution2d
from search_space.layers.resampling import average_pooled, interpolated
from search_space.primitives import AugmentedConvolution

MAPS = [(8, 8), (9, 9), (8, 11), (13, 6), (7, 12)]


def ramps(hw: tuple[int, int]) -> Tensor:
    """``[1, 2, H, W]``: each pixel's row and column."""
    rows, columns = torch.meshgrid(*(torch.arange(n) for n in hw), indexing="ij")
    return torch.stack([rows, columns])[None].double()


def attending_to_itself(stride: int, hw: tuple[int, int]) -> AugmentedConvolution2d:
    """Downsampled attention in which every pixel attends to itself alone and keeps its values."""
    spec = AugmentedConvolution(
        kernel=3, key_depth=1, value_depth=2, heads=1, position="relative", downsample=True
    )
    module = spec.build(2, 2, stride, hw)
    assert isinstance(module, AugmentedConvolution2d)
    assert module.conv is None
    assert module.qkv.bias is not None
    assert module.row_embedding is not None
    assert module.column_embedding is not None
    with torch.no_grad():
        module.qkv.weight.zero_()
        module.qkv.bias.copy_(torch.tensor([1.0, 0, 0, 0]))  # q = 1, k = 0
        module.qkv.weight[2:, :, 0, 0] = torch.eye(2)
        module.mix_heads.weight[:, :, 0, 0] = torch.eye(2)
        for table in (module.row_embedding, module.column_embedding):
            table.fill_(-1000)
            table[:, table.shape[1] // 2] = 0
    return module.double()


@pytest.mark.parametrize("hw", MAPS)
@pytest.mark.parametrize("stride", [1, 2])
def test_a_ramp_comes_back_unshifted_in_the_interior(stride: int, hw: tuple[int, int]) -> None:
    in_hw = (stride * hw[0], stride * hw[1])
    with torch.no_grad():
        out = attending_to_itself(stride, in_hw)(ramps(in_hw))
    assert out.shape == (1, 2, *hw)
    # Pooling averages what is there at a border, and so bends the ramp within two pixels of it.
    inside = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(out[inside], stride * ramps(hw)[inside])


@pytest.mark.parametrize("hw", [*MAPS, (1, 1), (1, 6), (2, 5), (7, 1)])
def test_samples_stay_where_they_are(hw: tuple[int, int]) -> None:
    samples = torch.randn(2, 3, -(-hw[0] // 2), -(-hw[1] // 2), dtype=torch.float64)
    out = interpolated(samples, hw)
    assert out.shape == (2, 3, *hw)
    torch.testing.assert_close(out[..., ::2, ::2], samples)
    if hw[0] % 2 == 0:
        assert torch.equal(out[..., -1, :], out[..., -2, :])
    if hw[0] > 2:
        torch.testing.assert_close(out[..., 1, :], (out[..., 0, :] + out[..., 2, :]) / 2)
    if hw[1] > 2:
        torch.testing.assert_close(out[..., 1], (out[..., 0] + out[..., 2]) / 2)


@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("hw", MAPS)
def test_pooling_windows_are_centred_where_a_convolutions_are(
    stride: int, hw: tuple[int, int]
) -> None:
    x = ramps(hw)
    pooled, strided = average_pooled(x, stride), x[..., ::stride, ::stride]
    assert pooled.shape == strided.shape
    inside = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(pooled[inside], strided[inside])


@pytest.mark.parametrize("hw", MAPS)
def test_the_layout_is_kept(hw: tuple[int, int]) -> None:
    x = torch.randn(2, 8, *hw).to(memory_format=torch.channels_last)
    out = interpolated(average_pooled(x, 2), hw)
    assert out.is_contiguous(memory_format=torch.channels_last)


class ThereAndBack(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return interpolated(average_pooled(x, 2), (x.shape[2], x.shape[3]))


@pytest.mark.parametrize("hw", [(8, 7), (7, 8), (1, 5)])
def test_an_export_has_the_same_values_by_core_operators_alone(hw: tuple[int, int]) -> None:
    """Core ATen operators are those that exporters, ONNX's among them, must know."""
    x = torch.randn(1, 2, *hw)
    program = torch.export.export(ThereAndBack(), (x,)).run_decompositions()
    torch.testing.assert_close(program.module()(x), ThereAndBack()(x))
    called = [node.target for node in program.graph.nodes if node.op == "call_function"]
    assert called
    assert [str(each) for each in called if torch.Tag.core not in each.tags] == []
