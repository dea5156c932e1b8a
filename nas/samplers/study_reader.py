"""Reads an Optuna study for a sampler: its trials by state, with their candidates."""

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

KnownTrial = CompletedTrial | PrunedTrial | InfeasibleTrial | ProposedTrial


class StudyReader:
    """Read studies of one space, each finished trial once.

    A trial's user attribute ``metrics`` or, if it failed, ``violation`` has the measured quantities
    by name.

    Args:
        space: the trials suggest its parameters, and perhaps others.
        earlier: results of other studies, which are added to those of every study.
        repeats: further trainings of completed trials' candidates.
        measured: the names of limited quantities that must be measured.
    """

    def __init__(
        self,
        space: ChoiceSpace,
        earlier: Sequence[CompletedTrial],
        measured: Collection[str],
        repeats: Sequence[CompletedTrial] = (),
    ) -> None:
        self._space, self._earlier, self._measured = space, earlier, tuple(measured)
        self._repeats = repeats
        self._names = frozenset(parameter.name for parameter in space.parameters)
        self._candidates: dict[frozenset[tuple[str, Any]], Candidate] = {}  # by a trial's params
        self._finished: dict[int, tuple[FrozenTrial, KnownTrial | None]] = {}  # by a trial's number

    def results(self, study: Study, number: int) -> Results:
        """Return what is known when trial ``number`` is proposed; the trial itself is left out."""
        signs = [-1 if d == StudyDirection.MAXIMIZE else 1 for d in study.directions]
        results = Results(signs, completed=list(self._earlier), repeats=self._repeats)
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

    def _read(self, trial: FrozenTrial, signs: Sequence[int]) -> KnownTrial | None:
        """Read a trial; None if it has no candidate of the space."""
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
        """Return the limited quantities that a user attribute has, which may have anything else."""
        values = trial.user_attrs.get(attribute, {}) if self._measured else {}
        return {name: values[name] for name in self._measured if name in values}

    def _candidate(self, trial: FrozenTrial) -> Candidate | None:
        """Return a trial's candidate; None while parameters are missing, or if it is none."""
        own = {name: value for name, value in trial.params.items() if name in self._names}
        params = frozenset(own.items())
        if params not in self._candidates:
            try:
                self._candidates[params] = self._space.from_params(own)
            except ValueError:
                return None
        return self._candidates[params]
