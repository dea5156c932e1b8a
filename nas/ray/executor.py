"""The executor on Ray Tune: a search's jobs are Tune's trials, on reused actors."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from ray import tune

from nas.config.sections import ResourceSettings
from nas.evaluation.assignment import Assignment
from nas.ray.checkpoint_exchange import ClusterExchange
from nas.ray.cluster.connection import Cluster, ClusterLost
from nas.ray.cluster.nodes import nodes_near_data, nodes_with_a_slot, smallest_gpu_memory_mb
from nas.ray.cluster.shortage import pending_reservations, reservation_name, search_shortage
from nas.ray.cluster.signals import noted
from nas.ray.meter import measure_on_cluster
from nas.ray.placement import NearNodes, Placement, peak_memory_of
from nas.ray.recovery.tune_runs import Recovery
from nas.ray.schedulers import SearchScheduler
from nas.ray.searcher import SearchJobs
from nas.ray.temporary import temporary_folder
from nas.ray.trainable import TrainingTrainable
from nas.ray.worker_watch import WorkerWatch
from nas.search.loop import Search

CLEANUP_SECONDS = "5"
"""Tune, when it ends for an error, waits so long for its other workers before it kills them."""


def run_search(
    search: Search,
    assignment: Assignment,
    resources: ResourceSettings,
    *,
    cluster: Cluster,
    concurrency: int,
    on_change: Callable[[], None],
    name: str = "",
    trainable: type[TrainingTrainable] = TrainingTrainable,
) -> None:
    """Run all of a search's jobs on Ray, whatever dies meanwhile.

    A job whose worker is lost runs again. If Ray Tune ends for an error of Ray, or the cluster is
    lost, all jobs that ran begin again: see :mod:`nas.ray.recovery.tune_runs`. If latency
    counts, batches of proposals are measured between trainings, while the devices are idle.

    Args:
        search: the source of jobs.
        assignment: data, task and recipe, which all jobs share.
        resources: CPUs and GPUs of one job.
        cluster: the connection to Ray.
        concurrency: jobs at the same time.
        on_change: called when there may be something new to show.
        name: the run's, by which other users of the cluster know what it reserves.
        trainable: runs a job on its worker.

    Raises:
        ClusterError: what the cluster lacks does not come back within ``search.patience_minutes``,
            or workers are lost one after another.
        NothingFits, TooManyFailures: see :meth:`nas.search.loop.Search.next_job`.
        KeyboardInterrupt: on Ctrl-C; all finished jobs are in the ledger.
    """
    _quieten_tune()
    recovery = Recovery(search, cluster, concurrency)
    reserved = reservation_name(name, secrets.token_hex(4))
    with ExitStack() as stack:
        # Tune's files and the states of paused trainings, on the driver; not the run's folder.
        temporary = stack.enter_context(temporary_folder())
        states = None
        if search.problem.pauses:
            states = temporary / "states"
            states.mkdir()
        exchange = None if states is None else ClusterExchange(states)
        stack.enter_context(search.time.session(concurrency))
        try:
            while not search.finished:
                try:
                    if search.needs_metering:
                        meter = partial(
                            measure_on_cluster,
                            task=assignment.task,
                            settings=search.problem.latency,
                            device=resources.device,
                            waiting=search.waiting,
                            patience_seconds=search.problem.search.patience_seconds,
                            check=cluster.check,
                        )
                        search.meter_proposals(meter)
                        on_change()
                        continue
                    prepared = assignment.with_images()
                    placement = _placement(prepared, resources, reserved)
                    searcher = SearchJobs(
                        search,
                        recovery.most_running,
                        partial(nodes_with_a_slot, resources),
                        on_change,
                        recovery.note_end,
                        exchange,
                        placement.nodes_for,
                    )
                    with recovery.watching(searcher):
                        _run_tune(
                            searcher,
                            prepared,
                            placement,
                            cluster,
                            concurrency,
                            trainable,
                            temporary,
                        )
                    if searcher.error is not None:
                        raise searcher.error
                except ClusterLost as lost:
                    recovery.reconnect(str(lost))
                    exchange = None if states is None else ClusterExchange(states)
        finally:
            search.queued, search.waiting.beside = 0, ""
            if exchange is not None and not cluster.is_lost:
                exchange.close()


def _run_tune(
    searcher: SearchJobs,
    assignment: Assignment,
    placement: Placement,
    cluster: Cluster,
    concurrency: int,
    trainable: type[TrainingTrainable],
    temporary: Path,
) -> None:
    """Run Tune once, until the search has no more jobs or needs its proposals measured."""
    prepared = tune.with_resources(
        tune.with_parameters(trainable, assignment=assignment, exchange=searcher.exchange),
        placement.factory,
    )
    with TemporaryDirectory(dir=temporary, ignore_cleanup_errors=True) as folder:
        tuner = tune.Tuner(
            prepared,
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=SearchScheduler(searcher),
                num_samples=-1,
                max_concurrent_trials=concurrency,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=folder,
                verbose=0,
                callbacks=[
                    WorkerWatch(
                        searcher,
                        cluster.check,
                        partial(pending_reservations, placement.name),
                        partial(search_shortage, placement.name, placement.resources),
                    )
                ],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=0),  # the search decides
            ),
        )
        with _stopped_by_signals(searcher):
            tuner.fit()


def _placement(
    assignment: Assignment,
    resources: ResourceSettings,
    name: str,
) -> Placement:
    """Return what the jobs of a run of Tune reserve, and where, as the cluster is now."""
    memory_mb = smallest_gpu_memory_mb(resources) if resources.shares_gpus else None
    near = nodes_near_data(resources, assignment.read_by_workers)
    return Placement(
        resources,
        name,
        near=NearNodes(near, resources),
        gpu_memory_mb=memory_mb,
        peak_memory_mb=None if memory_mb is None else peak_memory_of(assignment),
    )


@contextmanager
def _stopped_by_signals(searcher: SearchJobs) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP end the Tune run, even if Ray swallows the exception.

    In that case no further trial starts, and the interruption is raised when the running ones end.
    """

    def note() -> None:
        searcher.error = KeyboardInterrupt()

    with noted(note):
        yield


def _quieten_tune() -> None:
    """Turn off Tune's result files, signal handler and log: the ledger and the display serve."""
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
    os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "3600")
    os.environ.setdefault("TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S", "0")
    os.environ.setdefault("TUNE_FORCE_TRIAL_CLEANUP_S", CLEANUP_SECONDS)
    # Else Tune starts a trial whose node is preempted again by itself, and does not say so.
    os.environ.setdefault("RAY_TRAIN_COUNT_PREEMPTION_AS_FAILURE", "1")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    for name in ("ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # tracebacks of lost workers
