"""``nas status``: show the progress of a run, from its folder and ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.cli.commands.search.driver_session import (
    driver_json,
    is_silent,
    or_elsewhere,
)
from nas.cli.commands.search.time_report import say_time, time_json
from nas.cli.device_time import device_time_json, show_device_time
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.evaluation.metric_names import MetricNames
from nas.latency.measurements import front_of_run
from nas.quantities import duration, format_quantity
from nas.search.trial_state import TRAINED
from nas.storage.accuracy_text import accuracy_json, accuracy_text
from nas.storage.candidates import most_accurate
from nas.storage.device_time import device_time
from nas.storage.evaluation import Evaluation
from nas.storage.ledger_reader import ledger_to_read
from nas.storage.ledger_view import SUFFIXES, LedgerView
from nas.storage.run.folder import RunFolder
from nas.storage.run.ledger_away import ledger_away
from nas.storage.run.state import FINISHED, INTERRUPTED
from nas.storage.stored_run import run_at

LEFT = "left"
SHOWN_STATES = {
    INTERRUPTED: "running when it was interrupted",
    LEFT: "proposed, not trained to the end",
}


def show_status(
    output: Output, name: str, runs: Path, *, storage: str | None = None, trust: bool = False
) -> None:
    """Print a run's state, trials by state, best candidate, device-hours and rejections.

    Raises:
        CommandError: the URL of ``storage`` is wrong.
        RunError: no such run, or its ledger cannot be read.
        TrustError: reading the run needs trust.
    """
    with run_at(name, runs, storage=storage, trust=trust) as run:
        status = read_status(run)
    if output.as_json:
        output.show_json(MetricNames(status["metric"]).keyed(status))
    else:
        show_read_status(output, status)


def show_read_status(output: Output, status: Mapping[str, Any]) -> None:
    """Print what :func:`read_status` returned."""
    trials = ", ".join(
        f"{count} {SHOWN_STATES.get(state, state)}" for state, count in status["trials"].items()
    )
    output.say((status["name"], "bold"), f" is {status['state']}{or_elsewhere(status)}")
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
    say_time(output, status)
    show_device_time(output, status["device_time"])
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


def _state(row: Evaluation, *, may_run: bool, is_finished: bool) -> str:
    """Return a trial's state; in an interrupted run, a running trial is interrupted.

    In a search that ended early it was left, for a search that goes on.
    """
    if row.violation:
        return "rejected"
    if row.state != "running":
        return row.state
    if is_finished:
        return LEFT
    return row.state if may_run else INTERRUPTED


def read_status(run: RunFolder) -> dict[str, Any]:
    """Return a run's state as plain data.

    Raises:
        RunError: its ledger cannot be read.
        TrustError: reading the run needs trust.
    """
    config, ledger = ledger_to_read(run)
    try:
        return _status(run, config, ledger)
    finally:
        ledger.close()


def _status(run: RunFolder, config: SearchConfig, ledger: LedgerView) -> dict[str, Any]:
    of_study = {kind: ledger.evaluations(kind) for kind in SUFFIXES}
    rows, repeats, retrained = (of_study[kind] for kind in ("search", "repeats", "retrain"))
    trained = [row for row in rows if row.state in TRAINED]
    stops = Counter(row.stopped_at_epoch for row in trained if row.stopped_at_epoch is not None)
    front = front_of_run(config, ledger)
    best = most_accurate(front)
    away = ledger_away(run)
    lost = [worker for row in (*rows, *repeats) for worker in row.lost_workers]
    is_driven, written = run.is_driven(), run.state()
    state = written.in_words(is_driven=is_driven)
    may_run, has_ended = state != INTERRUPTED, state == FINISHED
    sessions = ledger.sessions()
    driver = driver_json(sessions[-1]) if sessions and not sessions[-1].ended else None
    lives = is_driven or (driver is not None and not has_ended and not is_silent(driver))
    spent = device_time([*rows, *repeats], sessions, is_driven=lives)
    return {
        "name": run.name,
        "metric": config.metric,
        "state": state,
        "wanted": config.search.n_trials,
        "trained": len(trained),
        "trials": dict(
            Counter(_state(row, may_run=may_run, is_finished=has_ended) for row in rows)
        ),
        "stopped_early": {str(epoch): count for epoch, count in sorted(stops.items())},
        "epochs": sum(row.epochs for row in trained),
        "epochs_in_full": len(trained) * config.proxy.epochs,
        "repeats": sum(row.state == "complete" for row in repeats),
        "retrained": sorted({row.arch_id for row in retrained}),
        "device_hours": sum(
            row.spent_seconds
            for each in of_study.values()
            for row in each
            if row.provenance.taken_from is None
        )
        / 3600,
        **time_json(config, written.ended, sessions, spent),
        "device_time": device_time_json(spent),
        "driver": driver,
        "front": [
            {"arch_id": each.arch_id, "accuracy": accuracy_text(each)}
            | {config.cost_objective: each.metrics[config.cost_objective]}
            for each in front
        ],
        "best": None
        if best is None
        else {
            "arch_id": best.arch_id,
            "description": str(best.architecture),
            **accuracy_json(best),
            "accuracy": MetricNames(config.metric).value(accuracy_text(best)),
            **{name: value for name, value in best.metrics.items() if name != "val_accuracy"},
        },
        "retries": {
            "trainings": len(lost),
            "lost_seconds": sum(worker.seconds for worker in lost),
            "reasons": dict(Counter(worker.cause for worker in lost)),
        },
        "waiting": written.waiting if is_driven else "",
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
