"""Every variant that claims to compute the layer does, or the benchmark fails."""

from __future__ import annotations

import torch
from attention_layers import Case, Variant
from torch import Tensor

from search_space.attention import backend

LARGEST_ERROR = {torch.float32: 1e-4, torch.bfloat16: 3e-2}
"""Norm of the difference over that of the reference, output and every gradient."""


class Wrong(Exception):
    """A variant computes something else."""


def check(case: Case) -> dict[str, str]:
    """Compare the variants of a case, at its full batch, with the reference on the first image.

    Returns:
        The variants by code of others that refuse or are wrong, and how.

    Raises:
        Wrong: the output or a gradient of code of this project is another than the reference's.
    """
    first = case.x[:1].detach().requires_grad_()
    with backend("reference"):
        right = case.layer(first)
        grad_out = torch.randn_like(right)
        grads = torch.autograd.grad(right, [first, *case.layer.parameters()], grad_out)
    refused = {}
    for name, variant in case.variants.items():
        if not (variant.exact or variant.may_refuse):
            continue
        try:
            outputs = _first_image(variant, case.x, grad_out)
        except Exception as error:  # code of others may fail in any way
            if not variant.may_refuse:
                raise
            refused[name] = f"refuses: {str(error).strip().partition(chr(10))[0]}"[:100]
            continue
        if variant.exact:
            try:
                _compare(f"{case.title}: {name}", outputs, [right.detach(), *grads])
            except Wrong as error:
                if not variant.may_refuse:
                    raise
                refused[name] = f"not run, since it is wrong: {error}"
    return refused


def _first_image(variant: Variant, x: Tensor, grad_out: Tensor) -> list[Tensor]:
    """Output and gradients where only the first image has any."""
    if not variant.differentiable:
        with torch.no_grad():
            return [variant.run(x)[:1]]
    out = variant.run(x)
    grad = torch.zeros_like(out)
    grad[:1] = grad_out
    grads = torch.autograd.grad(out, [x, *variant.parameters], grad, allow_unused=not variant.exact)
    return [out[:1].detach(), grads[0][:1], *grads[1:]]


def _compare(name: str, outputs: list[Tensor], right: list[Tensor]) -> None:
    for number, (ours, exact) in enumerate(zip(outputs, right, strict=False)):
        error = float((ours.double() - exact.double()).norm() / exact.double().norm())
        if not error <= LARGEST_ERROR[ours.dtype]:
            what = f"gradient {number}" if number else "output"
            raise Wrong(
                f"{name}: the error of the {what} must be at most {LARGEST_ERROR[ours.dtype]}, "
                f"got {error:.3g}"
            )
