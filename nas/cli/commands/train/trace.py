"""``nas trace``: train lists of networks in full, and draw their accuracies against costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.trace.equal_costs import (
    equal_costs,
    equal_costs_markdown,
    equal_costs_table,
)
from analysis.trace.page import plot_trace_html
from analysis.trace.picture import plot_trace_png
from analysis.trace.points import TraceResult
from analysis.trace.published import check_published
from analysis.trace.tables import trace_csv, trace_markdown, trace_table
from nas.cli.commands.train.full_trainings import TrainingGroup, train_networks
from nas.cli.commands.train.picks import picked_architectures
from nas.cli.commands.train.trace_plan import show_plan
from nas.cli.commands.train.trace_result import trace_result
from nas.cli.commands.train.trace_searches import run_searches
from nas.cli.output import Output
from nas.config.recipe_overrides import overrides_of
from nas.config.search_config import SearchConfig
from nas.config.trace import Trace, TraceFamily, load_trace
from nas.errors import CommandError, RunError
from nas.search.waiting import Waiting
from nas.storage.ledger import Ledger
from nas.storage.provenance import Provenance
from nas.storage.run.folder import RunFolder
from nas.storage.whole_file import write_whole
from nas.workflows.checks import SearchData, load_data
from nas.workflows.timing.network_timings import FILE as TIMINGS
from nas.workflows.timing.network_timings import time_networks
from nas.workflows.traced_networks import (
    TracedNetwork,
    by_recipe,
    check_recipes,
    traced_networks,
)
from nas.workflows.training_run import existing_run, new_run
from search_space.yaml_validation import ConfigError, dump_yaml


def run_trace_command(
    output: Output,
    file: Path,
    overrides: Sequence[str],
    runs: Path,
    *,
    plan: bool = False,
    retime: bool = False,
    tensorboard: bool = False,
    allow_changed_data: bool = False,
    trust: bool = False,
) -> None:
    """Train what is not trained yet of a trace, and draw and print all of it.

    Args:
        output: to print to.
        file: the trace's.
        overrides: see :func:`nas.config.trace.load_trace`.
        runs: the folder of all runs.
        plan: only say what would be trained, and how long it takes.
        retime: after the trainings, time some steps of each network anew.
        tensorboard: the option ``--tensorboard``.
        allow_changed_data: the option ``--allow-changed-data``.
        trust: the option ``--trust``.

    Raises:
        CommandError, ConfigError, DataError, RunError, CheckpointError, ClusterError, TrustError:
            see :mod:`nas.errors`.
        KeyboardInterrupt: on Ctrl-C, after printing how to continue.
    """
    trace = load_trace(file, overrides)
    _check(trace, file)
    if retime and "device_seconds" not in trace.config.axes:
        raise CommandError(f"--retime: {file} has no axis device_seconds")
    if plan:
        show_plan(output, trace, runs, trust=trust)
        return
    data = load_data(trace.search)
    if not output.as_json:
        output.say(str(data))
    # what is wrong is said before a search takes its time
    named = [family for family in trace.config.families if family.run is None]
    check_recipes(trace, data, _networks(trace, named, runs, trust=trust))
    waiting = Waiting()
    if into := existing_run(trace.search, runs, data.task, waiting, writes=False, trust=trust):
        into.ledger.close()
    run_searches(output, trace, runs, allow_changed_data=allow_changed_data, trust=trust)
    networks = _networks(trace, trace.config.families, runs, trust=trust)
    check_recipes(trace, data, networks)
    into = existing_run(trace.search, runs, data.task, waiting, trust=trust)
    run, config, ledger, own_recipe = into or new_run(trace.search, runs, data, waiting)
    groups = [
        TrainingGroup(
            config.replace(retrain=recipe),
            {
                each: Provenance(
                    network=network.provenance_name,
                    overrides=overrides_of(own_recipe, recipe),
                    found_by=network.found_by,
                )
                for each, network in architectures.items()
            },
        )
        for recipe, architectures in by_recipe(networks)
    ]
    with run.driving(), ledger.written(config, run):
        write_whole(run.path / "trace.yaml", dump_yaml(trace.config.model_dump(mode="json")))
        train_networks(
            output,
            run,
            ledger,
            data.task,
            groups,
            waiting=waiting,
            data=data,
            reuses=True,
            tensorboard=tensorboard,
            allow_changed_data=allow_changed_data,
        )
        if retime:
            progress = Output(stderr=True)
            timings = time_networks(networks, config, data, progress.say_progress)
            run.write_json(TIMINGS, timings.model_dump())
        _show(output, run, trace, networks, config, ledger, data, waiting)


def _networks(
    trace: Trace, families: Sequence[TraceFamily], runs: Path, *, trust: bool
) -> list[TracedNetwork]:
    return traced_networks(trace, families, runs, picked_architectures, trust=trust)


def _check(trace: Trace, file: Path) -> None:
    """Check what only the papers' tables and the search's file decide.

    Raises:
        ConfigError: with every problem.
    """
    problems = []
    config, search = trace.config, trace.search
    if config.published is not None:
        try:
            check_published(config.published.table, config.accuracy, search.data.name)
        except ValueError as error:
            problems.append(str(error))
        if search.metric != "accuracy":
            problems.append(
                f"published: the papers' accuracies are top-1, got metric={search.metric!r}"
            )
    if config.accuracy == "val_accuracy" and search.retrain_data != "train":
        problems.append(
            "accuracy: val_accuracy needs validation images that are not trained on, got "
            f"retrain_data={search.retrain_data!r}"
        )
    if problems:
        raise ConfigError(str(file), problems)


def _show(
    output: Output,
    run: RunFolder,
    trace: Trace,
    networks: Sequence[TracedNetwork],
    config: SearchConfig,
    ledger: Ledger,
    data: SearchData,
    waiting: Waiting,
) -> None:
    """Write the trace's files into the run's folder, and print its table."""
    result = trace_result(output, trace, networks, config, run, ledger, data, waiting)
    compared = equal_costs(result) if result.is_of_fronts else []
    content = result.to_json() | {"at_equal_costs": [row.to_json() for row in compared]}
    run.write_json("trace.json", content)
    write_whole(run.path / "trace.csv", trace_csv(result))
    text = trace_markdown(result)
    if compared:
        text += "\n" + equal_costs_markdown(compared, result)
    write_whole(run.path / "trace.md", text)
    _draw(run, result)
    if output.as_json:
        output.show_json(content)
        return
    output.show(trace_table(result))
    if compared:
        output.show(equal_costs_table(compared, result))
    files = ", ".join(f"trace.{ending}" for ending in ("png", "html", "csv", "md", "json"))
    output.say(f"drawn in {run.path}: {files}")


def _draw(run: RunFolder, result: TraceResult) -> None:
    try:
        plot_trace_png(run.path / "trace.png", result)
        plot_trace_html(run.path / "trace.html", result)
    except OSError as error:
        raise RunError(f"cannot draw the trace: {error}") from error
