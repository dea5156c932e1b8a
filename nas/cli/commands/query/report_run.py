"""Read all that a report shows of a run."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.noise import seed_noise, spread
from analysis.report.run_data import Command, ReportRun
from analysis.trace.points import TraceResult
from nas.cli.commands.query.frontier import networks_beside
from nas.cli.commands.query.report_attention import attention_picture
from nas.cli.commands.query.report_model import NOTHING, modelled
from nas.cli.commands.query.report_trainings import retrained_rows
from nas.cli.commands.tools.fidelity import compared_epochs, retrained_pairs
from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.latency.measurements import all_candidates, by_latency_limit
from nas.latency.merged_runs import ReadRun
from nas.search.repeats import random_sample
from nas.storage.device_time import device_time
from nas.storage.ledger import Ledger, ledger_of
from nas.storage.ledger_view import SUFFIXES
from nas.storage.run.data_file import fingerprints_of_run
from nas.storage.run.folder import ENVIRONMENT, RunFolder, read_json_object
from search_space.yaml_validation import dump_yaml

CERTAIN = 0.9
"""An architecture that is on the front with this probability, or off it, needs no further seeds."""

SHARE_FOR_FURTHER_SEEDS = 0.25
"""The time for further seeds that is proposed, of the search's own."""


def read_run(run: RunFolder, *, trust: bool) -> ReportRun:
    """Read a run's folder and ledger.

    Args:
        run: the run.
        trust: the option ``--trust``.

    Raises:
        RunError: the ledger, or a file of the folder, cannot be read.
        TrustError: reading the run needs trust.
    """
    config, ledger = ledger_of(run)
    try:
        return _read(run, config, ledger, trust=trust)
    finally:
        ledger.close()


def _read(run: RunFolder, config: SearchConfig, ledger: Ledger, *, trust: bool) -> ReportRun:
    rows = {kind: ledger.evaluations(kind) for kind in SUFFIXES}
    within, over = by_latency_limit(config, all_candidates(config, ledger))
    searched = [*rows["search"], *rows["repeats"]]
    is_driven = run.is_driven()
    state = run.state().in_words(is_driven=is_driven)
    retrained = retrained_rows(run, config, ledger)
    time = device_time(searched, ledger.sessions(), is_driven=is_driven)
    sample = set(random_sample(config.search, config.seed, rows["search"]))
    model = NOTHING if is_driven else modelled(run, config, ledger, within)
    content = dump_yaml(config.saved.model_dump(mode="json"))
    return ReportRun(
        name=run.name,
        state=state,
        config=config,
        task=run.task(),
        environment=_json(run, ENVIRONMENT) or {},
        rows=rows,
        choices={trial.number: trial.params for trial in ledger.trials("search")},
        candidates=within,
        over=over,
        beside=networks_beside([ReadRun(run, config, ledger)]),
        rejections={name: entry["count"] for name, entry in ledger.rejections().to_json().items()},
        time=time,
        noise=seed_noise(searched, sample),
        spread=spread(rows["search"]),
        retrained=retrained,
        proxies=retrained_pairs(config, ledger),
        epochs=compared_epochs(config),
        attention=attention_picture(run, rows["retrain"], trust=trust),
        trace=_trace(run),
        ablations=[read_json_object(file) for file in sorted(run.path.glob("ablation-*.json"))],
        next_commands=_next(run, config, state, retrained, model.probabilities, time.busy_seconds)
        if rows["search"]
        else _next_of_trained(run, retrained),
        ways=_ways(run, retrained),
        hashes=_hashes(run, config, content),
        config_yaml=content,
        **model._asdict(),
    )


def _json(run: RunFolder, name: str) -> dict[str, Any] | None:
    file = run.path / name
    return read_json_object(file) if file.is_file() else None


def _trace(run: RunFolder) -> TraceResult | None:
    """Return the trace in a run's folder.

    Raises:
        RunError: its file is damaged, or an earlier version wrote it.
    """
    content = _json(run, "trace.json")
    if content is None:
        return None
    try:
        return TraceResult.from_json(content)
    except (KeyError, TypeError) as error:
        raise RunError(
            f"{run.path / 'trace.json'} has no {error}: an earlier version wrote it; give "
            "`nas trace` again, which trains nothing anew"
        ) from error


def _next(
    run: RunFolder,
    config: SearchConfig,
    state: str,
    retrained: Sequence[Mapping[str, Any]],
    sure: Mapping[str, float],
    search_seconds: float,
) -> list[Command]:
    """Return what to do next after a search, the most useful first."""
    commands = []
    if state == "running":
        commands.append(_command("Follow the search", "status", run.name, "--watch"))
    elif state != "finished":
        commands.append(
            Command(
                shlex.join(["nas", "search", "CONFIG.yaml", f"name={run.name}", "--resume"]),
                "Go on with the search, which was interrupted: give its configuration again",
            )
        )
    chosen = [row for row in retrained if row["kind"] == "found"]
    if not chosen:
        words = ("retrain", run.name, "--pick", "knee-or-best", "--baseline")
        commands.append(
            _command("Train the knee in full, beside a plain network of equal size", *words)
        )
    else:
        words = ("ablate", run.name, "--pick", chosen[0]["arch_id"], "--plan")
        commands.append(_command("See what each part of the trained network contributes", *words))
        commands.append(
            _command("Train the whole front in full", "retrain", run.name, "--pick", "all")
        )
    if state == "finished" and any(CERTAIN > each > 1 - CERTAIN for each in sure.values()):
        spend = _spend(search_seconds)
        commands.append(
            _command(
                f"See which further seeds would make the front surest within {spend} of training",
                *("frontier", run.name, "--spend", spend),
            )
        )
    other = "macs" if config.cost_objective == "params" else "params"
    commands.append(
        _command("See the front against another cost", "frontier", run.name, "--x", other)
    )
    return commands


def _spend(search_seconds: float) -> str:
    """Return a time for further seeds, a share of the search's: in hours, or in minutes."""
    minutes = SHARE_FOR_FURTHER_SEEDS * search_seconds / 60
    return f"{round(minutes / 60)}h" if minutes >= 120 else f"{max(1, round(minutes))}m"


def _next_of_trained(run: RunFolder, retrained: Sequence[Mapping[str, Any]]) -> list[Command]:
    """Return what to do next with networks that no search found."""
    commands = []
    tested = [row for row in retrained if row["test_accuracy"] is not None]
    tested = [row for row in tested if not row["overrides"]]  # by the run's own recipe
    if tested:
        best = max(tested, key=lambda row: row["test_accuracy"])
        words = ("export", run.name, "--pick", best["arch_id"])
        commands.append(_command("Write the best network as a file that others can run", *words))
    words = ("train", "NETWORK", "CONFIG.yaml", f"name={run.name}")
    return [*commands, _command("Train another network beside it", *words)]


def _ways(run: RunFolder, retrained: Sequence[Mapping[str, Any]]) -> list[Command]:
    """Return the commands that trained networks in full."""
    commands = []
    plain = any(row["kind"] not in ("found", "trained") for row in retrained)
    for row in retrained:
        if row["kind"] == "found":
            changed = [f"{key}={each['to']}" for key, each in row["overrides"].items()]
            words = ["retrain", run.name, *changed, "--pick", row["arch_id"]]
            words += ["--baseline"] if plain else []
            commands.append(_command(f"Train {row['arch_id']} in full", *words))
    return commands


def _command(purpose: str, *words: str) -> Command:
    return Command(shlex.join(["nas", *words]), purpose)


def _hashes(run: RunFolder, config: SearchConfig, content: str) -> dict[str, str]:
    hashes = {
        "configuration (SHA-256)": hashlib.sha256(content.encode()).hexdigest(),
        "run_id": run.run_id or "not recorded",
        "proxy's recipe and fidelity": config.proxy_id,
        "full recipe": config.retrain_id,
    }
    images = fingerprints_of_run(run)
    return hashes | ({"images": images[-1]} if images else {})
