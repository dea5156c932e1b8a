"""RMSProp as TensorFlow computes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn


class TensorFlowRmsProp(torch.optim.Optimizer):
    """RMSProp with epsilon inside the root, averages from 1, and the rate inside the momentum.

    With gradient ``g`` and L2 penalty ``weight_decay``: ``g += weight_decay w``; ``s = decay s +
    (1 - decay) g^2``; ``v = momentum v + lr g / sqrt(s + epsilon)``; ``w -= v``. So a change of the
    rate acts on later gradients only, not on the steps under way. ``torch.optim.RMSprop`` differs
    in all three.

    Args:
        params: parameters or groups of them.
        lr: the rate.
        decay: of the average squared gradient, in 0..1.
        momentum: in 0..1.
        epsilon: above 0.
        weight_decay: 0 or more.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        lr: float,
        *,
        decay: float,
        momentum: float,
        epsilon: float,
        weight_decay: float = 0.0,
    ) -> None:
        settings = {
            "lr": lr,
            "decay": decay,
            "momentum": momentum,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
        }
        super().__init__(params, settings)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update every parameter that has a gradient.

        Args:
            closure: computes the loss and its gradients anew, and returns it.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [each for each in group["params"] if each.grad is not None]
            if not parameters:
                continue
            gradients = [each.grad for each in parameters]
            for each in parameters:
                if not self.state[each]:
                    self.state[each]["square"] = torch.ones_like(each)
                    self.state[each]["velocity"] = torch.zeros_like(each)
            squares = [self.state[each]["square"] for each in parameters]
            velocities = [self.state[each]["velocity"] for each in parameters]
            if group["weight_decay"]:
                gradients = list(
                    torch._foreach_add(gradients, parameters, alpha=group["weight_decay"])
                )
            torch._foreach_mul_(squares, group["decay"])
            torch._foreach_addcmul_(squares, gradients, gradients, value=1 - group["decay"])
            roots = torch._foreach_add(squares, group["epsilon"])
            torch._foreach_sqrt_(roots)
            torch._foreach_mul_(velocities, group["momentum"])
            torch._foreach_addcdiv_(velocities, gradients, roots, value=group["lr"])
            torch._foreach_sub_(parameters, velocities)
        return loss
