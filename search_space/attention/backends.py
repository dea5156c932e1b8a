"""Choice of the implementation that computes attention: by a rule, or by :func:`backend`.

* ``reference``: the definition in float64, on any device that has it;
* ``torch``: PyTorch's own operators, on any device;
* ``cpp``: local attention on the CPU, in C++ that is compiled at its first use;
* ``triton``: kernels for the GPU (on the CPU only in Triton's interpreter, for tests).

The rule reads device, type and shape: ``triton`` on a GPU and ``cpp`` for windows on a CPU where
they can compute the call, else ``torch``. The reason why a preferred one cannot is logged once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from search_space.attention import cpp, eager, reference, triton_kernels
from search_space.attention.operands import Gradients, Operands
from search_space.nearest import hint

logger = logging.getLogger(__name__)


class Implementation(Protocol):
    """A module that computes attention forwards and backwards."""

    def problem(self, operands: Operands) -> str | None:
        """Return why it cannot compute this call; None if it can."""

    def forward(self, operands: Operands) -> tuple[Tensor, Tensor]:
        """Compute output and lse."""

    def backward(self, grad_out: Tensor, operands: Operands, out: Tensor, lse: Tensor) -> Gradients:
        """Compute gradients of the five tensors from the gradient of the output."""


IMPLEMENTATIONS: dict[str, Implementation] = {
    "reference": reference,
    "torch": eager,
    "cpp": cpp,
    "triton": triton_kernels,
}

RULE = ""
"""The name that stands for the rule's choice."""

EXPORTABLE = "exportable"
"""The name that stands for :mod:`search_space.attention.written_out`, which is no operator."""

_forced = RULE


class Call(NamedTuple):
    """One call of an operator, and what computed it."""

    implementation: str  # its name; for ``torch`` with the form, such as "torch (dense)"
    extent: int  # of the window, pixels; 0 for global attention
    map_hw: tuple[int, int]
    heads: int
    key_width: int  # of a head
    value_width: int  # of a head
    dtype: torch.dtype


_records: list[list[Call]] = []
_logged: set[tuple[str, str]] = set()


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Force ``name`` to compute every attention operator of this process inside the ``with``.

    A backward pass runs by the name that its forward pass was called under. A program exported
    inside keeps the name, whatever device it runs on.

    Raises:
        ValueError: there is no implementation of this name; or, from a call inside, the
            implementation cannot compute that call.
    """
    global _forced  # noqa: PLW0603 - a module's global is what torch.compile can guard on
    if name not in IMPLEMENTATIONS:
        raise ValueError(
            f"no implementation of attention is called {name!r}; {hint(name, IMPLEMENTATIONS)}"
        )
    before, _forced = _forced, name
    try:
        yield
    finally:
        _forced = before


@contextmanager
def record_calls() -> Iterator[list[Call]]:
    """Record the call of each forward pass of an operator in this process inside the ``with``."""
    calls: list[Call] = []
    _records.append(calls)
    try:
        yield calls
    finally:
        _records[:] = [other for other in _records if other is not calls]


def forward(operands: Operands, name: str) -> tuple[Tensor, Tensor]:
    """Compute output and lse by ``name``, or by the rule's choice.

    Raises:
        ValueError: ``name`` cannot compute this call.
    """
    implementation = chosen(operands, name)
    if _records:
        detail = f" ({eager.form(operands)})" if implementation == "torch" else ""
        heads, key_width, *hw = operands.q.shape[1:]
        call = Call(
            implementation + detail,
            operands.extent,
            (hw[0], hw[1]),
            heads,
            key_width,
            operands.v.shape[2],
            operands.q.dtype,
        )
        for calls in _records:
            calls.append(call)
    with _plain(operands):
        return IMPLEMENTATIONS[implementation].forward(operands)


def backward(
    grad_out: Tensor, operands: Operands, out: Tensor, lse: Tensor, name: str
) -> Gradients:
    """Compute gradients of the five tensors; see :func:`forward`."""
    with _plain(operands):
        return IMPLEMENTATIONS[chosen(operands, name)].backward(grad_out, operands, out, lse)


@contextmanager
def exportable() -> Iterator[None]:
    """Compute attention in standard operators inside the ``with``, each of which tracing sees.

    So is what is exported for programs that do not have this project's operators.
    """
    global _forced  # noqa: PLW0603 - as in backend
    before, _forced = _forced, EXPORTABLE
    try:
        yield
    finally:
        _forced = before


def is_exportable() -> bool:
    """Return whether :func:`exportable` is in force."""
    return _forced == EXPORTABLE


def forced() -> str:
    """Return the name that :func:`backend` forces, or :data:`RULE`."""
    return _forced


def chosen(operands: Operands, name: str = RULE) -> str:
    """Return the implementation that computes this call: ``name``, or the rule's choice.

    Raises:
        ValueError: ``name`` cannot compute this call.
    """
    if name != RULE:
        problem = IMPLEMENTATIONS[name].problem(operands)
        if problem:
            raise ValueError(f"attention.backend({name!r}) {problem}")
        return name
    preferred = _preferred(operands.q.device.type, windows=operands.extent > 0)
    problem = IMPLEMENTATIONS[preferred].problem(operands)
    if problem is None:
        return preferred
    _log_once(preferred, problem)
    return "torch"


def preferred_on(device: str) -> str:
    """Return the rule's choice for windows on this type of device, ``torch`` if it cannot run."""
    preferred = _preferred(device, windows=True)
    unavailable = {"cpp": cpp.build.problem, "triton": triton_kernels.unavailable}.get(preferred)
    return "torch" if unavailable and unavailable() else preferred


def _preferred(device: str, *, windows: bool) -> str:
    if device == "cuda":
        return "triton"
    return "cpp" if device == "cpu" and windows else "torch"


def _plain(operands: Operands) -> torch.autocast:
    """Switch autocast off: an operator computes in the type that it states."""
    return torch.autocast(operands.q.device.type, enabled=False)


def _log_once(preferred: str, problem: str) -> None:
    """Log a kind of problem once: sizes and types come after "got", and a search has many."""
    kind = preferred, problem.partition(", got ")[0]
    if kind not in _logged:
        _logged.add(kind)
        logger.warning("attention runs by torch, since %s %s", preferred, problem)
