"""Trials a second that train nothing: this project's whole path beside plain Ray Tune.

Both run the same no-op trainable on reused actors, one a core, of the space of
`configs/spaces/digits.yaml` by random search, with two objectives and an SQLite file. The project's
path is a search as `nas search` runs it: proposals by exact cost, ledger, Tune, progress display.
Plain Ray Tune has its OptunaSearch (Optuna's RandomSampler, an RDBStorage), and Tune's settings as
they come. Each runs in a process of its own, whose peak of resident memory is the driver's. From
the repository's root::

    python benchmarks/orchestration.py [--quick] [--trials N] [--json FILE]
"""

from __future__ import annotations

from typing import Any

from command_line import parser_of

BLOCK = 500
"""Trials whose rate is one line: a rate that falls from line to line is growth."""


def main() -> None:
    """Measure, print two tables, and write the same figures as JSON."""
    parser = parser_of(__doc__, quick="80 trials each, under 40 s")
    parser.add_argument("--trials", type=int, metavar="N", help="of each; else 1,000")
    options = parser.parse_args()
    trials = options.trials or (80 if options.quick else 1000)
    if trials < 2:
        parser.error(f"--trials must be at least 2, got {trials}")

    from orchestration_paths import about_this_machine  # noqa: PLC0415 - PyTorch and Ray

    figures: dict[str, Any] = {"machine": about_this_machine(), "paths": []}
    print(", ".join(f"{key} {value}" for key, value in figures["machine"].items()), flush=True)
