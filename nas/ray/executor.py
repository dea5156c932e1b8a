"""The executor on Ray Tune: a search's jobs are Tune's trials, on reused actors."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ray import tune

from nas.config.sections import ResourceSettings
from nas.evaluation.assignment import Assignment
from nas.ray.checkpoint_exchange import ClusterExchange
from nas.ray.meter import measure_on_cluster
from nas.ray.schedulers import SearchScheduler
from nas.ray.searcher import SearchJobs
from nas.ray.trainable import TrainingTrainable
from nas.search.loop import Search

log = logging.getLogger(__name__)

WORKER_RETRIES = 1
"""Times that a trial is started again after its worker died."""


def run_search(
    search: Search,
    assignment: Assignment,
    resources: ResourceSettings,
    *,
    concurrency: int,
    on_change: Callable[[], None],
    trainable: type[TrainingTrainable] = TrainingTrainable,
) -> None:
    """Run all of a search's jobs; Ray must be connected.

    If latency counts, batches of proposals are measured between trainings, while the devices are
    idle.

    Args:
        search: the source of jobs.
        assignment: data, task and recipe, which all jobs share.
        resources: CPUs and GPUs of one job.
        concurrency: jobs at the same time.
        on_change: called when there may be something new to show.
        trainable: runs a job on its worker.

    Raises:
        NothingFits, TooManyFailures: see :meth:`nas.search.loop.Search.next_job`.
        KeyboardInterrupt: on Ctrl-C; all finished jobs are in the ledger.
    """
    _quieten_tune()
    exchange = ClusterExchange() if search.problem.pauses else None
    try:
        while not search.finished:
            if search.needs_metering:
                search.meter_proposals(
                    lambda batch: measure_on_cluster(batch, assignment.task, search.problem.latency)
                )
                on_change()
                continue
            searcher = SearchJobs(search, on_change, exchange)
            _run_jobs(searcher, assignment, resources, concurrency, trainable)
        if search.ended_early:
            log.warning("%s; the search ended with fewer trials than asked", search.ended_early)
    finally:
        if exchange is not None:
            exchange.close()


def _run_jobs(
    searcher: SearchJobs,
    assignment: Assignment,
    resources: ResourceSettings,
    concurrency: int,
    trainable: type[TrainingTrainable],
) -> None:
    """Run Tune once, until the search has no more jobs or needs its proposals measured."""
    prepared = tune.with_resources(
        tune.with_parameters(trainable, assignment=assignment, exchange=searcher.exchange),
        {"cpu": resources.cpus_per_trial, "gpu": resources.gpus_per_trial},
    )
    # Tune's own files (not the run's) are on the driver, and are deleted after Tune's run.
    with tempfile.TemporaryDirectory(prefix="convattn-tune-") as folder:
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
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=WORKER_RETRIES),
            ),
        )
        with _stopped_by_signals(searcher):
            tuner.fit()
    if searcher.error is not None:
        raise searcher.error


@contextmanager
def _stopped_by_signals(searcher: SearchJobs) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the Tune run, even if Ray swallows the exception.

    In that case no further trial starts, and the interruption is raised when the running ones end.
    """

    def stop(number: int, frame: object) -> None:
        searcher.error = KeyboardInterrupt()
        raise searcher.error

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _quieten_tune() -> None:
    """Turn off Tune's result files, signal handler and log: the ledger and the display serve."""
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
    os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "3600")
    os.environ.setdefault("TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S", "0")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    for name in ("ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.ERROR)
