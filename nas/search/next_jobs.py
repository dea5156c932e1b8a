"""The next job of a search: trials until enough have begun, rungs in between, then repeats.

A search ends before it has trained ``search.n_trials`` where the space has no more architectures,
where its budget is spent, and where a further hour would not pay.
"""

from __future__ import annotations

from typing import Literal

from nas.errors import SpaceExhausted
from nas.evaluation.lost_workers import nodes_to_avoid
from nas.search.endings.budget import Budget
from nas.search.endings.expected_growth import ESTIMATES, ExpectedGrowth, growth_text
from nas.search.job import Job
from nas.search.problem import SearchProblem
from nas.search.proposals import Proposals
from nas.search.repeats import RepeatRounds
from nas.search.rung_decisions import RungDecisions
from nas.search.running_jobs import RunningJobs
from nas.search.training_states import PausedTrainings
from nas.search.trial_state import UNFINISHED, State, Trial
from nas.search.trials import Trials
from nas.storage.run.ending import SPACE, Ending


class NextJobs:
    """Choose the next job, and know when there is none left.

    Args:
        problem: the search's.
        trials: the search's.
        proposals: makes further trials.
        rungs: promotes paused trials.
        repeats: the search's.
        states: of paused trainings.
        running: the jobs that run.
        budget: refuses jobs for which no time is left.
        growth: knows whether further trials pay.
        measures: whether latency is measured before a trial is ready.

    Attributes:
        ended_early: why there are fewer trials than asked; empty if not so.
    """

    def __init__(
        self,
        problem: SearchProblem,
        *,
        trials: Trials,
        proposals: Proposals,
        rungs: RungDecisions,
        repeats: RepeatRounds,
        states: PausedTrainings,
        running: RunningJobs,
        budget: Budget,
        growth: ExpectedGrowth,
        measures: bool,
    ) -> None:
        self._problem = problem
        self._trials = trials
        self._proposals = proposals
        self._rungs = rungs
        self._repeats = repeats
        self._states = states
        self._running = running
        self._budget = budget
        self._growth = growth
        self._measures = measures
        self.ended_early = ""
        self._ended_by = ""
        # Those that wait are left for a search that goes on.
        self._no_more_trials = repeats.are_asked
        self._no_more_repeats = False

    @property
    def phase(self) -> Literal["search", "repeats"]:
        """The phase: repeats begin when every trial of the search itself has ended."""
        trials = self._trials
        left = trials.count(State.RUNNING) if self._no_more_trials else self.missing or trials.begun
        return "search" if left else "repeats"

    @property
    def finished(self) -> bool:
        """Whether no job is left and none is running."""
        if self._running or self.phase == "search":
            return False
        return not self.repeats_to_begin

    @property
    def repeats_to_begin(self) -> int:
        """The known number of repeats that are still to begin, in the phase of repeats."""
        return 0 if self._no_more_repeats else len(self._repeats.current().left)

    @property
    def missing(self) -> int:
        """The number of proposals still to be made."""
        return 0 if self.ended_early else self._trials_left

    @property
    def needs_metering(self) -> bool:
        """Whether proposals must be measured before there are further jobs."""
        if not self._measures or self._no_more_trials or self._trials.count(State.READY):
            return False
        if not self._more_begin:
            return False
        return self._rungs.next(more_begin=True, arriving=()) is None

    @property
    def ending(self) -> Ending | None:
        """Why a finished search ended before all was done; None if it was."""
        reasons = dict.fromkeys(why for why in (self.ended_early, self._budget.why) if why)
        if not reasons:
            return None
        return Ending(
            by=self._budget.reached or self._ended_by,
            why="; ".join(reasons),
            trials_left=self._trials_left,
            repeats_left=len(self._repeats.current().left) if self._no_more_repeats else 0,
        )

    @property
    def is_space_exhausted(self) -> bool:
        """Whether no further architecture can be proposed."""
        return self._ended_by == SPACE

    def next(self) -> Job | None:
        """Return the next job; None if there is none, perhaps only until a running one ends.

        Raises:
            NothingFits: no architecture fits the limits.
        """
        if not self._no_more_trials and (job := self._next_of_search()) is not None:
            return job
        if self.phase == "search" or not self.repeats_to_begin:
            return None
        current = self._repeats.current()
        if current.is_asked or self._budget.holds_a_repeat(current.left[0][0]):
            return self._repeats.begin()
        self._no_more_repeats = True
        return None

    def propose(self) -> bool:
        """Make one more proposal, unless the search ends before it; return whether it was made.

        It is ready to train unless its latency must be measured.

        Raises:
            NothingFits: no architecture fits the limits.
        """
        if self._growth.is_over:
            of_run = self._problem.objectives, self._problem.names
            growth = growth_text(self._growth.an_hour or 0.0, *of_run)
            limit = growth_text(self._problem.search.stop_below or 0.0, *of_run)
            self._end(
                "search.stop_below",
                f"search.stop_below is reached: {ESTIMATES} estimates in a row are below {limit}, "
                f"the last one is {growth}",
            )
            return False
        if not self._budget.holds_a_trial():
            self._end(self._budget.reached, self._budget.why)
            return False
        try:
            trial = self._proposals.propose()
        except SpaceExhausted as error:
            self._end(SPACE, str(error))
            return False
        self._growth.note_proposal(self._proposals.expected_growth)
        if not self._measures:
            self._trials.pass_on(trial.number)
        return True

    @property
    def _trials_left(self) -> int:
        trials = self._trials
        return max(0, self._problem.search.n_trials - trials.trained - trials.begun)

    @property
    def _more_begin(self) -> bool:
        """Whether further trials are to begin."""
        return self.missing > 0 or self._trials.count(State.PROPOSED) > 0

    def _next_of_search(self) -> Job | None:
        """Return the next job of the search's own trials; None if there is none now."""
        for ready in self._trials.of(State.READY):
            return self._within_budget(ready)
        arriving = self._running.arriving(self._problem.epochs)
        number = self._rungs.next(more_begin=self._more_begin, arriving=arriving)
        if number is not None:
            return self._within_budget(self._trials.trial(number))
        if self.missing and not self._measures and self._proposals.may_propose():
            self.propose()
            # If there are no more proposals, paused trials may be promoted now.
            return self._next_of_search()
        if self.missing or self._trials.count(*UNFINISHED):
            return None
        may_go_on = self.ended_early and not self.is_space_exhausted
        if may_go_on:  # it may promote further ones then
            self._no_more_trials = True
        else:
            self._rungs.end_paused()
        return None

    def _within_budget(self, trial: Trial) -> Job | None:
        """Start a ready or paused trial if the budget holds it; else none begins any more."""
        until = self._pause_after(trial) or self._problem.epochs
        if not self._budget.holds_a_part(until - trial.epochs):
            self._end(self._budget.reached, self._budget.why)
            self._no_more_trials = True
            return None
        if trial.state == State.PAUSED:
            self._rungs.promote(trial.number)
        # A training whose state is missing begins anew, with a warning.
        from_epoch = trial.epochs if trial.epochs and self._states.holds(trial.number) else 0
        started = self._trials.start(trial.number)
        return Job(
            "search",
            started.number,
            started.architecture,
            self._problem.seed,
            self._pause_after(started),
            from_epoch,
            nodes_to_avoid(started.lost_workers),
        )

    def _pause_after(self, trial: Trial) -> int | None:
        """Return the epoch at which a trial pauses next; None if it is trained to its end."""
        later = [rung for rung in self._problem.rungs if rung > trial.epochs]
        return later[0] if self._problem.pauses and later else None

    def _end(self, by: str, why: str) -> None:
        """Make no more proposals."""
        if not self.ended_early:
            self._ended_by, self.ended_early = by, why
