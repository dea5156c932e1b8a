"""Searches on tables of networks with known accuracies, for ``front_certainty.py``.

The truth of a network is its mean accuracy in the table. An evaluation is the truth plus noise as
the table itself has it: the residual of an evaluation of a network of about the same accuracy (the
``NEAR`` next better and worse ones), times sqrt(k / (k - 1)) for k evaluations each, as residuals
from the mean of k are too small. The default sampler searches; then the members of the front and
four random networks get two fresh evaluations each, in rounds, as in ``nas search``.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import NamedTuple

import moocore
import numpy as np

from analysis.accuracy_model.model import Evaluated, fit
from analysis.accuracy_model.scales import log_odds
from analysis.certainty.run_certainty import FrontCertainty, membership
from analysis.noise import SeedNoise, pooled_deviation
from nas.benchmark.csv_table import read_cells
from nas.benchmark.nas_bench_macro import read_nas_bench_macro
from nas.benchmark.replay import replay
from nas.benchmark.specs import parse_spec, sampler_of
from nas.benchmark.table import BenchmarkTable
from nas.benchmark.tabulation_reader import read_tabulated
from nas.cli.commands.tools.benchmark_source import SHIPPED
from nas.samplers.kernel_inputs import Encoder
from nas.samplers.product_space import ProductSpace

NEAR = 10
"""Residuals are those of networks up to so many ranks better or worse."""

NOISE_CANDIDATES, FRESH = 4, 2
"""Networks whose noise is measured whatever their accuracy, and fresh evaluations of each."""

CHOICES, PARAMETERS, INVENTED_EVALUATIONS = 4, 5, 3


class Truth(NamedTuple):
    """A table with the evaluations behind its means. Legend: N rows, k evaluations."""

    name: str
    table: BenchmarkTable  # of the means
    evaluations: np.ndarray  # [N, k], as fractions
    budget: int  # trials of a search

    @property
    def accuracies(self) -> np.ndarray:
        """The true accuracies ``[N]``."""
        return np.asarray(self.evaluations.mean(axis=1))


class Search:
    """A search that was played, and the evaluations of its n networks so far.

    Args:
        truth: the table.
        seed: of the sampler and of the noise.
    """

    def __init__(self, truth: Truth, seed: int) -> None:
        self.truth = truth
        self.seed = seed
        self._rng = np.random.default_rng((seed, 1))
        self._by_rank = np.argsort(truth.accuracies, kind="stable")
        self._rank = np.argsort(self._by_rank, kind="stable")
        k = truth.evaluations.shape[1]
        self._residuals = truth.evaluations - truth.accuracies[:, None]
        self._residuals *= (k / (k - 1)) ** 0.5
        own = self._evaluate(np.arange(len(truth.accuracies)))
        seen = truth.table.with_results(own, truth.table.curves)
        sampler = sampler_of(parse_spec("default"), seen, seed=seed)
        ended = replay(seen, sampler, budget=truth.budget).ended
        self.rows = np.array([each.row for each in ended])
        self.costs = truth.table.minimised[self.rows]
        self.results = [[float(own[row])] for row in self.rows]
        self.sample = set(self._rng.permutation(len(self.rows))[:NOISE_CANDIDATES].tolist())
        self._repeat_finalists()

    @property
    def front(self) -> np.ndarray:
        """A mask ``[n]`` of the front by the means of all evaluations."""
        return front(np.array([np.mean(each) for each in self.results]), self.costs)

    @property
    def true_front(self) -> np.ndarray:
        """A mask ``[n]`` of the front by the true accuracies."""
        return front(self.truth.accuracies[self.rows], self.costs)

    def copied(self) -> Search:
        """Return the search with results of its own; its next evaluations have the same noise."""
        other = copy.copy(self)
        other.results = [list(each) for each in self.results]
        other._rng = copy.deepcopy(self._rng)
        return other

    def repeat(self, place: int, times: int) -> None:
        """Evaluate the network at ``place`` of the n again."""
        self.results[place] += self._evaluate(np.repeat(self.rows[place], times)).tolist()

    def certainty(self) -> tuple[np.ndarray, FrontCertainty]:
        """Return the probability ``[n]`` of each network to be on the front, and the model."""
        scaled = [log_odds(np.array(each)) for each in self.results]
        # the search's own evaluation chose those that are not in the random sample
        noise = pooled_deviation(
            each if place in self.sample else each[1:] for place, each in enumerate(scaled)
        )
        assert noise is not None  # the sample has three evaluations each
        return self._certainty(scaled, noise, np.random.default_rng((self.seed, 2)))

    def _certainty(
        self, scaled: list[np.ndarray], noise: SeedNoise, rng: np.random.Generator
    ) -> tuple[np.ndarray, FrontCertainty]:
        table = self.truth.table
        vectors = np.array([table.space.encode(table.rows[row]) for row in self.rows])
        evaluated = Evaluated(
            vectors,
            table.costs.columns(vectors),
            np.array([each.mean() for each in scaled]),
            np.array([len(each) for each in scaled]),
        )
        encoder = Encoder(table.space.parameters, evaluated.costs)
        model = fit(encoder, evaluated, noise)
        probabilities = membership(encoder, evaluated, noise, self.costs, rng)
        return probabilities, FrontCertainty(
            (), {}, 0.0, noise, model.of_evaluated(), model.seed_variance, self.costs
        )

    def _evaluate(self, rows: np.ndarray) -> np.ndarray:
        """Return an evaluation of each of some rows of the table."""
        rng, truth = self._rng, self.truth.accuracies
        near = self._rank[rows] + rng.integers(-NEAR, NEAR + 1, len(rows))
        like = self._by_rank[np.clip(near, 0, len(truth) - 1)]
        which = rng.integers(0, self._residuals.shape[1], len(rows))
        return np.clip(truth[rows] + self._residuals[like, which], 0, 1)

    def _repeat_finalists(self) -> None:
        """Give fresh evaluations to the sample and the front, until each member has its own."""
        while True:
            finalists = set(np.flatnonzero(self.front).tolist()) | self.sample
            new = [place for place in sorted(finalists) if len(self.results[place]) == 1]
            if not new:
                return
            for place in new:
                self.repeat(place, FRESH)


def front(accuracies: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Mark those that are not dominated, ``[n]`` of bool."""
    return np.asarray(moocore.is_nondominated(np.stack([-accuracies, costs], axis=1)))


def digits() -> Truth:
    """Return the table that ships: 480 networks with three evaluations each."""
    table = read_tabulated(SHIPPED)
    table.epochs, table.curves = (), np.empty((len(table.rows), 0))
    cells = read_cells(SHIPPED)
    evaluations = [cells.numbers(f"val_accuracy_seed{seed}") for seed in range(3)]
    return Truth("digits", table, np.array(evaluations).T, budget=48)


def invented() -> Truth:
    """Return a table without training: effects of choices, of pairs, of cost and of each network.

    Everything is added in log-odds, in which noise is normal with one deviation.
    """
    rng = np.random.default_rng(0)
    names = [f"layer{number}" for number in range(1, PARAMETERS + 1)]
    space = ProductSpace("invented", {name: list(range(CHOICES)) for name in names})
    rows = list(space.architectures())
    vectors = np.array([space.encode(row) for row in rows])
    costs = 10 + vectors.sum(axis=1) * 4.0 + rng.uniform(0, 1, len(rows))
    worth = 1.2 * np.log(costs)
    for first in range(PARAMETERS):
        worth += rng.normal(0, 0.3, CHOICES)[vectors[:, first]]
        for second in range(first):
            pair = rng.normal(0, 0.1, (CHOICES, CHOICES))
            worth += pair[vectors[:, first], vectors[:, second]]
    worth += rng.normal(0, 0.08, len(rows)) - worth.mean() + 2
    noise = rng.normal(0, 0.15, (len(rows), INVENTED_EVALUATIONS))
    evaluations = 1 / (1 + np.exp(-(worth[:, None] + noise)))
    table = BenchmarkTable(
        "invented",
        rows=rows,
        space=space,
        maximised=evaluations.mean(axis=1),
        minimised=costs,
        maximised_name="accuracy",
        minimised_name="cost",
    )
    return Truth("invented", table, evaluations, budget=64)


def nas_bench_macro(path: Path) -> Truth:
    """Return NAS-Bench-Macro: 6,561 networks with three evaluations each."""
    table = read_nas_bench_macro(path)
    table.maximised = table.maximised / 100
    entries = json.loads(path.read_text())
    evaluations = np.array([entries["".join(map(str, row))]["test_acc"] for row in table.rows])
    return Truth("NAS-Bench-Macro", table, evaluations / 100, budget=64)
