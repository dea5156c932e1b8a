"""Comparison of a module with its oracle: forward, and every parameter's and input's gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Draw standard normal numbers, float64."""
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed))


@contextmanager
def in_float64() -> Iterator[None]:
    """Build modules inside the ``with`` with float64 constants, as exact as an oracle's."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def randomised(module: nn.Module, seed: int = 1) -> nn.Module:
    """Return the module in float64, every parameter and statistic random and away from zero."""
    module = module.double()
    rng = generator(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng) * 0.5)
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(torch.randn(buffer.shape, generator=rng) * 0.5)
            elif name.endswith("running_var"):
                buffer.copy_(torch.rand(buffer.shape, generator=rng) + 0.5)
    return module


def gradients(out: Tensor, inputs: Iterable[Tensor], seed: int = 2) -> list[Tensor]:
    """Return gradients of ``inputs`` for a random weighting of ``out``'s elements."""
    weights = torch.randn(out.shape, dtype=torch.float64, generator=generator(seed)).to(out.dtype)
    return list(torch.autograd.grad((out * weights).sum(), list(inputs)))


def assert_same(
    module: nn.Module,
    oracle: Callable[[Tensor], Tensor],
    x: Tensor,
    *,
    without_effect: tuple[str, ...] = (),
) -> None:
    """Assert that outputs and gradients agree; none is zero but those of ``without_effect``."""
    x = x.clone().requires_grad_()
    named = dict(module.named_parameters())
    out, expected = module(x), oracle(x)
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-10)
    mine = gradients(out, [x, *named.values()])
    its = gradients(expected, [x, *named.values()])
    for name, got, wanted in zip(["input", *named], mine, its, strict=True):
        torch.testing.assert_close(
            got, wanted, rtol=1e-8, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}"
        )
        assert bool((wanted.abs() > 1e-6).any()) == (name not in without_effect), name
