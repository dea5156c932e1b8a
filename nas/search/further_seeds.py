"""Further seeds that a user asked for after a search: a plan in the ledger, trained as repeats.

The plan is an attribute of the search's study. While one of its trainings has no result, a driver
of the run trains the plan and nothing else, whatever the search's own budget: no trial is proposed,
and none that waits goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from nas.errors import RunError
from nas.storage.evaluation import Evaluation
from search_space.architecture import Architecture

FURTHER_SEEDS = "further_seeds"
"""The attribute's name."""


class FurtherSeed(NamedTuple):
    """One training that is asked for."""

    arch_id: str
    seed: int


_PLAN = TypeAdapter(list[FurtherSeed])


def plan_in(attributes: Mapping[str, Any]) -> list[FurtherSeed]:
    """Return the plan in the attributes of a search's study; empty if there is none.

    Raises:
        RunError: it is damaged.
    """
    try:
        return _PLAN.validate_python(attributes.get(FURTHER_SEEDS, []))
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise RunError(
            f"the attribute {FURTHER_SEEDS} in the ledger is damaged: {place}: {problem['msg']}, "
            f"got {problem['input']!r}"
        ) from error


def left_of(
    plan: Sequence[FurtherSeed],
    trained: Iterable[Evaluation],
    repeated: Iterable[Evaluation],
) -> list[tuple[Architecture, int]]:
    """Return the trainings of a plan that have no result yet, in the plan's order.

    Args:
        plan: the plan.
        trained: the search's own evaluations.
        repeated: the repeats so far, failed ones included.
    """
    if not plan:
        return []
    architectures = {row.arch_id: row.architecture for row in trained}
    done = {(row.arch_id, row.seed) for row in repeated}
    return [(architectures[each.arch_id], each.seed) for each in plan if each not in done]


def next_seeds(
    architecture: Architecture, count: int, seed: int, repeated: Iterable[Evaluation]
) -> list[FurtherSeed]:
    """Return the first seeds after the search's with which an architecture was not trained.

    Args:
        architecture: to train again.
        count: the number of seeds.
        seed: the search's.
        repeated: the repeats so far, failed ones included.
    """
    used = {row.seed for row in repeated if row.arch_id == architecture.arch_id}
    free = (seed + step for step in range(1, len(used) + count + 1))
    return [FurtherSeed(architecture.arch_id, each) for each in free if each not in used][:count]
