"""Times of several steps, taken in turn in one process: what disturbs one disturbs them all."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

Step = Callable[[], Any]
Name = TypeVar("Name", bound=Hashable)

FEWEST_ROUNDS = 3
FLUSHED_BYTES = 2**28
"""Written before each timed step on a GPU: more than its cache, so that a step reads its memory."""


class Effort(NamedTuple):
    """The length of a measurement: rounds until ``seconds`` have passed, at most ``rounds``."""

    seconds: float
    rounds: int


class Timing(NamedTuple):
    """The times of one step."""

    median_ms: float
    spread_ms: float  # interquartile range
    repeats: int


def time_interleaved(
    steps: Mapping[Name, Step], effort: Effort, device: torch.device
) -> dict[Name, Timing]:
    """Median and spread of every step, one of each in every round.

    On a GPU it is the device's time, by events; wrap the steps by :func:`without_launching` first
    where Python's launching is not to count.
    """
    clock = _Gpu(device) if device.type == "cuda" else _seconds_on_cpu
    for step in steps.values():
        step()
    seconds: dict[Name, list[float]] = {name: [] for name in steps}
    started, rounds = time.perf_counter(), 0
    gc.collect()
    gc.disable()  # so that no step pays for the others
    try:
        while rounds < FEWEST_ROUNDS or (
            rounds < effort.rounds and time.perf_counter() - started < effort.seconds
        ):
            for name, step in steps.items():
                seconds[name].append(clock(step))
            rounds += 1
    finally:
        gc.enable()
    return {name: _timing(each) for name, each in seconds.items()}


def without_launching(step: Step, pool: Any) -> Step:
    """The same work on the GPU as one CUDA graph, which is launched at once.

    Args:
        step: makes all its tensors anew and leaves nothing behind.
        pool: of ``torch.cuda.graph_pool_handle()``, shared by graphs of which none reads what
            another wrote.

    Raises:
        RuntimeError: the step cannot be captured, for instance since it waits for the device.
    """
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool):
        step()
    return graph.replay


def _timing(seconds: list[float]) -> Timing:
    low, median, high = np.percentile(np.array(seconds) * 1e3, [25, 50, 75])
    return Timing(float(median), float(high - low), len(seconds))


def _seconds_on_cpu(step: Step) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


class _Gpu:
    """A clock of the device's own time."""

    def __init__(self, device: torch.device) -> None:
        self.flushed = torch.empty(FLUSHED_BYTES, dtype=torch.uint8, device=device)
        self.events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]

    def __call__(self, step: Step) -> float:
        self.flushed.zero_()  # and while this runs, the step's launches are queued
        self.events[0].record()
        step()
        self.events[1].record()
        self.events[1].synchronize()
        return self.events[0].elapsed_time(self.events[1]) / 1e3
