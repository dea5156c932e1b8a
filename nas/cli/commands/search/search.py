"""``nas search``: run the search of a configuration, and show its front."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from nas.cli.commands.search.announcement import announce, said_forecast
from nas.cli.commands.search.front_report import report_search
from nas.cli.commands.search.resumed_run import (
    check_same_search,
    check_same_task,
    named_run,
)
from nas.cli.commands.search.search_resume import (
    WaitingNote,
    report_ending,
    resume_command,
    resuming_arguments,
    saying_how_to_go_on,
    saying_how_to_show,
)
from nas.cli.device_time import device_time_json, show_device_time
from nas.cli.output import Output
from nas.cli.progress import ProgressDisplay
from nas.config.files import load_config
from nas.config.search_config import SearchConfig
from nas.config.trust import list_run
from nas.costs.latency_prediction import read_table
from nas.costs.static_costs import StaticCosts
from nas.errors import CommandError, RunError
from nas.latency.cache import LatencyCache
from nas.latency.measurements import check_comparable, first_latencies, measure_front_again
from nas.ray.cluster.connection import Cluster, connected
from nas.ray.cluster.nodes import check_data, trials_at_once
from nas.ray.executor import run_search
from nas.ray.meter import check_meter, measure_on_cluster
from nas.samplers.trials import WarmStart
from nas.search.loop import Search
from nas.search.problem import SearchProblem, costs_of, space_of
from nas.search.waiting import Waiting
from nas.search.warm_start import collect_warm_start, keep_warm_start, warm_start_of
from nas.storage.device_time import device_time
from nas.storage.driver_ledger import on_driver
from nas.storage.ledger import Ledger, check_free
from nas.storage.networks.checkpoints import PausedStates
from nas.storage.run.data_file import check_same_images
from nas.storage.run.ending import Ending
from nas.storage.run.folder import RunFolder
from nas.storage.run.names import check_new
from nas.storage.run.state import RunState
from nas.storage.stored_run import describe_run
from nas.workflows.checks import checked_problem, load_data, proxy_assignment
from nas.workflows.tracking.follower import Follower
from nas.workflows.tracking.tracker import Tracker, make_trackers, tracker_kinds
from search_space.architecture import Task

log = logging.getLogger(__name__)


def run_search_command(
    output: Output,
    config_file: Path,
    overrides: Sequence[str],
    runs: Path,
    *,
    resume: bool,
    again: bool,
    resume_or_start: bool = False,
    allow_changed_data: bool = False,
    trust: bool = False,
) -> None:
    """Start or resume a run until its search is finished, and show the front.

    Raises:
        CommandError, ConfigError, DataError, NothingFits, RunError, ClusterError,
        TooManyFailures, TrustError: see :mod:`nas.errors`.
        KeyboardInterrupt: on Ctrl-C, after printing how to continue.
    """
    if resume + again + resume_or_start > 1:
        raise CommandError("--resume, --again and --resume-or-start exclude each other")
    config, resume = named_run(
        load_config(config_file, overrides),
        runs,
        resume=resume,
        again=again,
        resume_or_start=resume_or_start,
    )
    if resume:
        run = RunFolder.find(config.name, runs, trust=trust)
        check_same_search(run, config)
    else:
        check_new(runs, config.name)  # before anything that takes time
        check_free(config, runs)
    data = load_data(config)
    output.say(str(data))
    for warning in data.warnings:
        log.warning(warning)
    costs = costs_of(config, space_of(config), data.task)
    problem = checked_problem(config, costs)
    if resume:
        check_same_task(run, data.task)
    else:
        warm_start = collect_warm_start(
            config, data.task, problem, runs, fingerprint=data.fingerprint, trust=trust
        )
    kinds = tracker_kinds(config.tracking)
    waiting = Waiting()
    where = "here" if config.ray.address is None else f"at {config.ray.address}"
    output.say(f"starting workers on Ray {where}")
    with connected(config.ray, config.modules, sys.argv[1:]) as cluster:
        concurrency = _checked_concurrency(config, data.task)
        if not resume:
            run = RunFolder.create(runs, config)
        with run.driving(), on_driver(config, run):
            check_same_images(run, data.fingerprint, allow_changed=allow_changed_data)
            if resume:
                ledger = Ledger.resume(config, run, waiting)
                run.save_config(config)
                warm_start = warm_start_of(
                    run, config, data.task, problem, runs, fingerprint=data.fingerprint, trust=trust
                )
            else:
                ledger = begin_ledger(run, config, warm_start, waiting)
            ended_before = run.state().ended
            _mark_as_begun(run, ledger, config, data.task)
            announce(output, config, problem, run, resumed=resume)
            cluster.continuing = resuming_arguments(
                config_file,
                overrides,
                config,
                runs,
                allow_changed_data=allow_changed_data,
                trust=trust,
            )
            trackers = make_trackers(kinds, run.path)
            how_to_go_on = resume_command(config_file, overrides, config, runs)
            with saying_how_to_go_on(output, config, ledger, how_to_go_on):
                search = _search(
                    output,
                    config,
                    problem,
                    run,
                    ledger,
                    costs,
                    cluster,
                    concurrency,
                    warm_start,
                    waiting,
                    trackers,
                )
            ending = ended_before if search.trains_only_asked else search.ending
            _mark_as_finished(run, ledger, config, data.task, search.trials.trained, ending)
            _report(output, run, config, ledger)
            report_ending(output, search.ending, config_file, overrides, config, runs)


def _report(output: Output, run: RunFolder, config: SearchConfig, ledger: Ledger) -> None:
    """Print the front, and where the time of the workers went."""
    with saying_how_to_show(output, run):
        report_search(output, run, config, ledger)
    rows = [*ledger.evaluations("search"), *ledger.evaluations("repeats")]
    output.say(f"device-hours: {sum(row.spent_seconds for row in rows) / 3600:.3f}")
    spent = device_time(rows, ledger.sessions(), is_driven=False)
    show_device_time(output, device_time_json(spent))


def _checked_concurrency(config: SearchConfig, task: Task) -> int:
    """Return how many trials run at a time, after checks of the cluster's nodes.

    Raises:
        ClusterError: no node has the device, or holds a trial, or can measure latency; or some
            lack the data that their workers would read.
    """
    slots = trials_at_once(config.resources)
    if config.uses_latency:
        check_meter(config.latency, config.resources.device)
    if config.ray.address is not None:
        path = proxy_assignment(config, task).with_images().read_by_workers
        if path is not None:
            check_data(config.resources.device, path)
    return min(config.search.concurrency or slots, slots)


def _mark_as_begun(run: RunFolder, ledger: Ledger, config: SearchConfig, task: Task) -> None:
    """Write that a run's search is under way, where commands and other runs look for it."""
    list_run(run.config_file)
    run.write_json(run.task_file.name, task.model_dump(mode="json"))
    state = RunState()
    run.write_state(state)
    run.point_latest_here()
    describe_run(ledger, config, task, state)


def _mark_as_finished(
    run: RunFolder,
    ledger: Ledger,
    config: SearchConfig,
    task: Task,
    trained: int,
    ending: Ending | None,
) -> None:
    """Write that a run's search has ended, and why if it ended before all was done."""
    state = RunState(finished=True, trained=trained, ended=ending)
    run.write_state(state)
    describe_run(ledger, config, task, state)


def begin_ledger(
    run: RunFolder, config: SearchConfig, warm_start: WarmStart, waiting: Waiting | None = None
) -> Ledger:
    """Make a new run's ledger; if it cannot be made, remove the folder, so that the name is free.

    Raises:
        RunError: the storage cannot be reached, or holds a run of this name.
    """
    try:
        keep_warm_start(run, warm_start)
        return Ledger.create(config, run, waiting)
    except RunError:
        run.remove()
        raise


def _search(
    output: Output,
    config: SearchConfig,
    problem: SearchProblem,
    run: RunFolder,
    ledger: Ledger,
    costs: StaticCosts,
    cluster: Cluster,
    concurrency: int,
    warm_start: WarmStart,
    waiting: Waiting,
    trackers: Mapping[str, Tracker],
) -> Search:
    task = costs.task
    search = Search(
        problem,
        ledger,
        latencies=_latencies(config, run, ledger, task) if config.uses_latency else None,
        warm_start=warm_start,
        states=PausedStates(run.paused_folder),
        waiting=waiting,
        concurrency=concurrency,
        forecast=said_forecast(output, config, ledger, costs, concurrency),
    )
    note = WaitingNote(run, waiting)
    follower = Follower(ledger, trackers)
    with ProgressDisplay(output, search.status) as display, follower:

        def show() -> None:
            display.update()
            note.update()
            follower.update()

        with waiting.shown_by(show), note:
            run_search(
                search,
                proxy_assignment(config, task),
                config.resources,
                cluster=cluster,
                concurrency=concurrency,
                on_change=show,
                name=run.name,
            )
    if config.uses_latency:
        with search.time.session(concurrency):
            _measure_front_again(output, config, ledger, task, cluster, search)
    return search


def _latencies(config: SearchConfig, run: RunFolder, ledger: Ledger, task: Task) -> LatencyCache:
    """Return the run's latency cache; raise if it does not compare with earlier measurements."""
    first = list(first_latencies(ledger).values())
    check_comparable(first, ledger.place)
    compared = {ledger.place: first[0].context} if first else {}
    if config.latency.table is not None:
        compared[config.latency.table] = read_table(Path(config.latency.table)).context
    return LatencyCache(run.latency_file, task, config.latency, compared)


def _measure_front_again(
    output: Output,
    config: SearchConfig,
    ledger: Ledger,
    task: Task,
    cluster: Cluster,
    search: Search,
) -> None:
    """Measure the latency of the front's members again, and print where it differs."""

    def announce(number: int) -> None:
        output.say(f"measuring the latency of {number} members of the front a second time")

    meter = partial(
        measure_on_cluster,
        task=task,
        settings=config.latency,
        device=config.resources.device,
        waiting=search.waiting,
        patience_seconds=config.search.patience_seconds,
        check=cluster.check,
    )
    disagreements = measure_front_again(config, ledger, search.time.timed(meter), announce)
    for each in disagreements:
        output.say(
            f"latency of {each.arch_id}: {each.first_ms:.4g} ms before training, "
            f"{each.again_ms:.4g} ms now, {each.share:.0%} apart; the front is chosen by their "
            "mean, and shows the second"
        )
