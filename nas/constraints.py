"""Hard limits, and the record of what they turned away."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from nas.quantities import format_quantity, parse_quantity
from search_space.cost import Costs
from search_space.values import Value

EXAMPLES_KEPT = 5

Quantity = Annotated[
    float | None, BeforeValidator(lambda v: None if v is None else parse_quantity(v))
]


class Limits(Value):
    """Upper limits, inclusive; None does not limit. Costs are per image (latency: per batch)."""

    params: Quantity = None
    macs: Quantity = None
    activations: Quantity = None
    latency_ms: Quantity = None

    def static_violations(self, costs: Costs) -> dict[str, float]:
        """The limits that ``costs`` exceeds, with the cost's value. Latency is not among them."""
        values = {name: getattr(costs, name) for name in ("params", "macs", "activations")}
        limits = {name: getattr(self, name) for name in values}
        return {
            name: float(values[name])
            for name, limit in limits.items()
            if limit is not None and values[name] > limit
        }

    def latency_violations(self, latency_ms: float) -> dict[str, float]:
        """``{"latency_ms": value}`` if it exceeds the limit."""
        exceeded = self.latency_ms is not None and latency_ms > self.latency_ms
        return {"latency_ms": latency_ms} if exceeded else {}

    def __str__(self) -> str:
        """Such as ``params <= 200k, macs <= 3M``."""
        given = {n: v for n in type(self).model_fields if (v := getattr(self, n)) is not None}
        listed = [f"{name} <= {format_quantity(value)}" for name, value in given.items()]
        return ", ".join(listed) or "no limits"


class LimitRejections(Value):
    """What one limit turned away."""

    count: int = 0
    smallest: float | None = None
    examples: tuple[str, ...] = ()  # arch_ids, the first few


class Rejections:
    """For each limit, how many proposals it turned away, the smallest value seen, and examples."""

    def __init__(self, recorded: dict[str, Any] | None = None) -> None:
        self._by_limit = {
            name: LimitRejections(**entry | {"examples": tuple(entry["examples"])})
            for name, entry in (recorded or {}).items()
        }
        self.changed = False

    def add(self, arch_id: str, violations: dict[str, float]) -> None:
        """Note one rejected proposal."""
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
        """Plain data, as the ledger keeps it."""
        return {name: entry.model_dump(mode="json") for name, entry in self._by_limit.items()}

    def __str__(self) -> str:
        """One line a limit: ``params: 12 rejected, the smallest with 203k``."""
        return "\n".join(
            f"{name}: {entry.count:,} rejected, the smallest with {format_quantity(entry.smallest)}"
            for name, entry in self._by_limit.items()
            if entry.smallest is not None
        )


class NothingFits(RuntimeError):
    """No architecture within the limits was found."""


class SpaceExhausted(RuntimeError):
    """Every architecture within the limits that could be found was proposed already."""
