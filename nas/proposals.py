"""Proposals: asking the sampler, turning away what is over a limit, keeping the ledger."""

from __future__ import annotations

from typing import Any, NamedTuple

from optuna.trial import Trial, TrialState

from nas.config import SearchConfig
from nas.constraints import REJECTIONS_IN_A_ROW, SpaceExhausted
from nas.database import STORAGE_ERRORS
from nas.evaluate import EvaluationResult
from nas.evaluation_row import curve_points, result_attributes, row_attributes
from nas.ledger import TRAINED, Ledger
from nas.run_folder import RunError
from nas.samplers import ARCHITECTURE_SAMPLERS, build_sampler
from nas.samplers.architecture_sampler import nothing_fits
from nas.samplers.history import HistoryStudy
from nas.samplers.trials import NOTHING, PAUSED_AT, WarmStart
from nas.zero_cost.source import NetworkScores
from search_space.alternatives import Parameter
from search_space.architecture import Architecture, Task
from search_space.cost.latency import Latency


class Proposal(NamedTuple):
    """An architecture to train, under its number in the ledger."""

    number: int
    architecture: Architecture


class Proposals:
    """The search study of a run, from the driver's side. Everything here writes to the ledger.

    Each proposal and each end of a trial is one transaction, from the sampler's first look at the
    study on: whenever the driver dies, a row is there whole or not at all.

    Args:
        config: the search's.
        ledger: the run's.
        task: what the architectures are for.
        warm_start: what is known before the first proposal.

    Raises:
        DescriptionError: a sampler's name or option that does not exist.
        RunError: the ledger cannot be read, or is of another space.
    """

    def __init__(
        self,
        config: SearchConfig,
        ledger: Ledger,
        task: Task,
        *,
        warm_start: WarmStart = NOTHING,
    ) -> None:
        self.config = config
        self.task = task
        self.static_costs = config.static_costs(task)
        self.space = self.static_costs.space
        self._lag = config.search.concurrency if config.search.deterministic else None
        self._ledger = ledger
        self._storage = ledger.storage
        self._study_id = self._storage.get_study_id_from_name(ledger.study_name("search"))
        self.study = HistoryStudy(ledger.study_name("search"), ledger.storage)
        self.rejections = ledger.rejections()
        self._sampler = build_sampler(
            config.sampler.name,
            config.sampler.options,
            self.space,
            costs=self.static_costs,
            objectives=config.objectives,
            limits=config.limits.by_name(self.static_costs.names),
            first=warm_start.first,
            earlier=warm_start.earlier,
            seed=config.seed,
            rejections=self.rejections,
            score_source=NetworkScores(config.data, config.fidelity, seed=config.seed),
        )
        self._is_foreign = config.sampler.name not in ARCHITECTURE_SAMPLERS
        self._known: dict[Architecture, int] = {}
        self._unfinished: dict[int, Proposal] = {}
        self._paused: dict[int, Proposal] = {}
        self._count = 0
        self.trained = 0
        self._read_ledger()

    def costs(self, architecture: Architecture) -> dict[str, float]:
        """What an architecture costs on the task, before anything is built."""
        return self.static_costs.of(architecture)

    @property
    def unfinished(self) -> list[Proposal]:
        """Proposals that are not trained yet; after an interruption, those to take up again."""
        return list(self._unfinished.values())

    @property
    def paused(self) -> list[Proposal]:
        """Proposals whose training waits at a rung."""
        return list(self._paused.values())

    def may_propose(self) -> bool:
        """Whether the next proposal's history is settled (always, unless deterministic)."""
        settled = self._settled
        return all(number >= settled for number in self._unfinished)

    @property
    def _settled(self) -> int:
        """The next proposal sees results of earlier numbers than this (0: not deterministic).

        Counted from the last proposal that was accepted: those rejected since then were made
        while the same trials were running.
        """
        if self._lag is None:
            return 0
        return max(0, max(self._known.values(), default=-1) + 1 - self._lag)

    def propose(self) -> Proposal:
        """Ask the sampler until it proposes what fits the static limits and is new.

        Raises:
            NothingFits, SpaceExhausted: there is no such architecture.
        """
        rejected = 0
        smallest: dict[str, float] = {}
        if self._known and not self.space.parameters:
            raise SpaceExhausted(f"{self.space.name!r} has one architecture only")
        while True:
            with self._ledger.one_transaction():
                number, architecture, violations = self._ask()
                if not violations and architecture not in self._known:
                    self._set_attributes(number, self._row(architecture))
                    proposal = Proposal(number, architecture)
                    self._known[architecture] = number
                    self._unfinished[number] = proposal
                    return proposal
                self._turn_away(number, architecture, violations)
            rejected += 1
            for name, value in violations.items():
                smallest[name] = min(value, smallest.get(name, value))
            if rejected >= REJECTIONS_IN_A_ROW:
                if self._known:
                    raise SpaceExhausted(
                        f"sampler {self.config.sampler.name!r} proposed {rejected} architectures "
                        f"in a row that are over the limits ({self.config.limits}) or were "
                        "proposed before"
                    )
                raise nothing_fits(self.space, self.config.limits.given, rejected, smallest)

    def complete(
        self,
        proposal: Proposal,
        metrics: dict[str, float],
        result: EvaluationResult,
        latency: Latency | None,
    ) -> None:
        """Tell a trained proposal's result; ``metrics`` has every objective."""
        with self._ledger.one_transaction():
            self._record_training(proposal, result, latency, {"metrics": metrics})
            self.study.tell(proposal.number, [metrics[name] for name in self.config.objectives])
        del self._unfinished[proposal.number]
        self.trained += 1

    def prune(
        self,
        proposal: Proposal,
        result: EvaluationResult,
        latency: Latency | None,
        *,
        stopped_at_epoch: int,
    ) -> None:
        """Record that a proposal's training was stopped early, with its curve until then.

        It counts as trained, and has no value: what it would have come to is not known.
        """
        stop = {"stopped_at_epoch": stopped_at_epoch}
        with self._ledger.one_transaction():
            self._record_training(proposal, result, latency, stop)
            self._end_as_pruned(proposal.number)
        del self._unfinished[proposal.number]
        self.trained += 1

    def pause(
        self, proposal: Proposal, result: EvaluationResult, latency: Latency | None, *, epoch: int
    ) -> None:
        """Record that a proposal's training waits after ``epoch`` epochs, with its curve so far."""
        with self._ledger.one_transaction():
            self._record_training(proposal, result, latency, {PAUSED_AT: epoch})
            self._ledger.rest(proposal.number)
        self._paused[proposal.number] = self._unfinished.pop(proposal.number)

    def take_up(self, number: int) -> Proposal:
        """The proposal under this number goes on."""
        self._ledger.wake(number)
        self._unfinished[number] = self._paused.pop(number)
        return self._unfinished[number]

    def stop_paused(self, proposal: Proposal, *, at_epoch: int) -> None:
        """Record that a proposal that waits never goes on, as :meth:`prune` does."""
        self._ledger.wake(proposal.number)
        with self._ledger.one_transaction():
            self._set_attributes(proposal.number, {"stopped_at_epoch": at_epoch})
            self._end_as_pruned(proposal.number)
        del self._paused[proposal.number]
        self.trained += 1

    def fail(self, proposal: Proposal, error: str) -> None:
        """Record a proposal whose training raised, with its traceback."""
        with self._ledger.one_transaction():
            self._set_attributes(proposal.number, {"error": error})
            self.study.tell(proposal.number, state=TrialState.FAIL)
        del self._unfinished[proposal.number]

    def reject(self, proposal: Proposal, violations: dict[str, float]) -> None:
        """Record a proposal that a measured limit rejected."""
        self.rejections.add(proposal.architecture.arch_id, violations)
        with self._ledger.one_transaction():
            self._set_attributes(proposal.number, {"violation": violations})
            self.study.tell(proposal.number, state=TrialState.FAIL)
            self._save_rejections()
        del self._unfinished[proposal.number]

    def _record_training(
        self,
        proposal: Proposal,
        result: EvaluationResult,
        latency: Latency | None,
        more: dict[str, Any],
    ) -> None:
        """Write a curve, what it cost, and ``more`` attributes."""
        attributes = result_attributes({}, result.curve, result.device_seconds, error=None)
        attributes |= {"worker": result.worker}
        if latency is not None:
            attributes["latency"] = latency.model_dump(mode="json")
        trial_id = self._trial_id(proposal.number)
        # The storage's own call: Trial.report refuses studies with several objectives.
        for epoch, accuracy in curve_points(result.curve).items():
            self._storage.set_trial_intermediate_value(trial_id, epoch, accuracy)
        self._set_attributes(proposal.number, attributes | more)

    def _end_as_pruned(self, number: int) -> None:
        # Study.tell would make the last accuracy the value of a study with one objective.
        self._storage.set_trial_state_values(self._trial_id(number), state=TrialState.PRUNED)

    def _ask(self) -> tuple[int, Architecture, dict[str, float]]:
        """A new trial's number, what the sampler wants, and the static limits that it exceeds."""
        if self._lag is not None:
            self.study.results_before = self._settled
        number = self._count
        self._count += 1
        self.study.sampler = self._sampler(number)
        try:
            trial = self.study.ask()
            architecture = self._architecture(trial)
            violations = self.config.limits.static_violations(self.costs(architecture))
        except STORAGE_ERRORS:  # which undo the trial
            raise
        except Exception:
            self.study.tell(number, state=TrialState.FAIL)
            self._save_rejections()
            raise
        self._save_rejections()
        return trial.number, architecture, violations

    def _architecture(self, trial: Trial) -> Architecture:
        """What the sampler wants, parameter by parameter."""

        def choose(parameter: Parameter) -> int:
            value = trial.suggest_categorical(parameter.name, parameter.choices)
            return parameter.choices.index(value)

        return self.space.decode(self.space.walk(choose))

    def _turn_away(
        self, number: int, architecture: Architecture, violations: dict[str, float]
    ) -> None:
        """Tell a foreign sampler that its proposal is over a limit, or was made before."""
        assert self._is_foreign, "this project's samplers propose what fits and is new"
        if violations:
            self.rejections.add(architecture.arch_id, violations)
            self._save_rejections()
        else:
            violations = {"repeats_trial": float(self._known[architecture])}
        self._set_attributes(number, self._row(architecture) | {"violation": violations})
        self.study.tell(number, state=TrialState.FAIL)

    def _row(self, architecture: Architecture) -> dict[str, Any]:
        return row_attributes(architecture, seed=self.config.seed, recipe_id=self.config.proxy_id)

    def _set_attributes(self, number: int, attributes: dict[str, Any]) -> None:
        trial_id = self._trial_id(number)
        for name, value in attributes.items():
            self._storage.set_trial_user_attr(trial_id, name, value)

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)

    def _save_rejections(self) -> None:
        if self.rejections.changed:
            self.study.set_user_attr("rejections", self.rejections.to_json())
            self.rejections.changed = False

    def _read_ledger(self) -> None:
        """Take up what an earlier driver left: finished trials stay, running ones are taken up."""
        self._count = len(self._ledger.trials())
        for row in self._ledger.evaluations():  # not a trial for which asking failed
            if not self.space.contains(row.architecture):
                raise RunError(
                    f"the ledger {self._ledger.place} is of another space: {self.space.name!r} "
                    f"does not hold the architecture of trial {row.number}, {row.arch_id}"
                )
            proposal = Proposal(row.number, row.architecture)
            if row.state == "paused":
                self._paused[row.number] = proposal
                self._ledger.rest(row.number)
            elif row.state == "running":
                self._unfinished[row.number] = proposal
            if not row.violation:
                self._known[proposal.architecture] = row.number
            self.trained += row.state in TRAINED
