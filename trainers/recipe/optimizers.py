"""The optimisers that a recipe can name."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from trainers.settings import Settings


class Sgd(Settings):
    """Stochastic gradient descent with momentum (Sutskever et al. 2013).

    The rate stands outside the velocity: ``v = momentum v + g``, ``w -= rate v``; with Nesterov
    momentum ``w -= rate (g + momentum v)``.
    """

    name: Literal["sgd"] = "sgd"
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Share of the velocity that the next step keeps; 0 is plain gradient descent."""
    nesterov: bool = False
    """Look ahead by the velocity."""

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0, got momentum=0")
        return self


class AdamW(Settings):
    """AdamW (Loshchilov and Hutter 2019): weight decay acts on the weights, times the rate."""

    name: Literal["adamw"] = "adamw"
    beta1: float = Field(default=0.9, ge=0, lt=1)
    """Decay of the average gradient."""
    beta2: float = Field(default=0.999, ge=0, lt=1)
    """Decay of the average squared gradient."""
    epsilon: float = Field(default=1e-8, gt=0)
    """Added to the root of the average square."""


class RmsProp(Settings):
    """RMSProp in TensorFlow's form, which MnasNet was trained by.

    ``s = decay s + (1 - decay) g^2``, from ``s = 1``; ``v = momentum v + rate g / sqrt(s +
    epsilon)``; ``w -= v``. PyTorch's has epsilon outside the root, starts at ``s = 0``, and keeps
    the rate outside ``v``.
    """

    name: Literal["rmsprop"] = "rmsprop"
    decay: float = Field(default=0.9, ge=0, lt=1)
    """Decay of the average squared gradient."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Share of the step that the next one keeps."""
    epsilon: float = Field(default=1e-3, gt=0)
    """Added to the average square, inside the root."""


OptimizerSettings = Annotated[Sgd | AdamW | RmsProp, Field(discriminator="name")]
