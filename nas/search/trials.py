"""The trials of a search: this module alone changes their states and writes them to the database.

Each change of a state is one transaction: whenever the driver dies, a row is there whole or not at
all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from nas.errors import RunError
from nas.evaluation.evaluate import EvaluationResult
from nas.evaluation.lost_workers import LostWorker
from nas.evaluation.time_parts import NO_SECONDS, sum_of
from nas.samplers.architecture_sampler import label_of
from nas.samplers.choice_space import Candidate
from nas.samplers.history import HistoryStudy
from nas.samplers.trials import PAUSED_AT
from nas.search.problem import SearchProblem
from nas.search.records import Records
from nas.search.trial_rows import TrialRows, trial_of
from nas.search.trial_state import TRAINED, UNFINISHED, State, Trial
from search_space.cost.latency_record import Latency

T = TypeVar("T")


class Trials:
    """The search's own trials: those of earlier drivers, and those that this one adds.

    Args:
        problem: the search's.
        records: the run's.

    Raises:
        RunError: the records cannot be read, or are of another space.
    """

    def __init__(self, problem: SearchProblem, records: Records) -> None:
        self._problem = problem
        self._records = records
        storage, name = records.storage, records.study_name("search")
        study_id = records.transact(lambda: storage.get_study_id_from_name(name))
        self.study = records.transact(lambda: HistoryStudy(name, storage))
        self._rows = TrialRows(records, self.study, study_id)
        self._trials: dict[int, Trial] = {}
        self._by_state: dict[State, dict[int, Trial]] = {state: {} for state in State}
        self._repeats: dict[int, list[int]] = {}  # by trial, later ones of the same architecture
        self.rejections = records.rejections()
        self.numbers: dict[Candidate, int] = {}  # trials by architecture, if it fits the limits
        self._read()

    @property
    def trained(self) -> int:
        """The number of trials that were trained to the end or stopped early."""
        return self.count(*TRAINED)

    @property
    def begun(self) -> int:
        """The number of trials that were proposed and have not ended."""
        return self.count(*UNFINISHED, State.PAUSED)

    @property
    def epochs(self) -> int:
        """The epochs trained by all trials but the failed ones."""
        return sum(trial.epochs for trial in self._trials.values())

    def count(self, *states: State) -> int:
        """Count the trials in any of ``states``."""
        return sum(len(self._by_state[state]) for state in states)

    def of(self, *states: State) -> list[Trial]:
        """Return the trials in any of ``states``."""
        return [trial for state in states for trial in self._by_state[state].values()]

    def trial(self, number: int) -> Trial:
        """Return the trial with a number.

        Raises:
            KeyError: there is no such trial.
        """
        return self._trials[number]

    def transact(self, write: Callable[[], T]) -> T:
        """Write as one transaction, see :meth:`nas.search.records.Records.transact`.

        Each time that ``write`` is called, the rejections are those from before.
        """
        before = self.rejections.copied()

        def from_before() -> T:
            self.rejections.become(before)
            return write()

        return self._records.transact(from_before)

    def write_proposal(self, number: int, architecture: Candidate) -> None:
        """Write a proposal that fits and is new, in the caller's transaction."""
        self.write(number, self.architecture_attributes(number, architecture))

    def add(self, number: int, architecture: Candidate) -> Trial:
        """Add a proposal that :meth:`write_proposal` has written, after the transaction."""
        self.numbers[architecture] = number
        return self._place(Trial(number, architecture))

    def add_repeat(self, number: int, architecture: Candidate) -> None:
        """Add a repeat that :meth:`write_repeat` has written, after the transaction."""
        self._repeats.setdefault(self.numbers[architecture], []).append(number)

    def write_repeat(self, number: int, architecture: Candidate) -> None:
        """Tell a foreign sampler, of its repeated proposal, the first one's result.

        It is in the caller's transaction.
        """
        self._rows.copy_result(number, self.trial(self.numbers[architecture]))

    def pass_on(self, number: int) -> Trial:
        """Make a proposal ready to train."""
        return self._move(number, State.READY)

    def start(self, number: int) -> Trial:
        """Mark a ready or paused trial as running."""
        if number in self._by_state[State.PAUSED]:
            self._records.wake(number)
        return self._move(number, State.RUNNING)

    def lose_worker(self, number: int, worker: LostWorker) -> Trial:
        """Record that a running trial lost its worker, and make it ready to train again."""
        trial = self.trial(number)
        lost = (*trial.lost_workers, worker)

        def write(each: int) -> None:
            self._rows.write(each, {"lost_workers": [one.to_json() for one in lost]})

        self._record(number, State.READY, write, trial.epochs)
        return self._place(self.trial(number)._replace(lost_workers=lost))

    def complete(
        self,
        number: int,
        metrics: dict[str, float],
        result: EvaluationResult,
        latency: Latency | None,
    ) -> Trial:
        """Record a completed training; ``metrics`` has every objective."""
        values = [metrics[name] for name in self._problem.objectives]

        def write(each: int) -> None:
            self._rows.write_training(each, result, latency, metrics=metrics)
            self.study.tell(each, values)

        return self._record(number, State.COMPLETE, write, self._problem.epochs, result.seconds)

    def pause(
        self, number: int, result: EvaluationResult, latency: Latency | None, *, epoch: int
    ) -> Trial:
        """Record that a training is paused after ``epoch`` epochs, with its curve so far."""

        def write(each: int) -> None:
            self._rows.write_training(each, result, latency)
            self._rows.write(each, {PAUSED_AT: epoch})

        paused = self._record(number, State.PAUSED, write, epoch, result.seconds)
        self._records.rest(number)
        return paused

    def prune(
        self, number: int, result: EvaluationResult, latency: Latency | None, *, epoch: int
    ) -> Trial:
        """Record that a training was stopped after ``epoch`` epochs, with its curve so far.

        It gets no value: its final result is not known.
        """

        def write(each: int) -> None:
            self._rows.write_training(each, result, latency)
            self._rows.write_stop(each, epoch)

        return self._record(number, State.PRUNED, write, epoch, result.seconds)

    def stop_paused(self, number: int) -> Trial:
        """Record that a paused trial is never promoted: it is pruned."""
        epoch = self._by_state[State.PAUSED][number].epochs
        self._records.wake(number)

        def write(each: int) -> None:
            self._rows.write_stop(each, epoch)

        return self._record(number, State.PRUNED, write, epoch)

    def fail(self, number: int, error: str, seconds: Mapping[str, float] = NO_SECONDS) -> Trial:
        """Record that a training or a measurement raised, with its traceback.

        Args:
            number: the trial's.
            error: the traceback.
            seconds: of the worker by part.
        """

        def write(each: int) -> None:
            self._rows.write_failure(each, {"error": error})

        return self._record(number, State.FAILED, write, 0, seconds)

    def reject(self, number: int, violations: dict[str, float]) -> Trial:
        """Record that a proposal is over a measured limit."""
        self.rejections.add(label_of(self.trial(number).architecture), violations)

        def write(each: int) -> None:
            self._rows.write_failure(each, {"violation": violations})
            self.save_rejections()

        return self._record(number, State.INFEASIBLE, write, 0)

    def note_latency(self, numbers: Sequence[int], seconds: float) -> None:
        """Divide the time of a latency measurement among its trials; it is written at their ends.

        Args:
            numbers: of the trials that were measured together.
            seconds: of all places of workers, which are kept free for it.
        """
        for number in numbers:
            trial = self.trial(number)
            own = {"latency": seconds / len(numbers)}
            self._place(trial._replace(seconds=sum_of([trial.seconds, own])))

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of the search's study."""
        return self._records.transact(lambda: self.study.user_attrs)

    def write_attribute(self, name: str, value: object) -> None:
        """Write an attribute of the search's study, in a transaction of its own."""
        self._records.transact(lambda: self.study.set_user_attr(name, value))

    def wait_no_more(self) -> None:
        """Wait for no server from now on."""
        self._records.wait_no_more()

    def architecture_attributes(self, number: int, architecture: Candidate) -> dict[str, Any]:
        """Return the attributes that describe a proposal's architecture and training."""
        return self._records.architecture_attributes(
            number, architecture, seed=self._problem.seed, recipe_id=self._problem.recipe_id
        )

    def write(self, number: int, attributes: dict[str, Any]) -> None:
        """Write a trial's attributes, in the caller's transaction."""
        self._rows.write(number, attributes)

    def save_rejections(self) -> None:
        """Write the rejections by limits if there are new ones, in the caller's transaction."""
        if self.rejections.changed:
            self.study.set_user_attr("rejections", self.rejections.to_json())
            self.rejections.changed = False

    def _record(
        self,
        number: int,
        state: State,
        write: Callable[[int], None],
        epochs: int,
        seconds: Mapping[str, float] = NO_SECONDS,
    ) -> Trial:
        """Check the transition, write, and only then change the state.

        ``seconds`` are those of the worker, added to the trial's earlier ones.
        """
        moved = self.trial(number).moved(state, epochs)
        moved = moved._replace(seconds=sum_of([moved.seconds, seconds]))

        def write_all() -> None:
            if moved.seconds:
                self._rows.write(number, {"seconds": moved.seconds})
            for each in (number, *self._repeats.get(number, ())):
                write(each)

        self.transact(write_all)
        return self._place(moved)

    def _move(self, number: int, state: State) -> Trial:
        return self._place(self.trial(number).moved(state))

    def _place(self, trial: Trial) -> Trial:
        before = self._trials.get(trial.number)
        if before is not None:
            del self._by_state[before.state][trial.number]
        self._trials[trial.number] = self._by_state[trial.state][trial.number] = trial
        return trial

    def _read(self) -> None:
        """Read the trials of earlier drivers."""
        for row in self._records.evaluations():  # trials without an architecture have no row
            if not self._problem.space.contains(row.architecture):
                raise RunError(
                    f"the ledger {self._records.place} is of another space: "
                    f"{self._problem.space.name!r} does not hold the architecture of trial "
                    f"{row.number}, {row.arch_id}"
                )
            trial = self._place(trial_of(row))
            if trial.state == State.PAUSED:
                self._records.rest(row.number)
            if not row.violation:
                self.numbers[row.architecture] = row.number
