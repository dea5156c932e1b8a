"""Repeats: trainings of a search's finalists with other seeds, in rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nas.config.sections import SearchSettings
from nas.evaluation.evaluate import EvaluationResult
from nas.evaluation.lost_workers import LostWorker, nodes_to_avoid
from nas.random_streams import Stream, generator
from nas.search.further_seeds import FurtherSeed, left_of
from nas.search.job import Job
from nas.search.problem import SearchProblem
from nas.search.records import Records
from nas.storage.candidates import Candidate, candidates, pareto_front
from nas.storage.evaluation import Evaluation
from search_space.architecture import Architecture


class Round(NamedTuple):
    """One round of repeats: those that the front lacked when the round began."""

    number: int  # from 1
    size: int  # trainings
    left: list[tuple[Architecture, int]]  # architectures and seeds that have no result yet
    is_asked: bool = False  # whether it is a user's plan, see :mod:`nas.search.further_seeds`


def unfinished_round(
    problem: SearchProblem, trained: Sequence[Evaluation], repeated: Sequence[Evaluation]
) -> Round:
    """Return the first round that is not done; if all are done, the last, with nothing left.

    Means move as seeds are added, so that the front may change until all its members have every
    seed. Each round is derived only from the results that were there when it began: the repeats
    depend neither on the order in which jobs end, nor on where a search was interrupted.

    Args:
        problem: the search's.
        trained: the search's own evaluations.
        repeated: the repeats so far, failed ones included.
    """
    results = {(row.arch_id, row.seed): row for row in repeated}
    known: dict[tuple[str, int], Evaluation] = {}  # results of the rounds that are done
    last = Round(0, 0, [])
    while problem.fresh_seeds:
        finalists = _finalists(problem, candidates([*trained, *known.values()]), trained)
        jobs = [
            (architecture, seed)
            for seed in problem.fresh_seeds
            for architecture in finalists
            if (architecture.arch_id, seed) not in known
        ]
        if not jobs:
            return last
        left = [job for job in jobs if (job[0].arch_id, job[1]) not in results]
        last = Round(last.number + 1, len(jobs), left)
        if left:
            return last
        keys = [(architecture.arch_id, seed) for architecture, seed in jobs]
        known |= {key: results[key] for key in keys}
    return last


def _finalists(
    problem: SearchProblem, evaluated: Sequence[Candidate], trained: Sequence[Evaluation]
) -> list[Architecture]:
    """Return the front's members, and a random sample of the trained architectures."""
    front = pareto_front(evaluated, dict.fromkeys([problem.accuracy, *problem.objectives]))
    if problem.cost_objective not in problem.objectives:
        front += pareto_front(evaluated, [problem.accuracy, problem.cost_objective])
    chosen = [member.architecture for member in front]
    return list(dict.fromkeys([*chosen, *random_sample(problem.search, problem.seed, trained)]))


def random_sample(
    search: SearchSettings, seed: int, trained: Sequence[Evaluation]
) -> list[Architecture]:
    """Draw the architectures on which the noise is measured, whatever their accuracies.

    Args:
        search: its settings; ``noise_candidates`` are drawn.
        seed: the search's.
        trained: the search's own evaluations. The draw is another when more are trained.
    """
    first_results = candidates(trained)
    rng = generator(seed, Stream.NOISE_SAMPLE)
    drawn = rng.permutation(len(first_results))[: search.noise_candidates]
    return [first_results[index].architecture for index in drawn]


class RepeatRounds:
    """Hand out the repeats of one round, and those of the next when all of these have ended.

    Use it when the search's own trials have ended.

    Args:
        problem: the search's.
        records: the run's.
        asked: further seeds that a user asked for; while some are left, they are the round.
    """

    def __init__(
        self, problem: SearchProblem, records: Records, asked: Sequence[FurtherSeed] = ()
    ) -> None:
        self._problem = problem
        self._records = records
        self._asked = asked
        self._done = records.evaluations("repeats")
        self._round = Round(0, 0, [])
        self._begun = 0
        self.running = 0
        self._lost: dict[tuple[str, int], list[LostWorker]] = {}  # by arch_id and seed

    @property
    def are_asked(self) -> bool:
        """Whether seeds that a user asked for are left; without them the search itself goes on."""
        return self._asked_round(self._records.evaluations("search")) is not None

    def current(self) -> Round:
        """Return the running round, or else the next; its ``left`` are still to be begun."""
        if not self._round.left and not self.running:
            trained = self._records.evaluations("search")
            self._round = self._asked_round(trained) or unfinished_round(
                self._problem, trained, self._done
            )
        return self._round

    def _asked_round(self, trained: Sequence[Evaluation]) -> Round | None:
        """Return the seeds of the user's plan that are left as a round; None if none is."""
        left = left_of(self._asked, trained, self._done)
        return Round(1, len(self._asked), left, is_asked=True) if left else None

    def expected(self) -> list[Architecture]:
        """Return the architectures to train if the search's trials ended now, one for each seed."""
        trained = self._records.evaluations("search")
        left = unfinished_round(self._problem, trained, self._done).left
        return [architecture for architecture, _ in left]

    def begin(self) -> Job | None:
        """Begin the next repeat and return its job; None while there is none."""
        left = self.current().left
        if not left:
            return None
        architecture, seed = left.pop(0)
        self.running += 1
        self._begun += 1
        avoided = nodes_to_avoid(self._lost.get((architecture.arch_id, seed), ()))
        return Job("repeats", self._begun - 1, architecture, seed, avoided_nodes=avoided)

    def lose_worker(
        self, architecture: Architecture, seed: int, worker: LostWorker
    ) -> list[LostWorker]:
        """Record that a running repeat lost its worker; return all that this driver lost on it."""
        lost = self._lost.setdefault((architecture.arch_id, seed), [])
        lost.append(worker)
        return lost

    def give_back(self, architecture: Architecture, seed: int) -> None:
        """Return a running repeat to those that are left to begin."""
        self.running -= 1
        self._round.left.insert(0, (architecture, seed))

    def end(
        self,
        architecture: Architecture,
        seed: int,
        metrics: Mapping[str, float],
        result: EvaluationResult,
        error: str | None = None,
    ) -> None:
        """Record the result of a repeat."""
        self.running -= 1
        row = self._records.add(
            "repeats",
            architecture,
            seed=seed,
            metrics=metrics,
            curve=result.curve,
            device_seconds=result.device_seconds,
            recipe_id=self._problem.recipe_id,
            error=error,
            lost_workers=self._lost.pop((architecture.arch_id, seed), ()),
            seconds=result.seconds,
        )
        self._done.append(row)
