"""Calls of attention for the conformance suite: random tensors of every variant, never zero.

Legend: B batch, h heads, d key width of a head, e value width of a head, H x W the map.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from hypothesis import strategies as st
from torch import Tensor

from search_space.attention.backends import IMPLEMENTATIONS, Implementation
from search_space.attention.cpp import build
from search_space.attention.operands import Operands
from tests.needed import lacking
from tests.search_space.comparison import generator

NAMES = ("out", "lse", "grad_q", "grad_k", "grad_v", "grad_rows", "grad_columns")

LOCAL = ("torch", "cpp")
"""Implementations compared with the reference: all of ``IMPLEMENTATIONS`` but ``reference`` and
``triton``, which ``tests/search_space/attention/test_triton_kernels.py`` runs interpreted."""

GLOBAL = ("torch",)
"""Implementations that compute global attention too."""

assert {*LOCAL} == {*IMPLEMENTATIONS} - {"reference", "triton"}


class Case(NamedTuple):
    """One call, and the layout of its tensors."""

    extent: int  # 0 for global attention
    hw: tuple[int, int]
    border: str = "masked"
    tables: str = "concatenation"  # of widths that add up to d; "sum": of d each; "none"
    shared: tuple[bool, bool] = (False, False)  # one table of rows, of columns for all heads
    content: bool = True  # with keys
    widths: tuple[int, int] = (4, 3)  # d, e
    row_width: int = 1  # of concatenated tables
    scale: float = 0.7
    batch: int = 2
    heads: int = 2
    layout: str = "contiguous"  # "slices" of one tensor, that in "channels_last", "transposed"
    seed: int = 0

    def __str__(self) -> str:
        """Name the settings that differ from the defaults."""
        values, plain = self._asdict(), self._field_defaults
        return " ".join(
            f"{name}={values[name]}" for name in values if values[name] != plain.get(name)
        )

    def tensors(self, dtype: torch.dtype = torch.float64) -> tuple[Operands, Tensor]:
        """Return the operands, and a gradient of the output in the same layout."""
        rng = generator(self.seed)
        d, e = self.widths
        channels = [self.heads * width for width in (d, d, e, e)]
        shape = (self.batch, sum(channels), *self.hw)
        whole = torch.randn(shape, dtype=torch.float64, generator=rng).to(dtype)
        if self.layout == "channels_last":
            whole = whole.to(memory_format=torch.channels_last)
        parts = whole.split(channels, dim=1)
        if self.layout == "contiguous":
            parts = tuple(part.contiguous() for part in parts)
        elif self.layout == "transposed":
            parts = tuple(part.transpose(2, 3).contiguous().transpose(2, 3) for part in parts)
        q, k, v, grad_out = (part.unflatten(1, (self.heads, -1)) for part in parts)
        rows = columns = None
        if self.tables != "none":
            lengths = [self.extent] * 2 if self.extent else [2 * side - 1 for side in self.hw]
            table_widths = (d, d) if self.tables == "sum" else (self.row_width, d - self.row_width)
            rows, columns = (
                torch.randn(
                    1 if shared else self.heads, *shape, dtype=torch.float64, generator=rng
                ).to(dtype)
                for shared, *shape in zip(self.shared, lengths, table_widths, strict=True)
            )
        keys = k if self.content else None
        return Operands(q, keys, v, rows, columns, self.scale, self.extent, self.border), grad_out


def implementation(name: str) -> Implementation:
    """Return an implementation by name; skip the test where it cannot run on this machine."""
    if name == "cpp" and build.problem():
        lacking(f"cpp {build.problem()}")
    return IMPLEMENTATIONS[name]


def computed(
    module: Implementation, operands: Operands, grad_out: Tensor
) -> dict[str, Tensor | None]:
    """Compute output, lse and gradients of one implementation, by :data:`NAMES`."""
    assert module.problem(operands) is None
    out, lse = module.forward(operands)
    grads = module.backward(grad_out, operands, out, lse)
    return dict(zip(NAMES, (out, lse, *grads), strict=True))


@st.composite
def cases(draw: st.DrawFn, extents: tuple[int, ...] = (1, 3, 5, 7, 9, 11)) -> Case:
    """Draw any variant, on maps up to 9 x 9."""
    d = draw(st.sampled_from((1, 2, 3, 5, 8, 20)))
    content = draw(st.booleans())
    kinds = ["sum"]
    kinds += ["concatenation"] if d > 1 else []
    kinds += ["none"] if content else []
    return Case(
        extent=draw(st.sampled_from(extents)),
        hw=draw(st.tuples(*[st.integers(1, 9)] * 2)),
        border=draw(st.sampled_from(("masked", "zeros"))) if any(extents) else "masked",
        tables=draw(st.sampled_from(kinds)),
        shared=draw(st.tuples(st.booleans(), st.booleans())),
        content=content,
        widths=(d, draw(st.sampled_from((1, 3, 5, 8, 20)))),
        row_width=draw(st.integers(1, max(1, d - 1))),
        scale=draw(st.sampled_from((1.0, 0.3, -0.5))) * d**-0.5,
        batch=draw(st.integers(1, 3)),
        heads=draw(st.integers(1, 3)),
        layout=draw(st.sampled_from(("contiguous", "slices", "channels_last", "transposed"))),
        seed=draw(st.integers(0, 9)),
    )


TOLERANCE = {
    torch.float64: 32 * torch.finfo(torch.float64).eps,
    torch.float32: 32 * torch.finfo(torch.float32).eps,
    torch.bfloat16: torch.finfo(torch.bfloat16).eps,
    torch.float16: torch.finfo(torch.float16).eps,
}
"""Largest error by a result's type, as a share of its size (the root of the sum of squares).

In float64 and float32 it is the rounding of logits of about 10 and of sums of up to a thousand
terms. The other types are computed in float32: there it is one rounding of each result, by at most
half an eps, and that of the output, which enters every gradient but those of the values.
"""


def assert_close(
    results: dict[str, Tensor | None], wanted: dict[str, Tensor | None], grad_out: Tensor
) -> None:
    """Assert equal types and shapes, and numbers as close as :data:`TOLERANCE` says.

    A result smaller than ``grad_out`` is compared with the size of ``grad_out``: gradients that
    cancel (a key without rivals has none) have the rounding errors of their terms.
    """
    least = grad_out.double().norm()
    for name, mine, true in zip(results, results.values(), wanted.values(), strict=True):
        assert (mine is None) == (true is None), name
        if mine is None or true is None:
            continue
        assert (mine.shape, mine.dtype) == (true.shape, true.dtype), name
        error = (mine.double() - true.double()).norm() / torch.maximum(true.double().norm(), least)
        assert not error.isnan(), f"{name} is not finite"
        assert error <= TOLERANCE[mine.dtype], f"{name} is off by {error:.1e} of its size"
