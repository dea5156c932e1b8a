"""Many replays at once, in processes of one thread each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import NamedTuple

import optuna
import torch

from nas.benchmark.noise import Noise, single_trainings
from nas.benchmark.replay import replay
from nas.benchmark.results import Result
from nas.benchmark.specs import Spec, build_schedule, sampler_of
from nas.benchmark.table import BenchmarkTable

REFRESH_SECONDS = 0.5


class Job(NamedTuple):
    """One replay to do."""

    sampler: Spec
    scheduler: Spec
    seed: int
    budget: int
    workers: int
    noise: Noise | None = None  # None: each training gives its architecture's mean


def replay_all(
    table: BenchmarkTable,
    jobs: Sequence[Job],
    *,
    processes: int,
    ended: list[Result],
    on_change: Callable[[], None],
) -> None:
    """Do all jobs; the number of processes does not change the results.

    The processes are spawned with one thread each, so that they do not compete for processors. One
    is this process.

    Args:
        table: sent to each process once.
        jobs: what to replay.
        processes: replays at the same time.
        ended: each result is added to it at once, so that the caller has them after an error too.
        on_change: called several times a second.

    Raises:
        BrokenProcessPool: a process was killed, for example because memory ran out.
    """
    if min(processes, len(jobs)) == 1:
        _replay_here(table, jobs, ended, on_change)
        return
    executor = ProcessPoolExecutor(
        min(processes, len(jobs)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(table,),
    )
    try:
        with _inherited_by_children():  # submitting starts them
            futures = _submit_all(executor, jobs)
        waiting = set(futures)
        while waiting:
            on_change()
            done, waiting = wait(waiting, REFRESH_SECONDS, FIRST_COMPLETED)
            ended += [future.result() for future in done if future.exception() is None]
            for future in done:
                future.result()  # an error ends all at once
        on_change()
    except BaseException:
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _replay_here(
    table: BenchmarkTable,
    jobs: Sequence[Job],
    ended: list[Result],
    on_change: Callable[[], None],
) -> None:
    """Do all jobs in this process, on one thread, one after another."""
    threads, verbosity = torch.get_num_threads(), optuna.logging.get_verbosity()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        for job in jobs:
            on_change()
            ended.append(_replayed(table, job))
        on_change()
    finally:
        torch.set_num_threads(threads)
        optuna.logging.set_verbosity(verbosity)


def _submit_all(executor: ProcessPoolExecutor, jobs: Sequence[Job]) -> list[Future[Result]]:
    """Submit all jobs, which starts the processes.

    Raises:
        BrokenProcessPool: a process was killed while another one was started.
    """
    try:
        return [executor.submit(_do, job) for job in jobs]
    except OSError as error:
        if error.errno is not None:  # the system's
            raise
        # The executor has closed the pipe that the new process was to read.
        raise BrokenProcessPool("a process was killed while others were started") from error


@contextmanager
def _inherited_by_children() -> Iterator[None]:
    """Let child processes start with one thread and Ctrl-C blocked: the parent ends them."""
    threads = os.environ.get("OMP_NUM_THREADS")
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if threads is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = threads
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)  # a pending Ctrl-C is delivered now


_table: BenchmarkTable


def _begin(table: BenchmarkTable) -> None:
    global _table  # noqa: PLW0603 - a process's own, set once
    _table = table
    threading.Thread(target=_end_with_parent, daemon=True).start()
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _end_with_parent() -> None:
    """End this process with its parent, which cannot do so itself when it is killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _do(job: Job) -> Result:
    return _replayed(_table, job)


def _replayed(table: BenchmarkTable, job: Job) -> Result:
    seen = table if job.noise is None else single_trainings(table, job.noise, job.seed)
    done = replay(
        seen,
        sampler_of(job.sampler, table, seed=job.seed),
        budget=job.budget,
        workers=job.workers,
        schedule=build_schedule(job.scheduler, table),
    )
    return Result(job.sampler.text, job.scheduler.text, job.seed, done)
