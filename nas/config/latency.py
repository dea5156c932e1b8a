"""The section ``latency`` of a search's configuration: measuring, a table, the soft constraint."""

from __future__ import annotations

from pydantic import Field, model_validator

from search_space.cost.latency_record import LatencySettings

MNASNET_EXPONENT = -0.07
"""Tan et al. 2019 (arXiv 1807.11626), section 3.1: twice the latency is worth 5 % of accuracy."""


class LatencyMetering(LatencySettings):
    """The measuring of latency, where it is an objective or limited.

    The soft form is MnasNet's equation 2, ``accuracy * (latency / target)^w``, where w is
    ``exponent_within`` up to the target and ``exponent_over`` beyond it. Both are -0.07 as in the
    paper's experiments; its hard form has 0 and -1.
    """

    candidates_per_batch: int = Field(default=16, ge=1)
    """Candidates that are measured together, while nothing trains. Unit: architectures."""
    table: str | None = None
    """A file of `nas latency-table`, relative to the working folder. Candidates whose predicted
    latency is over `limits.latency_ms` by more than its margin are rejected without being measured.
    """
    target_ms: float | None = Field(default=None, gt=0)
    """Target of the objective `val_accuracy_by_latency`, which needs it. Unit: ms."""
    exponent_within: float = Field(default=MNASNET_EXPONENT, le=0)
    """Exponent of (latency / target) up to the target (MnasNet, equation 2)."""
    exponent_over: float = Field(default=MNASNET_EXPONENT, le=0)
    """Exponent of (latency / target) beyond the target; at most `exponent_within`."""

    @model_validator(mode="after")
    def _no_gain_from_being_over(self) -> LatencyMetering:
        if self.exponent_over > self.exponent_within:
            raise ValueError(
                "exponent_over must be at most exponent_within, or a network over the target is "
                f"punished less, got {self.exponent_over} and {self.exponent_within}"
            )
        return self

    def weighed(self, accuracy: float, latency_ms: float) -> float:
        """Weigh an accuracy by latency.

        Raises:
            ValueError: there is no target.
        """
        if self.target_ms is None:
            raise ValueError("latency.target_ms is needed to weigh accuracy by latency")
        ratio = latency_ms / self.target_ms
        exponent = self.exponent_within if ratio <= 1 else self.exponent_over
        return accuracy * float(ratio**exponent)
