"""``nas diff``: what changes from one network to others, or along the front of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from analysis.diff.subjects import Subject
from analysis.diff.tables import diff_json, diff_table, steps_json, steps_table
from nas.cli.output import Output
from nas.errors import CommandError, RunError
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from nas.latency.merged_runs import Merged, ReadRun, check_compare, merged
from nas.storage.candidates import Candidate, candidates, pareto_front
from nas.storage.ledger_reader import ledger_to_read
from nas.storage.run.folder import RunFolder
from nas.workflows.networks_by_name import find_network
from nas.workflows.plain_evaluations import plain_evaluations
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from search_space.nearest import hint


class _Evaluations(NamedTuple):
    """A run, with all that it knows of its networks."""

    read: ReadRun
    candidates: Mapping[str, Candidate]  # by arch_id
    fresh: Mapping[str, Mapping[int, float]]  # val_accuracy by arch_id and seed


def show_diff(output: Output, operands: Sequence[str], runs: Path, *, trust: bool = False) -> None:
    """Print what differs between networks, or with one run what each step of its front buys.

    Args:
        output: to print to.
        operands: ``RUN:ARCH_ID``, names of the zoo, files or ``arch_id``s; or one run.
        runs: the folder of all runs.
        trust: the option ``--trust``.

    Raises:
        CommandError: an operand is none of these, or they do not compare.
        RunError: a run cannot be read, or runs do not compare.
    """
    with ExitStack() as stack:
        if len(operands) == 1:
            _show_steps(output, operands[0], runs, stack, trust=trust)
            return
        opened: dict[str, _Evaluations] = {}
        networks = [_operand(each, runs, opened, stack, trust=trust) for each in operands]
        if opened:
            check_compare([each.read for each in opened.values()])
        task = _shared_task(operands, networks, opened)
        names = _names(opened)
        subjects = [
            _subject(name, architecture, task, evaluations)
            for name, (architecture, _, evaluations) in zip(operands, networks, strict=True)
        ]
    if output.as_json:
        output.show_json(names.keyed(diff_json(subjects)))
    else:
        output.show(diff_table(subjects, names))


def _names(opened: Mapping[str, _Evaluations]) -> MetricNames:
    """Return the names of the runs' metrics, which compare; of accuracy where there are none."""
    read = next((each.read for each in opened.values()), None)
    return OF_ACCURACY if read is None else MetricNames(read.config.metric)


def _show_steps(output: Output, name: str, runs: Path, stack: ExitStack, *, trust: bool) -> None:
    evaluations = _read(RunFolder.find(name, runs, trust=trust), stack)
    read = evaluations.read
    x = read.config.cost_objective
    together: Merged = merged([read], ["val_accuracy", x])
    members = pareto_front(together.within, ["val_accuracy", x])
    if len(members) < 2:
        raise CommandError(
            f"the front of run {read.run.name!r} has {len(members)} members, and a step needs two"
        )
    task = read.run.task()
    subjects = [
        _subject(member.arch_id, member.architecture, task, evaluations) for member in members
    ]
    names = MetricNames(read.config.metric)
    if output.as_json:
        output.show_json(names.keyed(steps_json(subjects, x)))
    else:
        output.show(steps_table(subjects, x, names))


Operand = tuple[Architecture, Task, _Evaluations | None]
"""A network, the task that it comes with, and what its run knows of it."""


def _operand(
    text: str, runs: Path, opened: dict[str, _Evaluations], stack: ExitStack, *, trust: bool
) -> Operand:
    name, colon, arch_id = text.rpartition(":")
    if not colon:
        return (*find_network(text, runs, trust=trust), None)
    if name not in opened:
        opened[name] = _read(RunFolder.find(name, runs, trust=trust), stack)
    evaluations = opened[name]
    known = evaluations.candidates
    chosen = [each for each in known if arch_id and each.startswith(arch_id)]
    if len(chosen) != 1:
        problem = "no network" if not chosen else f"{len(chosen)} networks"
        raise CommandError(
            f"{text!r}: the run has {problem} with an arch_id that begins with {arch_id!r}; "
            f"{hint(arch_id, known)}"
        )
    candidate = known[chosen[0]]
    return candidate.architecture, evaluations.read.run.task(), evaluations


def _read(run: RunFolder, stack: ExitStack) -> _Evaluations:
    read = ReadRun(run, *ledger_to_read(run))
    stack.callback(read.ledger.close)
    together = merged([read])
    plain = plain_evaluations(read.config, read.ledger)
    fresh: dict[str, dict[int, float]] = {}
    for row in [*read.ledger.evaluations("repeats"), *plain]:
        if row.state == "complete" and "val_accuracy" in row.metrics:
            fresh.setdefault(row.arch_id, {})[row.seed] = row.metrics["val_accuracy"]
    every = [*candidates(plain), *together.within, *together.over]
    return _Evaluations(read, {each.arch_id: each for each in every}, fresh)


def _shared_task(
    operands: Sequence[str], networks: Sequence[Operand], opened: Mapping[str, _Evaluations]
) -> Task:
    """Return the task on which costs are compared: the runs', or else that of all networks."""
    if opened:
        return next(iter(opened.values())).read.run.task()
    (first, task), *others = [
        (name, task) for name, (_, task, _) in zip(operands, networks, strict=True)
    ]
    for name, other in others:
        if (other.input_shape, other.classes) != (task.input_shape, task.classes):
            raise CommandError(
                f"{first} and {name} are of other tasks, {_named(task)} and {_named(other)}, and "
                "costs compare on one: give one network as RUN:ARCH_ID, whose task all then take"
            )
    return task


def _named(task: Task) -> str:
    return f"{'x'.join(map(str, task.input_shape))} and {task.classes} classes"


def _subject(
    name: str, architecture: Architecture, task: Task, evaluations: _Evaluations | None
) -> Subject:
    try:
        costs = network_costs(architecture, task)
    except ValueError as error:
        raise RunError(f"{name} on {_named(task)}: {error}") from error
    if evaluations is None:
        return Subject(name, architecture, costs)
    arch_id = architecture.arch_id
    return Subject(
        name,
        architecture,
        costs,
        evaluations.candidates[arch_id],
        evaluations.fresh.get(arch_id, {}),
    )
