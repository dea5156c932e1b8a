"""``nas status``: show the progress of a run, from its folder and ledger."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from nas.cli.output import Output
from nas.latency.measurements import front_of_run
from nas.quantities import duration, format_quantity
from nas.search.trial_state import TRAINED
from nas.storage.accuracy_text import accuracy_json, accuracy_text
from nas.storage.candidates import most_accurate
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import ledger_of
from nas.storage.ledger_rows import SUFFIXES
from nas.storage.run.folder import UNSEARCHED, RunFolder
from nas.storage.run.ledger_away import ledger_away

INTERRUPTED = "interrupted"
SHOWN_STATES = {INTERRUPTED: "running when it was interrupted"}


def show_status(output: Output, name: str, runs: Path, *, trust: bool = False) -> None:
    """Print a run's state, trials by state, best candidate, device-hours and rejections.

    Raises:
        RunError: no such run, or its ledger cannot be read.
        TrustError: reading the run needs trust.
    """
    run = RunFolder.find(name, runs, trust=trust)
    status = read_status(run)
    if output.as_json:
        output.show_json(status)
        return
    trials = ", ".join(
        f"{count} {SHOWN_STATES.get(state, state)}" for state, count in status["trials"].items()
    )
    output.say((run.name, "bold"), f" is {status['state']}")
    output.say(
        f"  trials: {status['trained']} of {status['wanted']} trained ({trials or 'none yet'})"
    )
    if status["stopped_early"]:
        stops = status["stopped_early"]
        places = ", ".join(f"{count} after epoch {epoch}" for epoch, count in stops.items())
        output.say(
            f"  stopped early: {sum(stops.values())} ({places}); {status['epochs']:,} of "
            f"{status['epochs_in_full']:,} epochs trained"
        )
    output.say(f"  repeats of the front: {status['repeats']}")
    output.say(f"  retrained: {', '.join(status['retrained']) or 'nothing'}")
    output.say(f"  device-hours: {status['device_hours']:.3f}")
    if status["best"]:
        best = status["best"]
        params = format_quantity(best["params"])
        output.say(
            f"  best: {best['accuracy']} with {params} parameters, "
            f"{best['arch_id']} {best['description']}"
        )
    retries = status["retries"]
    if retries["trainings"]:
        reasons = "; ".join(f"{count} x {cause}" for cause, count in retries["reasons"].items())
        output.say(
            f"  begun again: {retries['trainings']} trainings, "
            f"{duration(retries['lost_seconds'])} lost ({reasons})"
        )
    if status["waiting"]:
        output.say(f"  waiting for {status['waiting']}")
    for limit, entry in status["rejections"].items():
        output.say(f"  over the limit on {limit}: {entry['count']:,} proposals")
    for which, error in status["errors"].items():
        output.say(f"  {which} failed: {error}")


def _state(row: Evaluation, *, is_driven: bool) -> str:
    """Return a trial's state; without a driver, a running trial is interrupted."""
    if row.violation:
        return "rejected"
    return INTERRUPTED if row.state == "running" and not is_driven else row.state


def read_status(run: RunFolder) -> dict[str, Any]:
    """Return a run's state as plain data."""
    config, ledger = ledger_of(run)
    rows = ledger.evaluations("search")
    trained = [row for row in rows if row.state in TRAINED]
    stops = Counter(row.stopped_at_epoch for row in trained if row.stopped_at_epoch is not None)
    best = most_accurate(front_of_run(config, ledger))
    repeats = ledger.evaluations("repeats")
    retrained = ledger.evaluations("retrain")
    away = ledger_away(run)
    lost = [worker for row in (*rows, *repeats) for worker in row.lost_workers]
    is_driven = run.is_driven()
    ended = UNSEARCHED if run.is_unsearched() else INTERRUPTED
    state = "running" if is_driven else "finished" if run.is_finished() else ended
    return {
        "name": run.name,
        "state": state,
        "wanted": config.search.n_trials,
        "trained": len(trained),
        "trials": dict(Counter(_state(row, is_driven=is_driven) for row in rows)),
        "stopped_early": {str(epoch): count for epoch, count in sorted(stops.items())},
        "epochs": sum(row.epochs for row in trained),
        "epochs_in_full": len(trained) * config.proxy.epochs,
        "repeats": sum(row.state == "complete" for row in repeats),
        "retrained": sorted({row.arch_id for row in retrained}),
        "device_hours": sum(
            row.device_seconds
            for kind in SUFFIXES
            for row in ledger.evaluations(kind)
            if row.provenance.taken_from is None
        )
        / 3600,
        "best": None
        if best is None
        else {
            "arch_id": best.arch_id,
            "description": str(best.architecture),
            **accuracy_json(best),
            "accuracy": accuracy_text(best),
            **{name: value for name, value in best.metrics.items() if name != "val_accuracy"},
        },
        "retries": {
            "trainings": len(lost),
            "lost_seconds": sum(worker.seconds for worker in lost),
            "reasons": dict(Counter(worker.cause for worker in lost)),
        },
        "waiting": run.waiting() if is_driven else "",
        "ledger_copy": None
        if away is None
        else {"age_seconds": away.age_seconds, "host": away.host, "file": str(away.file)},
        "rejections": ledger.rejections().to_json(),
        "errors": {
            f"{called} {row.number}": row.error.strip().splitlines()[-1]
            for called, studied in (("trial", rows), ("repeat", repeats))
            for row in studied
            if row.error
        },
    }
