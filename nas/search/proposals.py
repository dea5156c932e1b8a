"""Proposals: asks the sampler until an architecture is new and within the static limits."""

from __future__ import annotations

import time
from functools import partial
from typing import NamedTuple

from optuna.trial import Trial as OptunaTrial
from optuna.trial import TrialState

from nas.costs.limits import REJECTIONS_IN_A_ROW
from nas.errors import SpaceExhausted
from nas.metrics import losses
from nas.samplers.architecture_sampler import ArchitectureSampler, label_of, nothing_fits
from nas.samplers.choice_space import Candidate
from nas.samplers.trials import NO_WARM_START, CompletedTrial, WarmStart
from nas.search.problem import SearchProblem
from nas.search.records import Records
from nas.search.trial_state import UNFINISHED, Trial
from nas.search.trials import Trials
from nas.storage.database.connection import STORAGE_ERRORS
from search_space.space.parameters import Parameter


class Asked(NamedTuple):
    """A sampler's proposal."""

    number: int  # its trial's
    architecture: Candidate | None  # None where its choices are no architecture of the space
    violations: dict[str, float]  # the static limits that it exceeds, with its costs
    is_accepted: bool = False  # it fits and is new
    is_told: bool = False  # it was proposed before, and the sampler gets the first one's result


class Proposals:
    """Ask a search's sampler, and reject proposals over the static limits.

    A proposal is one transaction, which begins before the sampler reads the study.

    Args:
        problem: the search's.
        records: the run's.
        trials: the trials so far; new ones are added to it.
        warm_start: architectures to begin with, and earlier results.

    Attributes:
        made: number of the sampler's proposals since this driver began, rejected ones included.
        processor_seconds: processor time that this driver spent on asking.

    Raises:
        ConfigError: a sampler's name or option that does not exist.
    """

    def __init__(
        self,
        problem: SearchProblem,
        records: Records,
        trials: Trials,
        *,
        warm_start: WarmStart = NO_WARM_START,
    ) -> None:
        self._problem = problem
        self._records = records
        self._trials = trials
        self._study = trials.study
        search = problem.search
        self._lag = search.concurrency if search.deterministic else None
        repeats = tuple(
            CompletedTrial(
                row.architecture, tuple(losses(row.metrics, problem.objectives, problem.maximised))
            )
            for row in records.evaluations("repeats")
            if row.state == "complete"
        )
        self._sampler = problem.build_sampler(
            trials.rejections, warm_start._replace(repeats=repeats)
        )
        self._next_number = len(records.trials())
        self.made = 0
        self.processor_seconds = 0.0

    @property
    def expected_growth(self) -> float | None:
        """The growth that the sampler expects of its latest proposal; None if it does not know.

        See :class:`nas.samplers.architecture_sampler.ArchitectureSampler`.
        """
        sampler = self._study.sampler
        return sampler.expected_growth if isinstance(sampler, ArchitectureSampler) else None

    def may_propose(self) -> bool:
        """Whether the next proposal sees only final results (always, unless deterministic)."""
        settled = self._settled
        return all(trial.number >= settled for trial in self._trials.of(*UNFINISHED))

    @property
    def _settled(self) -> int:
        """The next proposal sees only results of trials below this number (0: not deterministic).

        It is counted from the last accepted proposal: the ones rejected since then were made while
        the same trials were running.
        """
        if self._lag is None:
            return 0
        return max(0, max(self._trials.numbers.values(), default=-1) + 1 - self._lag)

    def propose(self) -> Trial:
        """Ask the sampler until an architecture is new and within the static limits.

        Raises:
            NothingFits, SpaceExhausted: there is no such architecture.
        """
        known, space = self._trials.numbers, self._problem.space
        rejected = 0
        smallest: dict[str, float] = {}
        if known and not space.parameters:
            raise SpaceExhausted(f"{space.name!r} has one architecture only")
        while True:
            number = self._next_number
            self._next_number += 1
            asked = self._trials.transact(partial(self._write_proposal, number))
            self.made += 1
            if asked.is_accepted:
                return self._trials.add(asked.number, asked.architecture)
            if asked.is_told:
                self._trials.add_repeat(asked.number, asked.architecture)
            rejected += 1
            for name, value in asked.violations.items():
                smallest[name] = min(value, smallest.get(name, value))
            if rejected >= REJECTIONS_IN_A_ROW:
                limits = self._problem.limits
                if self._problem.answers_repeats:
                    raise SpaceExhausted(f"nothing new in {rejected} proposals")
                if known:
                    raise SpaceExhausted(
                        f"sampler {self._problem.sampler_name!r} proposed {rejected} architectures "
                        f"in a row that are over the limits ({limits}) or were proposed before"
                    )
                raise nothing_fits(space, limits.given, rejected, smallest)

    def _write_proposal(self, number: int) -> Asked:
        """Ask the sampler, and write its proposal, in the caller's transaction."""
        asked = self._ask(number)
        if asked.architecture is None:
            self._study.tell(number, state=TrialState.FAIL)
            return asked
        if asked.violations or asked.architecture in self._trials.numbers:
            return self._turn_away(asked)
        self._trials.write_proposal(number, asked.architecture)
        return asked._replace(is_accepted=True)

    def _ask(self, number: int) -> Asked:
        if self._lag is not None:
            self._study.results_before = self._settled
        self._study.sampler = self._sampler(number)
        began = time.process_time()
        try:
            trial = self._study.ask()
            architecture = self._architecture(trial)
            violations = {}
            if architecture is not None and self._problem.limits.given:
                costs = self._problem.costs.of(architecture)
                violations = self._problem.limits.static_violations(costs)
        except STORAGE_ERRORS:  # the transaction undoes the trial
            raise
        except Exception:
            self._study.tell(number, state=TrialState.FAIL)
            self._trials.save_rejections()
            raise
        finally:
            self.processor_seconds += time.process_time() - began
        self._trials.save_rejections()
        return Asked(trial.number, architecture, violations)

    def _architecture(self, trial: OptunaTrial) -> Candidate | None:
        """Return the candidate that the sampler chooses by parameters; None if it is none."""

        def choose(parameter: Parameter) -> int:
            value = trial.suggest_categorical(parameter.name, parameter.choices)
            return parameter.choices.index(value)

        space = self._problem.space
        vector = space.walk(choose)
        try:
            return space.decode(vector)
        except ValueError:
            if not space.is_irregular:
                raise
            return None

    def _turn_away(self, asked: Asked) -> Asked:
        """Tell a foreign sampler that its proposal is over a limit, or was made before."""
        number, architecture, violations = asked.number, asked.architecture, asked.violations
        is_own = isinstance(self._study.sampler, ArchitectureSampler)
        assert not is_own, "this project's samplers propose what fits and is new"
        if violations:
            self._trials.rejections.add(label_of(architecture), violations)
            self._trials.save_rejections()
        elif self._problem.answers_repeats:
            self._trials.write_repeat(number, architecture)
            return asked._replace(is_told=True)
        else:
            violations = {"repeats_trial": float(self._trials.numbers[architecture])}
        attributes = self._trials.architecture_attributes(number, architecture)
        self._trials.write(number, attributes | {"violation": violations})
        self._study.tell(number, state=TrialState.FAIL)
        return asked
