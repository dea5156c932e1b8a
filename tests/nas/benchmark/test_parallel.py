"""Replays in several processes: what is raised when one is killed."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import pytest

from nas.benchmark.parallel import Job, _submit_all
from nas.benchmark.specs import parse_spec


def test_a_process_killed_while_another_is_started_is_a_broken_pool() -> None:
    executor = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))
    executor._call_queue._reader.close()  # as the executor itself does when a process dies
    job = Job(parse_spec("random"), parse_spec("none"), seed=0, budget=1, workers=1)
    with pytest.raises(BrokenProcessPool, match="killed while others were started"):
        _submit_all(executor, [job])
    executor.shutdown(cancel_futures=True)
