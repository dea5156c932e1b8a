"""Optimism of a search's front (winner's curse), on the table of trained networks that ships.

The table has three evaluations of each of 480 networks. A search is played by drawing 48 of them
and choosing the front of accuracy and parameters. Two tables are printed:

- ``by the table``: one of the three evaluations, drawn for each search, chooses the front, and the
  other two are fresh.
- ``by normal noise``: the mean of a network's three evaluations is taken for the truth, and each
  evaluation is that plus normal noise of the pooled deviation. As in a search, members get two
  fresh evaluations, and the front is chosen by all until each member has its own. What is left
  of the curse in fresh evaluations is seen here.

From the repository's root::

    python benchmarks/winners_curse.py [--quick] [--json FILE]
"""

from __future__ import annotations

from typing import Any

import moocore
import numpy as np
from options import parser_of, write_json
from tables import print_table

from analysis.noise import pooled_deviation
from nas.benchmark.csv_table import read_cells
from nas.cli.commands.tools.benchmark_source import SHIPPED

TRIALS = 48
"""Networks in a search, as in the quickstart."""

SEARCHES, QUICK_SEARCHES = 2_000, 100


def main() -> None:
    """Play searches, print two tables in percent points, and write the same figures as JSON."""
    parser = parser_of(__doc__, quick=f"{QUICK_SEARCHES} searches")
    options = parser.parse_args()
    searches = QUICK_SEARCHES if options.quick else SEARCHES
    table = read_cells(SHIPPED)
    accuracies = np.array([table.numbers(f"val_accuracy_seed{seed}") for seed in range(3)]).T
    params = table.numbers("params")
    rng = np.random.default_rng(0)
    by_table = [of_table(accuracies, params, rng) for _ in range(searches)]
    noise = pooled_deviation(accuracies)
    assert noise is not None  # of three evaluations each
    by_noise = [of_noise(accuracies.mean(1), params, noise.deviation, rng) for _ in range(searches)]
    rows = [summed_up("by the table", by_table), summed_up("by normal noise", by_noise)]
    heads = {"as_found": "as found", "all": "mean of all", "fresh": "mean of fresh"}
    print_table(
        f"above the truth, percent points, mean over the front's members and {searches} searches "
        f"of {TRIALS} networks (noise {100 * noise.deviation:.2f} %)",
        rows,
        {"which": "simulated", **heads},
    )
    write_json({"noise": noise.deviation, "searches": searches, "rows": rows}, options)


def of_table(accuracies: np.ndarray, params: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the excess of the evaluation that chose, and of the mean of all, over two fresh ones.

    Args:
        accuracies: ``[N, 3]``.
        params: ``[N]``.
        rng: draws the networks, and which evaluation chooses.

    Returns:
        ``[3]``: as found, of all, of fresh ones (which are the truth here, so that it is 0).
    """
    drawn = rng.permutation(len(params))[:TRIALS]
    own, *fresh = accuracies[drawn][:, rng.permutation(3)].T
    members = front(own, params[drawn])
    truth = np.mean(fresh, axis=0)
    every = np.mean([own, *fresh], axis=0)
    return np.array([(own - truth)[members].mean(), (every - truth)[members].mean(), 0.0])


def of_noise(
    truth: np.ndarray, params: np.ndarray, deviation: float, rng: np.random.Generator
) -> np.ndarray:
    """Return the excess of own, all and fresh evaluations over the truth, ``[3]``, in a search.

    Args:
        truth: ``[N]``, accuracies.
        params: ``[N]``.
        deviation: that of an evaluation.
        rng: draws the networks and the noise.
    """
    drawn = rng.permutation(len(params))[:TRIALS]
    noise = rng.normal(0, deviation, (TRIALS, 3))
    is_repeated = np.zeros(TRIALS, dtype=bool)
    while True:
        errors = np.where(is_repeated, noise.mean(1), noise[:, 0])
        members = front(truth[drawn] + errors, params[drawn])
        if is_repeated[members].all():
            break
        is_repeated |= members
    own, every, fresh = noise[:, 0], noise.mean(1), noise[:, 1:].mean(1)
    return np.array([each[members].mean() for each in (own, every, fresh)])


def front(accuracies: np.ndarray, params: np.ndarray) -> np.ndarray:
    """Mark those that are not dominated, ``[N]`` of bool."""
    return np.asarray(moocore.is_nondominated(np.stack([-accuracies, params], axis=1)))


def summed_up(which: str, per_search: list[np.ndarray]) -> dict[str, Any]:
    """Return means over searches, in percent points."""
    means = 100 * np.mean(per_search, axis=0)
    return {"which": which, **dict(zip(("as_found", "all", "fresh"), means.tolist(), strict=True))}


if __name__ == "__main__":
    main()
