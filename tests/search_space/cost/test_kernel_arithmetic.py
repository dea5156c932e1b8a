"""The implementations of attention that a network runs by, layer by layer."""

from __future__ import annotations

import torch

from search_space.attention import backend
from search_space.cost.kernel_arithmetic import attention_kernels
from search_space.networks import build
from search_space.zoo import named_network


def kernels_of(name: str, *, forced: str) -> list[tuple[str, str]]:
    known = named_network(name)
    model = build(known.at_width(1.0), known.task.replace(input_shape=(3, 32, 32)), seed=0)
    with backend(forced):
        uses = attention_kernels(model, (3, 32, 32), device="cpu", dtype=torch.float32)
    return [(use.layer, use.call.implementation) for use in uses]


def test_each_layer_is_named_with_what_computes_it() -> None:
    uses = kernels_of("sasa_resnet26@0.25", forced="torch")
    assert uses[:3] == [
        ("stem", "torch (dense)"),  # attention inside blocks
        ("stages.0.0.branch.3", "torch (dense)"),
        ("stages.1.0.branch.3", "torch (dense)"),
    ]
    assert len(uses) == 1 + 8  # a layer in each block
    assert kernels_of("sasa_resnet26@0.25", forced="reference")[3][1] == "reference"


def test_what_a_call_was_of() -> None:
    known = named_network("aa_resnet50_k025@0.25")
    model = build(known.at_width(1.0), known.task.replace(input_shape=(3, 64, 64)), seed=0)
    uses = attention_kernels(model, (3, 64, 64), device="cpu", dtype=torch.float64)
    assert uses
    for layer, call in uses:
        module = model.get_submodule(layer)
        assert (call.extent, call.heads, call.dtype) == (0, module.heads, torch.float64)
        assert call.key_width * call.heads == module.key_depth
        assert call.value_width * call.heads == module.value_depth


def test_without_attention_there_is_nothing() -> None:
    assert kernels_of("resnet26@0.25", forced="torch") == []


def test_a_network_is_left_without_hooks() -> None:
    known = named_network("sasa_resnet26@0.25")
    model = build(known.at_width(1.0), known.task.replace(input_shape=(3, 32, 32)), seed=0)
    attention_kernels(model, (3, 32, 32), device="cpu", dtype=torch.float32)
    assert not any(module._forward_hooks for module in model.modules())
    assert not any(module._forward_pre_hooks for module in model.modules())
