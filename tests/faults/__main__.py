"""Run the faults of a range of seeds: ``python -m tests.faults --seeds 0-11``."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from tests.faults.outcome import MEANINGS, FaultRecord, append_record
from tests.faults.plans import KINDS, PLANS, plan_of
from tests.faults.runner import SeedRun
from tests.faults.undisturbed import Undisturbed


def main() -> None:
    """Run the harness; exit status 1 if there is a finding."""
    options = _options()
    signal.signal(signal.SIGTERM, _end)  # it ends what it started
    options.out = options.out.resolve()
    options.out.mkdir(parents=True, exist_ok=True)
    begun, records = time.monotonic(), []

    def note(record: FaultRecord) -> None:
        records.append(record)
        append_record(options.json, record)
        print(
            f"{time.monotonic() - begun:6.0f} s  seed {record.seed:3} {record.kind}"
            f"{f' ({record.moment})' if record.moment else ''}: {MEANINGS[record.outcome]}"
            f" after {record.seconds:.0f} s{f': {record.detail}' if record.detail else ''}",
            flush=True,
        )

    options.json = options.json or options.out / "faults.jsonl"
    undisturbed = Undisturbed(options.out / "undisturbed")
    for seed in _seeds(options):
        plan = plan_of(seed)
        done = {record.kind for record in records if record.outcome != "not counted"}
        kinds = [
            kind
            for kind in (dict.fromkeys(plan.kinds) if options.each else plan.kinds)
            if (not options.kinds or kind in options.kinds)
            and not (options.each and plan.label(kind) in done)
        ]
        if kinds:
            run = SeedRun(seed, replace(plan, kinds=tuple(kinds)), options.out, undisturbed, note)
            run.run()
    findings = sum(record.outcome == "finding" for record in records)
    print(f"{len(records)} records, {findings} findings, in {options.json}")
    sys.exit(1 if findings else 0)


def _end(number: int, frame: object) -> NoReturn:
    sys.exit(128 + number)


def _seeds(options: argparse.Namespace) -> list[int]:
    """Return the seeds; with ``--each`` each once more, for the faults that fell after an end."""
    first, _, last = options.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    return [*seeds, *(seed + len(PLANS) for seed in seeds if options.each)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--seeds",
        default=f"0-{len(PLANS) - 1}",
        metavar="A-B",
        help="the range; without it as many as there are plans, so that each kind occurs",
    )
    parser.add_argument(
        "--kinds",
        nargs="*",
        choices=sorted(KINDS),
        metavar="KIND",
        help="only these",
    )
    parser.add_argument("--each", action="store_true", help="inject each kind until it counts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="records are added to it")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("build/faults"),
        metavar="DIR",
        help="the folder for the runs; those with a finding stay",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
