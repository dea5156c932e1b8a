"""Attention in ONNX Runtime: maps of several blocks, odd sizes, windows larger than the map."""

from __future__ import annotations

import onnx
import pytest
import torch
from torch import Tensor, nn

from nas.storage.networks.exports.onnx_file import OnnxNetwork, onnx_bytes
from nas.workflows.exporting.check import TOLERANCES
from nas.workflows.exporting.export import HalfPrecision
from search_space.attention import block_attention, global_attention, local_attention

HEADS, WIDTH, HEIGHT_WIDTH = 2, 4, (17, 20)


class EveryForm(nn.Module):
    """Forms of attention beside each other, whose outputs are concatenated."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        height, width = HEIGHT_WIDTH
        self.local = self._tables(7, 7, WIDTH // 2)
        self.larger_than_the_map = self._tables(43, 43, WIDTH)
        self.everywhere = self._tables(2 * height - 1, 2 * width - 1, WIDTH)

    def _tables(self, rows: int, columns: int, width: int) -> nn.ParameterList:
        return nn.ParameterList([torch.randn(1, rows, width), torch.randn(HEADS, columns, width)])

    def forward(self, x: Tensor) -> Tensor:
        """``[B, 3 h d, H, W]``, of queries, keys and values, to ``[B, several h d, H, W]``."""
        q, k, v = x.unflatten(1, (3, HEADS, WIDTH)).unbind(1)
        outputs = [
            local_attention(q, k, v, *self.local, extent=7, scale=0.5),
            local_attention(q, k, v, extent=3, border="zeros"),
            local_attention(q, None, v, *self.larger_than_the_map, extent=43),
            global_attention(q, k, v, *self.everywhere, scale=0.5),
            local_attention(q[..., :1, :1], k[..., :1, :1], v[..., :1, :1], extent=5).expand_as(v),
            nn.functional.pad(
                block_attention(*(a[..., :16, :] for a in (q, k, v)), block=4), (0, 0, 0, 1)
            ),
        ]
        return torch.cat(outputs, dim=1).flatten(1, 2)


@pytest.mark.parametrize("precision", ["float32", pytest.param("float16", marks=pytest.mark.slow)])
def test_every_form(precision: str) -> None:
    model = EveryForm().eval()
    x = torch.randn(3, 3 * HEADS * WIDTH, *HEIGHT_WIDTH)
    with torch.no_grad():
        expected = model(x)
    whole = HalfPrecision(model.half()).eval() if precision == "float16" else model
    got = OnnxNetwork(onnx_bytes(whole, x[:2]), "attention")(x)
    assert (got - expected).abs().max() <= TOLERANCES[precision] * expected.abs().max()


def test_nodes_have_the_names_of_modules() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.Sigmoid(), nn.Sigmoid())).eval()
    content = onnx_bytes(model, torch.randn(2, 3, 5, 5))
    graph = onnx.load_from_string(content).graph
    assert [node.name for node in graph.node] == ["0/Conv", "1.0/Sigmoid", "1.1/Sigmoid"]
    assert [list(node.output) for node in graph.node] == [["0/Conv"], ["1.0/Sigmoid"], ["logits"]]
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert {tensor.name for tensor in graph.initializer} == {"0.weight", "0.bias"}
    assert b"pkg.torch" not in content  # the exporter's notes, with paths of this machine
