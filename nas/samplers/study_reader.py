"""From an Optuna study to what a sampler knows of it: trials by state, and their candidates."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.samplers.choice_space import Candidate, ChoiceSpace
from nas.samplers.trials import (
    PAUSED_AT,
    CompletedTrial,
    InfeasibleTrial,
    ProposedTrial,
    PrunedTrial,
    Results,
)

Read = CompletedTrial | PrunedTrial | InfeasibleTrial | ProposedTrial
"""What a trial says of its candidate."""


class StudyReader:
    """Reads studies of one space; finished trials are read once.

    A trial's user attribute ``metrics`` or, if it failed, ``violation`` has the measured quantities
    by name.

    Args:
        space: whose parameters the trials suggest, beside others.
        earlier: results of other studies that count as if they were each study's.
        measured: the quantities that are limited and only known by measuring.
    """

    def __init__(
        self, space: ChoiceSpace, earlier: Sequence[CompletedTrial], measured: Collection[str]
    ) -> None:
        self._space, self._earlier, self._measured = space, earlier, tuple(measured)
        self._names = frozenset(parameter.name for parameter in space.parameters)
        self._candidates: dict[frozenset[tuple[str, Any]], Candidate] = {}  # by a trial's params
        self._finished: dict[int, tuple[FrozenTrial, Read | None]] = {}  # by a trial's number

    def results(self, study: Study, number: int) -> Results:
        """What is known before trial ``number``, which itself does not count."""
        signs = [-1 if d == StudyDirection.MAXIMIZE else 1 for d in study.directions]
        results = Results(signs, completed=list(self._earlier))
        for trial in study.get_trials(deepcopy=False):
            if trial.number == number:
                continue
            known, read = self._finished.get(trial.number, (None, None))
            if known is not trial:
                read = self._read(trial, signs)
                if trial.state.is_finished():
                    self._finished[trial.number] = (trial, read)
            if read is None:
                continue
            results.proposed.add(read.architecture)
            if isinstance(read, CompletedTrial):
                results.completed.append(read)
            elif isinstance(read, PrunedTrial):
                results.pruned.append(read)
            elif isinstance(read, InfeasibleTrial):
                results.infeasible.append(read)
            elif trial.state == TrialState.RUNNING:
                results.pending.append(read.architecture)
        return results

    def _read(self, trial: FrozenTrial, signs: Sequence[int]) -> Read | None:
        """What a trial says; None where it has no candidate of the space."""
        candidate = self._candidate(trial) if trial.params else None
        if candidate is None:
            return None
        if trial.state == TrialState.FAIL:
            over = self._measured_in(trial, "violation")
            return InfeasibleTrial(candidate, over) if over else ProposedTrial(candidate)
        curve = {e: signs[0] * v for e, v in trial.intermediate_values.items()}
        if trial.state == TrialState.COMPLETE:
            losses = tuple(s * v for s, v in zip(signs, trial.values, strict=True))
            return CompletedTrial(candidate, losses, curve, self._measured_in(trial, "metrics"))
        if trial.state == TrialState.PRUNED or PAUSED_AT in trial.user_attrs:
            return PrunedTrial(candidate, curve)
        return ProposedTrial(candidate)

    def _measured_in(self, trial: FrozenTrial, attribute: str) -> dict[str, float]:
        """The limited quantities that a user attribute has; others' studies may use its name."""
        values = trial.user_attrs.get(attribute, {}) if self._measured else {}
        return {name: values[name] for name in self._measured if name in values}

    def _candidate(self, trial: FrozenTrial) -> Candidate | None:
        """A trial's candidate; None while, or because, not all its parameters were chosen."""
        own = {name: value for name, value in trial.params.items() if name in self._names}
        params = frozenset(own.items())
        if params not in self._candidates:
            try:
                self._candidates[params] = self._space.from_params(own)
            except ValueError:
                return None
        return self._candidates[params]
