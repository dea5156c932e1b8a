"""The budget of a search: the hours and device-hours that it may take, its repeats included."""

from __future__ import annotations

import math
from typing import NamedTuple

from nas.quantities import duration
from nas.samplers.choice_space import Candidate
from nas.search.problem import SearchProblem
from nas.search.repeats import RepeatRounds
from nas.search.running_jobs import RunningJobs
from nas.search.time_account.spent_time import SpentTime
from nas.search.time_account.training_seconds import TrainingSeconds
from nas.search.trial_state import State
from nas.search.trials import Trials

LATER_ROUNDS = 1.25
"""The repeats may take so many times their first round: the front changes, and others get theirs.
"""


class Work(NamedTuple):
    """Trainings that are still to be done, in seconds."""

    wall: float = 0.0
    device: float = 0.0

    def then(self, later: Work) -> Work:
        """Return both, one after the other."""
        return Work(self.wall + later.wall, self.device + later.device)


class Budget:
    """Decide which jobs still fit into ``search.max_hours`` and ``search.max_device_hours``.

    A job begins only if what runs, the job itself and all that must follow it are expected to end
    in time: after a new trial its promotions and the repeats of the front, after a part of a trial
    the repeats. No job is cut short; so a search may take longer than its budget by what its last
    jobs take longer than expected. Before the first training has ended, no time is known, and
    every job begins until the budget itself is spent.

    Args:
        problem: the search's.
        trials: the search's.
        running: the jobs of this driver.
        repeats: the search's.
        spent: the time spent so far.
        seconds: the expected time of a training.
        workers: jobs at the same time.

    Attributes:
        reached: the setting that refused a job first, such as ``search.max_hours``; empty if none
            has. It stays.
        why: what is spent and what was refused, in words.
    """

    def __init__(
        self,
        problem: SearchProblem,
        trials: Trials,
        running: RunningJobs,
        repeats: RepeatRounds,
        spent: SpentTime,
        seconds: TrainingSeconds,
        workers: int,
    ) -> None:
        self._problem = problem
        self._trials = trials
        self._running = running
        self._repeats = repeats
        self._spent = spent
        self._seconds = seconds
        self._workers = workers
        self._expected_repeats: tuple[int, list[Candidate]] = (-1, [])
        self._hours = problem.search.max_hours
        self._device_hours = problem.search.max_device_hours
        self.reached = ""
        self.why = ""

    @property
    def is_limited(self) -> bool:
        """Whether there is a budget."""
        return self._hours is not None or self._device_hours is not None

    @property
    def wall_seconds_left(self) -> float:
        """The seconds until ``search.max_hours`` is spent; infinite without it."""
        if self._hours is None:
            return math.inf
        return max(0.0, 3600 * self._hours - self._spent.wall_seconds)

    def holds_a_trial(self) -> bool:
        """Return whether another trial may be proposed."""
        whole = self._seconds.whole()
        if not self.is_limited or whole is None:
            return self._holds(Work(), "another trial")
        waiting = self._waiting_seconds(whole)
        first = self._share(self._problem.rungs[0]) if self._problem.pauses else 1.0
        work = Work(whole + waiting / self._workers, whole * first + waiting)
        return self._holds(work.then(self._later_repeats()), "another trial and the repeats")

    def holds_a_part(self, epochs: int) -> bool:
        """Return whether a proposed or paused trial may be trained.

        Args:
            epochs: of the training, up to its next pause or its end.
        """
        whole = self._seconds.whole()
        if not self.is_limited or whole is None:
            return self._holds(Work(), "a trial that waits")
        seconds = whole * self._share(epochs)
        work = Work(seconds, seconds).then(self._later_repeats())
        return self._holds(work, "a trial that waits and the repeats")

    def holds_a_repeat(self, architecture: Candidate) -> bool:
        """Return whether an architecture may be trained again with another seed."""
        seconds = self._seconds.whole(architecture) or 0.0
        return self._holds(Work(seconds, seconds), "a repeat of the front")

    def _holds(self, work: Work, what: str) -> bool:
        """Return whether work fits beside what runs; note the setting that refuses it."""
        rest = self._rest_of_running() if self._device_hours is not None else 0.0
        limits = (
            ("search.max_hours", self._hours, self._spent.wall_seconds, work.wall),
            (
                "search.max_device_hours",
                self._device_hours,
                self._spent.device_seconds,
                rest + work.device,
            ),
        )
        for name, hours, spent, more in limits:
            if hours is None or (spent + more <= 3600 * hours and spent < 3600 * hours):
                continue
            if not self.reached:
                self.reached = name
                self.why = (
                    f"{name}={hours:g} is reached: {duration(spent)} are spent, and {what} would "
                    f"take about {duration(more)}"
                )
            return False
        return True

    def _rest_of_running(self) -> float:
        """Return the device seconds that running jobs are expected to take from now on."""
        rest = 0.0
        for job, so_far in self._running.seconds.items():
            architecture = job.architecture if job.kind == "repeats" else None
            whole = self._seconds.whole(architecture) or 0.0
            epochs = (job.pause_at or self._problem.epochs) - job.from_epoch
            rest += max(0.0, whole * self._share(epochs) - so_far)
        return rest

    def _waiting_seconds(self, whole: float) -> float:
        """Return the device seconds of trials that were proposed and do not run.

        For trials that pause it is the rest of all promotions, if one more trial begins.
        """
        problem, trials = self._problem, self._trials
        if not problem.pauses:
            return whole * trials.count(State.READY, State.PROPOSED)
        begun = trials.trained + trials.begun
        running = sum(
            (job.pause_at or problem.epochs) - job.from_epoch
            for job in self._running.seconds
            if job.kind == "search"
        )
        first = problem.rungs[0]
        left = problem.most_epochs(begun + 1) - trials.epochs - running - first
        return whole * max(0, left) / problem.epochs

    def _later_repeats(self) -> Work:
        """Return the repeats that the search is expected to need if its trials ended now."""
        if self._expected_repeats[0] != self._running.ended:
            self._expected_repeats = (self._running.ended, self._repeats.expected())
        times = [self._seconds.whole(each) or 0.0 for each in self._expected_repeats[1]]
        if not times:
            return Work()
        device, workers = sum(times), self._workers
        wall = device / workers + max(times) * (1 - 1 / workers)
        return Work(LATER_ROUNDS * wall, LATER_ROUNDS * device)

    def _share(self, epochs: int) -> float:
        return epochs / self._problem.epochs if self._problem.epochs else 1.0
