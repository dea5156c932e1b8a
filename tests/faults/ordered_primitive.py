"""A convolution that misbehaves on order: a primitive of the user's own, for the faults' searches.

The folder that the environment variable :data:`ORDERS` names holds orders, files named for a
misdeed. The first training that sees an order ``MISDEED.once`` takes it, by renaming the file, and
does the misdeed: so a fault falls into one training, at the moment that the harness chose. An order
``MISDEED.always`` binds every training of the same network from then on.
"""

from __future__ import annotations

import ctypes
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from search_space.layers.convolution import convolution
from search_space.primitives import Primitive

ORDERS = "FAULTS_ORDERS"
"""Names the environment variable with the folder of orders; without it no network misbehaves."""

MOST_BYTES = 3 * 2**30
"""The most memory that a network takes on order; it then waits to be ended."""

STEP_BYTES = 64 * 2**20


class Ordered(Primitive):
    """A convolution; ``variant`` tells equal ones apart, so that there are many networks."""

    type: Literal["tests.faults.ordered_primitive:Ordered"] = (
        "tests.faults.ordered_primitive:Ordered"
    )
    kernel: int
    variant: int

    @property
    def label(self) -> str:
        return f"ordered{self.kernel}.{self.variant}"

    def build(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> nn.Module:
        name = f"{in_channels}-{out_channels}-{self.kernel}-{self.variant}"
        return OrderedConvolution(convolution(in_channels, out_channels, self.kernel, stride), name)


class OrderedConvolution(nn.Module):
    """The convolution, which looks for orders at each training step."""

    def __init__(self, conv: nn.Module, name: str) -> None:
        super().__init__()
        self.conv = conv
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        folder = os.environ.get(ORDERS)
        if self.training and folder is not None:
            misdeed = self._order(Path(folder))
            if misdeed == "nan":
                return self.conv(x) * float("nan")
            if misdeed:
                misbehave(misdeed)
        return self.conv(x)

    def _order(self, folder: Path) -> str:
        """Return the misdeed that an order asks of this network; empty if none does."""
        for file in folder.iterdir():
            misdeed, _, ending = file.name.partition(".")
            if ending == f"bound-{self.name}":
                return misdeed
            if ending in ("once", "always"):
                taken = f"bound-{self.name}" if ending == "always" else f"taken-{self.name}"
                with suppress(FileNotFoundError):  # another training was faster
                    file.rename(folder / f"{misdeed}.{taken}")
                    return misdeed
        return ""


def misbehave(misdeed: str) -> None:
    """Do what an order asks."""
    if misdeed == "raise":
        raise RuntimeError("this network raises on order")
    if misdeed == "exit":
        os._exit(9)
    if misdeed == "crash":
        ctypes.string_at(0)  # SIGSEGV
    if misdeed == "memory":
        held = []
        while len(held) * STEP_BYTES < MOST_BYTES:
            held.append(torch.ones(STEP_BYTES // 4))
            time.sleep(0.02)
    if misdeed in ("hang", "memory"):
        time.sleep(3600)
