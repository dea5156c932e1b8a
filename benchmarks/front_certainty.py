"""Calibration of the probabilities of ``nas frontier --certainty``, and what ``--spend`` settles.

Searches are played on tables of networks whose true accuracies are known, by
``certainty_searches.py``: the table that ships, an invented one, and NAS-Bench-Macro if its file is
given. Printed is, of the front's members:

- ``calibration``: how many are on the true front of the evaluated networks, and the expected
  calibration error (ECE, 10 bins of equal width; Naeini et al. 2015) of the probabilities and of
  the rival that takes every member for one, each with a 95 % interval by resampling searches.
  ``by chance`` is the mean error of perfectly calibrated probabilities, which finite samples have
  too. Brier scores stand beside.

With ``--further`` also:

- ``further seeds``: networks on the wrong side of the front. ``members``: if the front's members
  are taken for such; ``now``: if those of 50 % and more are; ``spent``: the same after the further
  trainings that ``--spend`` names; ``evenly``: after as many hours of trainings that are spread
  evenly over the members.

From the repository's root::

    python benchmarks/front_certainty.py [--nas-bench-macro FILE] [--seeds N] [--further]
        [--png FILE] [--quick] [--json FILE]
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from certainty_picture import Reliability, plot_reliability_png
from certainty_searches import Search, Truth, digits, invented, nas_bench_macro
from options import parser_of, write_json
from tables import print_table

from analysis.certainty.allocation import allocate_rows
from analysis.certainty.run_certainty import FrontCertainty
from nas.evaluation.deviations import standard_error

SEEDS, QUICK_SEEDS = 20, 2
BINS = 10
RESAMPLES = 2000
TRAININGS = 16
"""Further trainings: their mean time is the budget of ``--spend``."""


class Played(NamedTuple):
    """A search, what is said of the members of its front, and what is true."""

    search: Search
    probabilities: np.ndarray  # [n], of all networks
    model: FrontCertainty
    said: np.ndarray  # [members of the front], probabilities
    true: np.ndarray  # [members], whether each is on the true front


def main() -> None:
    """Play searches, print the tables, draw the reliability diagram, and write all as JSON."""
    parser = parser_of(__doc__, quick=f"{QUICK_SEEDS} searches on each table")
    parser.add_argument("--nas-bench-macro", type=Path, metavar="FILE", help="use it too")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help=f"else {SEEDS}")
    parser.add_argument("--further", action="store_true", help="train further seeds too")
    parser.add_argument("--png", type=Path, metavar="FILE", help="draw the reliability diagram")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error(f"--seeds must be at least 2, got {options.seeds}")
    seeds = QUICK_SEEDS if options.quick else options.seeds
    truths = [digits(), invented()]
    if options.nas_bench_macro is not None:
        truths.append(nas_bench_macro(options.nas_bench_macro))
    tables = [[played(truth, seed) for seed in range(seeds)] for truth in truths]
    names = [truth.name for truth in truths]
    calibration = [calibrated(*pair) for pair in zip(names, tables, strict=True)]
    print_table(
        f"calibration of the front's members, {seeds} searches a table",
        list(map(texts, calibration)),
    )
    if options.png is not None:
        drawn = [
            Reliability(row["table"], *joined(searches), f"ECE {_with_interval(row, 'ece')}")
            for row, searches in zip(calibration, tables, strict=True)
        ]
        plot_reliability_png(options.png, drawn, BINS)
    figures: dict[str, Any] = {"searches": seeds, "calibration": calibration}
    write_json(figures, options)
    if options.further:
        further = [settled(*pair) for pair in zip(names, tables, strict=True)]
        print_table(
            f"networks on the wrong side of the front, mean of {seeds} searches",
            list(map(_mean_texts, further)),
        )
        write_json(figures | {"further": further}, options)


def played(truth: Truth, seed: int) -> Played:
    """Play a search."""
    search = Search(truth, seed)
    probabilities, model = search.certainty()
    shown = search.front
    print(f"{truth.name}: search {seed}", file=sys.stderr, flush=True)
    return Played(search, probabilities, model, probabilities[shown], search.true_front[shown])


def wrong_by_way(one: Played) -> dict[str, int]:
    """Return the networks on the wrong side, by what was trained before."""
    search = one.search
    true = search.true_front
    seconds = search.truth.table.seconds[search.rows]
    budget = float(TRAININGS * seconds.mean())
    rng = np.random.default_rng((search.seed, 3))
    chosen = allocate_rows(one.model, one.probabilities, seconds, budget, rng)
    evenly = spread_evenly(np.flatnonzero(search.front), seconds, budget)
    wrong = {
        "members": int((search.front != true).sum()),
        "now": int(((one.probabilities >= 0.5) != true).sum()),
        "spent": wrong_after(search, chosen.seeds),
        "evenly": wrong_after(search, evenly),
    }
    print(f"{search.truth.name} {search.seed}: {wrong}", file=sys.stderr, flush=True)
    return wrong


def spread_evenly(members: np.ndarray, seconds: np.ndarray, budget: float) -> dict[int, int]:
    """Return seeds of the members in turn, until the next one is over the budget."""
    seeds: dict[int, int] = {}
    left = budget
    for turn in range(TRAININGS * len(members)):
        place = int(members[turn % len(members)])
        left -= seconds[place]
        if left < 0:
            break
        seeds[place] = seeds.get(place, 0) + 1
    return seeds


def wrong_after(search: Search, seeds: Mapping[int, int]) -> int:
    """Return the networks on the wrong side after further seeds, by place among the n."""
    further = search.copied()
    for place, count in seeds.items():
        further.repeat(place, count)
    probabilities, _ = further.certainty()
    return int(((probabilities >= 0.5) != search.true_front).sum())


def calibrated(name: str, searches: Sequence[Played]) -> dict[str, Any]:
    """Return a table's row of ``calibration``."""
    said, true = joined(searches)
    rng = np.random.default_rng(0)
    chance = [calibration_error(said, rng.random(len(said)) < said) for _ in range(RESAMPLES)]
    low, high = resampled(searches, calibration_error, rng)
    rival_low, rival_high = resampled(searches, rival_error, rng)
    return {
        "table": name,
        "members": len(said),
        "true": float(true.mean()),
        "said": float(said.mean()),
        "ece": calibration_error(said, true),
        "ece_interval": [low, high],
        "ece_by_chance": float(np.mean(chance)),
        "rival_ece": rival_error(said, true),
        "rival_ece_interval": [rival_low, rival_high],
        "brier": float(((said - true) ** 2).mean()),
        "rival_brier": float((~true).mean()),
    }


def texts(row: Mapping[str, Any]) -> dict[str, str]:
    """Return a row of ``calibration`` as it is printed."""
    return {
        "table": row["table"],
        "members": str(row["members"]),
        "true": f"{row['true']:.3f}",
        "said": f"{row['said']:.3f}",
        "ECE": _with_interval(row, "ece"),
        "by chance": f"{row['ece_by_chance']:.3f}",
        "rival's ECE": _with_interval(row, "rival_ece"),
        "Brier": f"{row['brier']:.3f}",
        "rival's": f"{row['rival_brier']:.3f}",
    }


def settled(name: str, searches: Sequence[Played]) -> dict[str, Any]:
    """Return a table's row of ``further seeds``, means with standard errors."""
    wrong = [wrong_by_way(each) for each in searches]
    row: dict[str, Any] = {"table": name}
    for key in wrong[0]:
        row[key] = _mean([each[key] for each in wrong])
    row["evenly - spent"] = _mean([each["evenly"] - each["spent"] for each in wrong])
    return row


def joined(searches: Sequence[Played]) -> tuple[np.ndarray, np.ndarray]:
    """Return what all searches say of their members, and what is true."""
    return (
        np.concatenate([each.said for each in searches]),
        np.concatenate([each.true for each in searches]),
    )


def calibration_error(said: np.ndarray, true: np.ndarray) -> float:
    """Return the expected calibration error: the bins' distances, weighed by their members."""
    index = np.minimum((said * BINS).astype(int), BINS - 1)
    sums = np.bincount(index, weights=said - true, minlength=BINS)
    return float(np.abs(sums).sum() / len(said))


def rival_error(said: np.ndarray, true: np.ndarray) -> float:
    """Return the expected calibration error of the rival, to whom all members are members."""
    return calibration_error(np.ones_like(said), true)


def resampled(
    searches: Sequence[Played],
    error: Callable[[np.ndarray, np.ndarray], float],
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Return the 95 % interval of an error by resampling searches (the bootstrap's percentiles)."""
    errors = []
    for _ in range(RESAMPLES):
        drawn = rng.integers(len(searches), size=len(searches))
        errors.append(error(*joined([searches[index] for index in drawn])))
    low, high = np.percentile(errors, [2.5, 97.5])
    return float(low), float(high)


def _with_interval(row: Mapping[str, Any], name: str) -> str:
    low, high = row[f"{name}_interval"]
    return f"{row[name]:.3f} [{low:.3f}, {high:.3f}]"


def _mean(values: Sequence[int]) -> list[float | None]:
    """Return the mean with its standard error."""
    return [float(np.mean(values)), standard_error(values)]


def _mean_texts(row: Mapping[str, Any]) -> dict[str, str]:
    """Return a row of ``further seeds`` as it is printed."""
    return {
        key: value if isinstance(value, str) else f"{value[0]:.2f} ± {value[1]:.2f}"
        for key, value in row.items()
    }


if __name__ == "__main__":
    main()
