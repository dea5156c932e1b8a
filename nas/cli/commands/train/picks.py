"""The networks of a run that ``--pick`` names."""

from __future__ import annotations

from analysis.front.queries import knee, why_no_knee
from nas.config.search_config import SearchConfig
from nas.errors import CommandError
from nas.latency.measurements import all_candidates, front_of_run
from nas.storage.candidates import most_accurate
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from search_space.architecture import Architecture
from search_space.nearest import did_you_mean

PICKS = ("knee", "best", "knee-or-best", "all", "evaluated")
"""``all`` are those of the front, ``evaluated`` all that the search trained to the end."""

SEVERAL = ("all", "evaluated")
"""The picks of more than one network."""


def picked_architectures(
    pick: str, config: SearchConfig, ledger: Ledger, run: RunFolder
) -> list[Architecture]:
    """Return the architectures that ``pick`` names.

    Args:
        pick: one of ``PICKS``, or an ``arch_id`` of the run.
        config: of the run.
        ledger: of the run.
        run: the run.

    Raises:
        CommandError: there is no such architecture, or the front has no knee.
        RunError: the ledger cannot be read.
    """
    evaluated = all_candidates(config, ledger)
    members, cost = front_of_run(config, ledger), config.cost_objective
    for candidate in evaluated:
        if candidate.arch_id == pick:
            return [candidate.architecture]
    if not members:
        raise CommandError(f"run {run.name!r} has no evaluated architecture to retrain")
    if pick == "evaluated":
        return [candidate.architecture for candidate in evaluated]
    if pick == "all":
        return [member.architecture for member in members]
    best = most_accurate(members)
    assert best is not None  # there are members
    if pick == "best":
        return [best.architecture]
    if pick in ("knee", "knee-or-best"):
        chosen = knee(members, cost, "val_accuracy")
        if chosen is None:
            if pick == "knee-or-best":
                return [best.architecture]
            reason = why_no_knee(members, cost, "val_accuracy").removeprefix("no knee: ")
            raise CommandError(
                f"the front of run {run.name!r} has no knee: {reason}; choose with --pick best, or "
                f"with the arch_id of a member: {', '.join(m.arch_id for m in members)}"
            )
        return [chosen.architecture]
    suggestion = did_you_mean(pick, (*PICKS, *(candidate.arch_id for candidate in evaluated)))
    raise CommandError(
        f"--pick is {', '.join(PICKS)}, or the arch_id of an architecture that {run.name!r} "
        f"trained to the end, got {pick!r}" + (f"; {suggestion}" if suggestion else "")
    )
