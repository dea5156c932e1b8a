"""The losses and hits of an epoch that is being trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

# looking at the loss makes a GPU wait, and a diverged run wastes no more steps than these
STEPS_BETWEEN_LOSS_CHECKS = 100


class EpochProgress:
    """An epoch's finished steps.

    Attributes:
        steps: how many are finished.
        seconds: that they took.
        waited_seconds: of these, spent reading images or waiting for them.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waited_seconds = 0.0
        self._losses: list[torch.Tensor] = []
        self._hits: list[torch.Tensor] = []
        self._checked = 0

    @property
    def steps(self) -> int:
        """The number of finished steps."""
        return len(self._losses)

    def add(self, loss: torch.Tensor, hits: torch.Tensor) -> None:
        """Note a step: its mean loss [] and the number of its images that were classified right."""
        self._losses.append(loss)
        self._hits.append(hits)

    def first_not_finite(self, *, now: bool) -> tuple[int, float] | None:
        """Return the first step, from 0, whose loss is not finite, and its loss.

        Args:
            now: whether to look at all steps; otherwise only once in 100.
        """
        unchecked = self.steps - self._checked
        if not unchecked or not (now or unchecked >= STEPS_BETWEEN_LOSS_CHECKS):
            return None
        losses = torch.stack(self._losses[self._checked :]).tolist()
        for step, loss in enumerate(losses, start=self._checked):
            if not math.isfinite(loss):
                return step, loss
        self._checked = len(self._losses)
        return None

    def mean_loss(self) -> float:
        """Return the mean over the steps."""
        return torch.stack(self._losses).mean().item()

    def accuracy(self, images: int) -> float:
        """Return the share of ``images`` that were classified right."""
        return torch.stack(self._hits).sum().item() / images

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and plain values from which the epoch goes on."""
        return {
            "losses": torch.stack(self._losses).cpu() if self._losses else torch.zeros(0),
            "hits": torch.stack(self._hits).cpu() if self._hits else torch.zeros(0),
            "seconds": self.seconds,
            "waited_seconds": self.waited_seconds,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], device: torch.device) -> EpochProgress:
        """Return the progress whose :meth:`state_dict` gave ``state``."""
        progress = cls()
        progress._losses = list(state["losses"].to(device).unbind())
        progress._hits = list(state["hits"].to(device).unbind())
        progress.seconds = float(state["seconds"])
        progress.waited_seconds = float(state["waited_seconds"])
        return progress
