"""MACs, activations and parameters of a module, by fvcore with this project's own rules.

Multiply-accumulates (MACs) are counted for convolutions, linear layers, matrix products and the
attention operators. Attention counts by its definition (q.k and q.r over every attended position,
and the weighted sum of values), not by how a kernel computes it. Operators that the papers do not
count are zero, by the explicit list below. Any other operator is an error, so that none is missed
silently. fvcore's own rules for normalisation, pooling and resizing are replaced: it counts them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import torch
from fvcore.nn import FlopCountAnalysis
from fvcore.nn.jit_handles import (
    addmm_flop_jit,
    bmm_flop_jit,
    conv_flop_jit,
    einsum_flop_jit,
    get_shape,
    linear_flop_jit,
    matmul_flop_jit,
)
from torch import nn

from search_space.counts import Counts

Rule = Callable[[list[Any], list[Any]], Any]

PRODUCT_OPERATORS: dict[str, Rule] = {
    "aten::_convolution": conv_flop_jit,
    "aten::addmm": addmm_flop_jit,
    "aten::bmm": bmm_flop_jit,
    "aten::einsum": einsum_flop_jit,
    "aten::linear": linear_flop_jit,
    "aten::matmul": matmul_flop_jit,
    "aten::mm": matmul_flop_jit,
}
"""Operators whose multiply-adds are counted, by fvcore's rules."""

ZERO_MAC_OPERATORS = (
    "aten::adaptive_avg_pool2d",
    "aten::add",
    "aten::add_",
    "aten::amax",
    "aten::avg_pool2d",
    "aten::batch_norm",
    "aten::div",
    "aten::max_pool2d",
    "aten::mean",
    "aten::mul",
    "aten::mul_",
    "aten::neg",
    "aten::pad",
    "aten::repeat",
    "aten::sigmoid",
    "aten::softmax",
    "aten::sub",
    "aten::sum",
    "aten::tanh",
    "aten::unflatten",
    "aten::upsample_bilinear2d",
    "aten::upsample_nearest2d",
)
"""Elementwise operators, normalisation, softmax, pooling and resizing: zero MACs, since both
papers' counts fit convolutions, linear layers and matrix products alone. fvcore adds operators
that only move data."""

FVCORE_RULES_REFUSED = (
    "aten::grid_sampler",
    "aten::group_norm",
    "aten::instance_norm",
    "aten::layer_norm",
)
"""Operators that fvcore counts by rules of its own; none is used here, so each is an error."""


def count_module(module: nn.Module, input_shape: tuple[int, int, int]) -> Counts:
    """Count ``module`` on one image of ``input_shape`` = (C, H, W).

    Raises:
        ValueError: the module uses an operator that has no rule here.
    """
    modes = {part: part.training for part in module.modules()}
    like = next(module.parameters(), torch.empty(0))  # the device and type to count on
    analysis = FlopCountAnalysis(module.eval(), like.new_zeros(1, *input_shape))
    analysis.clear_op_handles().set_op_handle(**COST_RULES)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.tracer_warnings("none")
    try:
        with torch.no_grad():
            totals: Counter[str] = analysis.by_operator()
    finally:
        for part, training in modes.items():
            part.training = training
    unknown = analysis.unsupported_ops()
    if unknown:
        raise ValueError(
            f"no cost rule for operator {', '.join(sorted(unknown))}; add it to "
            "search_space.tracing.counts, as zero or with its multiply-adds"
        )
    params = sum(p.numel() for p in module.parameters())
    return Counts(params, int(totals["macs"]), int(totals["activations"]))


def _zero(inputs: list[Any], outputs: list[Any]) -> int:
    return 0


def _product(rule: Rule) -> Rule:
    """Make a rule that counts multiply-adds by fvcore's ``rule`` and outputs as activations."""

    def count(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
        macs = rule(inputs, outputs)
        macs = macs.total() if isinstance(macs, Counter) else macs
        return Counter(macs=int(macs), activations=int(prod(get_shape(outputs[0]))))

    return count


def _refuse(inputs: list[Any], outputs: list[Any]) -> int:
    raise ValueError(
        f"no cost rule for one of {', '.join(FVCORE_RULES_REFUSED)}; add it to "
        "search_space.tracing.counts, as zero or with its multiply-adds"
    )


def _attention(inputs: list[Any], outputs: list[Any], *, local: bool) -> Counter[str]:
    """Count q.k if there are keys, q.r if there are positions, and A.v, at attended positions.

    A local query attends to k^2 positions, borders included, a global one to H W. The
    activations are the logits and the output.
    """
    batch, heads, key_width, height, width = get_shape(inputs[0])
    value_shape = get_shape(inputs[2])
    has_content, has_position = (inputs[index].type().kind() == "TensorType" for index in (1, 3))
    attended = int(inputs[5].toIValue()) ** 2 if local else height * width
    pairs = batch * heads * height * width * attended
    pair_macs = key_width * (has_content + has_position) + value_shape[2]
    return Counter(macs=int(pairs * pair_macs), activations=int(pairs + prod(value_shape)))


def _blockwise_projection(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
    """Count one projection of every pixel for each mixed matrix."""
    in_channels = get_shape(inputs[0])[1]
    projected = int(inputs[2].toIValue()) * prod(get_shape(outputs[0]))
    return Counter(macs=int(projected * in_channels), activations=int(projected))


COST_RULES: dict[str, Rule] = {
    **dict.fromkeys(ZERO_MAC_OPERATORS, _zero),
    **dict.fromkeys(FVCORE_RULES_REFUSED, _refuse),
    **{name: _product(rule) for name, rule in PRODUCT_OPERATORS.items()},
    "convattn::blockwise_projection": _blockwise_projection,
    "convattn::global_attention": partial(_attention, local=False),
    "convattn::local_attention": partial(_attention, local=True),
}
