"""Hard limits on a network's costs, and the record of the proposals that they rejected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from nas.metrics import PREDICTED_LATENCY, STATIC_COSTS, whole_counts
from nas.quantities import format_quantity, parse_quantity
from search_space.values import Value

EXAMPLES_KEPT = 5

REJECTIONS_IN_A_ROW = 200
"""The search ends after so many proposals in a row that are over a limit, repeated, or no
architecture. Only foreign samplers make such proposals."""

Quantity = Annotated[
    float | None, BeforeValidator(lambda v: None if v is None else parse_quantity(v))
]


class Limits(Value):
    """Upper limits, inclusive, on a network's costs. None does not limit.

    Costs are per image, except latency, which is per batch, and peak memory, which is per training
    step of the full recipe's batch, estimated for float32 (see
    :class:`nas.costs.static_costs.StaticCosts`).
    """

    params: Quantity = None
    """Parameters of the network. A suffix k, M or G may follow the number, as in `200k`. Unit:
    parameters."""
    macs: Quantity = None
    """Multiply-adds of one image. Suffixes as for `params`. Unit: multiply-adds."""
    activations: Quantity = None
    """Outputs of convolutions, linear layers and matrix products for one image. Suffixes as for
    `params`. Unit: values."""
    peak_memory_mb: Quantity = None
    """Estimated peak memory of a training step of the `retrain` recipe in float32. Unit: MB (10^6
    bytes)."""
    latency_ms: Quantity = None
    """Measured time of one batch, by the settings in `latency`. Unit: ms."""

    @property
    def given(self) -> dict[str, float]:
        """The limits that are not None, by name."""
        limits = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: limit for name, limit in limits.items() if limit is not None}

    def static(self, names: Iterable[str]) -> dict[str, float]:
        """Return the limits on costs that are known before anything is built.

        Args:
            names: the known costs. With a latency table ``PREDICTED_LATENCY`` is among them, which
                the limit ``latency_ms`` bounds.

        Raises:
            ValueError: a static cost is limited, and not among ``names``.
        """
        names = tuple(names)
        limits = {name: limit for name, limit in self.given.items() if name in STATIC_COSTS}
        missing = [name for name in limits if name not in names]
        if missing:
            raise ValueError(f"limits on {', '.join(missing)} need costs that hold them")
        if PREDICTED_LATENCY in names and self.latency_ms is not None:
            limits[PREDICTED_LATENCY] = self.latency_ms
        return limits

    def by_name(self, names: Iterable[str]) -> dict[str, float]:
        """Return the limits for samplers: on the known costs ``names``, and on measured latency.

        Raises:
            ValueError: as :meth:`static`.
        """
        measured = {} if self.latency_ms is None else {"latency_ms": self.latency_ms}
        return self.static(names) | measured

    def static_violations(self, costs: Mapping[str, float]) -> dict[str, float]:
        """Return the limits that ``costs`` exceeds, each with the cost.

        Args:
            costs: by name, as :meth:`search_space.cost.Costs.metrics` has them.

        Raises:
            ValueError: as :meth:`static`.
        """
        limits = self.static(costs)
        return {name: float(costs[name]) for name in limits if costs[name] > limits[name]}

    def latency_violations(self, latency_ms: float) -> dict[str, float]:
        """Return ``{"latency_ms": value}`` if it exceeds the limit, else an empty mapping."""
        exceeded = self.latency_ms is not None and latency_ms > self.latency_ms
        return {"latency_ms": latency_ms} if exceeded else {}

    def __str__(self) -> str:
        """Format as ``params <= 200k, macs <= 3M``."""
        return describe_limits(self.given)


def describe_limits(limits: Mapping[str, float]) -> str:
    """Format limits as ``params <= 200k, macs <= 3M``."""
    listed = [f"{name} <= {format_quantity(value)}" for name, value in limits.items()]
    return ", ".join(listed) or "no limits"


class LimitRejections(Value):
    """The proposals that one limit rejected."""

    count: int = 0
    smallest: float | None = None
    examples: tuple[str, ...] = ()  # arch_ids, the first few


class Rejections:
    """For each limit, how many proposals it rejected, the smallest value seen, and examples."""

    def __init__(self, recorded: dict[str, Any] | None = None) -> None:
        self._by_limit = {
            name: LimitRejections(**entry | {"examples": tuple(entry["examples"])})
            for name, entry in (recorded or {}).items()
        }
        self.changed = False

    def copied(self) -> Rejections:
        """Return a copy, to go back to with :meth:`become`."""
        copy = Rejections()
        copy.become(self)
        return copy

    def become(self, other: Rejections) -> None:
        """Record what ``other`` does, and nothing else."""
        self._by_limit, self.changed = dict(other._by_limit), other.changed

    def add(self, arch_id: str, violations: dict[str, float]) -> None:
        """Record one rejected proposal."""
        for name, value in violations.items():
            before = self._by_limit.get(name, LimitRejections())
            examples = before.examples
            if arch_id not in examples and len(examples) < EXAMPLES_KEPT:
                examples = (*examples, arch_id)
            smallest = value if before.smallest is None else min(value, before.smallest)
            self._by_limit[name] = LimitRejections(
                count=before.count + 1, smallest=smallest, examples=examples
            )
            self.changed = True

    def to_json(self) -> dict[str, Any]:
        """Return plain data for the ledger."""
        entries = {}
        for name, entry in self._by_limit.items():
            known = {} if entry.smallest is None else whole_counts({name: entry.smallest})
            entries[name] = entry.model_dump(mode="json") | {"smallest": known.get(name)}
        return entries

    def __str__(self) -> str:
        """Format one line a limit: ``params: 12 rejected, the smallest with 203k``."""
        return "\n".join(
            f"{name}: {entry.count:,} rejected, the smallest with {format_quantity(entry.smallest)}"
            for name, entry in self._by_limit.items()
            if entry.smallest is not None
        )
