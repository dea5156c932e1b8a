"""Attention as PyTorch traces it: compiled, exported, under autocast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounterWithBackend

from search_space.attention import backend, eager, global_attention, local_attention
from search_space.primitives import AugmentedConvolution, LocalAttention
from tests.search_space.comparison import generator, gradients


@pytest.fixture(autouse=True)
def nothing_compiled_before() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


class TwoAttentions(nn.Module):
    """Local, then global attention of one projection."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Conv2d(4, 12, 1)
        self.rows, self.columns = (nn.Parameter(torch.randn(2, 3, 1)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(1, (2, 2)) for part in self.qkv(x).chunk(3, dim=1))
        near = local_attention(q, k, v, self.rows, self.columns, extent=3, scale=0.5)
        return global_attention(q, k, near, scale=0.7).flatten(1, 2)


def images(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator())


@pytest.fixture
def module() -> TwoAttentions:
    torch.manual_seed(0)
    return TwoAttentions()


def test_a_compiled_module_is_the_module(module: TwoAttentions) -> None:
    x = images(2, 4, 5, 6)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), module(x))
    mine, wanted = (gradients(each(x), module.parameters()) for each in (compiled, module))
    torch.testing.assert_close(mine, wanted)


def test_what_is_forced_is_part_of_a_compiled_graph(
    module: TwoAttentions, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[int] = []
    forward = eager.forward
    monkeypatch.setattr(eager, "forward", lambda call: (ran.append(call.extent), forward(call))[1])
    counter: Any = CompileCounterWithBackend("aot_eager")
    x = images(2, 4, 5, 6)
    compiled = torch.compile(module, backend=counter, fullgraph=True)
    with backend("reference"):
        wanted = gradients(compiled(x), module.parameters())
    assert (counter.frame_count, ran) == (1, [])
    with backend("torch"):
        results = gradients(compiled(x), module.parameters())
    assert (counter.frame_count, ran) == (2, [3, 0])
    with backend("reference"):
        compiled(x)
    assert (counter.frame_count, ran) == (2, [3, 0])
    torch.testing.assert_close(results, wanted)


def test_an_exported_layer_runs_by_the_rule() -> None:
    layer = LocalAttention(extent=3, heads=2).build(4, 8, 1, (5, 6)).eval()
    with torch.no_grad():
        exported = torch.export.export(layer, (images(1, 4, 5, 6),))
    names = [str(node.target) for node in exported.graph.nodes]
    assert names.count("convattn.local_attention.default") == 1
    x = images(1, 4, 5, 6)
    torch.testing.assert_close(exported.module()(x), layer(x))


LAYERS = {
    "local": LocalAttention(extent=3, heads=2),
    "zeros": LocalAttention(extent=5, heads=2, border="zeros", layout="across_heads"),
    "global": AugmentedConvolution(
        kernel=3, key_depth=4, value_depth=4, heads=2, position="relative", downsample=False
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_autocast_computes_in_bfloat16(name: str) -> None:
    torch.manual_seed(0)
    layer = LAYERS[name].build(6, 8, 1, (5, 7))
    x = images(2, 6, 5, 7)
    wanted = layer(x)
    wanted_grads = gradients(wanted, layer.parameters())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = layer(x)
        grads = gradients(out, layer.parameters())
    assert out.dtype == torch.bfloat16
    assert distance(out, wanted) < 0.02  # several roundings by 2^-9 one after the other
    for grad, wanted_grad in zip(grads, wanted_grads, strict=True):
        assert grad.dtype == torch.float32
        assert distance(grad, wanted_grad) < 0.03


def distance(result: Tensor, wanted: Tensor) -> float:
    return float(((result - wanted).norm() / wanted.norm()).detach())
