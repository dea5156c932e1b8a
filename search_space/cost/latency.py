"""Latency of a network on one device, measured with fvcore's timer."""

from __future__ import annotations

import platform
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from fvcore.common.timer import Timer
from torch import nn

from search_space.attention import preferred_on, record_calls
from search_space.cost.core_speed import CoreSpeed
from search_space.cost.latency_record import DeviceBusy, Latency, LatencySettings, measurable

CONTENDED_CPU_SHARE = 0.9
"""The least share of the wall time spent computing; below it, something else used the cores."""

LONGEST_ATTEMPT_SECONDS = 60.0
"""The longest time in which enough passes on a CPU must not be slowed."""

PASSES_KEPT = 20
"""Latest passes, for each repeat, among which those that count are looked for."""

CONTENDED_GPU_SPREAD = 0.2
"""The largest interquartile range over the median; above it, something else used the GPU."""

ATTEMPTS = 5

FIRST_PAUSE_SECONDS = 0.5
"""The pause after a disturbed attempt; each further one is twice as long, so that a short
disturbance passes."""


Images = torch.Tensor | list[torch.Tensor]


def measure_latency(
    model: nn.Module,
    input_shape: tuple[int, int, int],
    settings: LatencySettings,
    core: CoreSpeed | None = None,
    *,
    maps: Sequence[tuple[int, int, int]] = (),
) -> Latency:
    """Measure the median time of a forward pass on a device that nothing else uses.

    On a CPU, passes during which something outside slowed the core do not count and are repeated
    (:mod:`search_space.cost.core_speed`).

    Args:
        model: takes ``[batch_size, *input_shape]``, and gives anything; left in evaluation mode on
            the device.
        input_shape: (channels, height, width), pixels.
        settings: device, batch, threads, precision, warm-up and repeats.
        core: the core's speed as known so far; give the same one to measurements in a row.
        maps: shapes like ``input_shape``, of a model that takes a sequence of maps instead.

    Raises:
        ValueError: there is no such device.
        DeviceBusy: something else was running on the device in each of 5 attempts.
    """
    core = core or CoreSpeed()
    hardware = device_name(settings.device)  # first: its error explains a wrong name
    device, dtype = torch.device(settings.device), getattr(torch, settings.dtype)
    model = model.eval().to(device, dtype)
    shapes = [(settings.batch_size, *shape) for shape in maps or (input_shape,)]
    drawn = [torch.randn(*shape).to(device, dtype) for shape in shapes]
    images = drawn if maps else drawn[0]
    threads = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        backend = _backend(model, images)
        for attempt in range(1, ATTEMPTS + 1):
            seconds, busy = (
                _attempt_on_gpu(model, images, settings)
                if device.type == "cuda"
                else _attempt_on_cpu(model, images, settings, core)
            )
            if not busy:
                break
            if attempt == ATTEMPTS:
                raise DeviceBusy(
                    f"latency on {hardware} could not be measured: {busy} in "
                    f"each of {ATTEMPTS} attempts; leave the device idle"
                )
            time.sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
    finally:
        torch.set_num_threads(threads)
    low, median, high = np.percentile(seconds, [25, 50, 75])
    return Latency(
        latency_ms=float(1e3 * median),
        spread_ms=float(1e3 * (high - low)),
        repeats=settings.repeats,
        device=hardware,
        dtype=settings.dtype,
        batch_size=settings.batch_size,
        threads=settings.threads,
        input_shape=input_shape,
        torch_version=torch.__version__,
        backend=backend,
        attention=preferred_on(device.type),
    )


def _backend(model: nn.Module, images: Images) -> str:
    with torch.inference_mode(), record_calls() as calls:
        model(images)
    names = sorted({call.implementation for call in calls})
    return f"eager, attention by {' and '.join(names)}" if names else "eager"


def device_name(device: str) -> str:
    """Return the hardware's own name, such as ``NVIDIA H100 80GB HBM3``.

    Raises:
        ValueError: there is no such device.
    """
    if measurable(device) != "cpu":
        present = torch.cuda.device_count()
        if (torch.device(device).index or 0) >= present:
            raise ValueError(f"device {device!r} is not here: torch sees {present} CUDA devices")
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _attempt_on_cpu(
    model: nn.Module, images: Images, settings: LatencySettings, core: CoreSpeed
) -> tuple[list[float], str]:
    """Return the seconds of the repeats, and the sign that the device was busy ("" for none)."""
    # Seconds of each of the latest passes, with those of the slower probe before or after it.
    passes: deque[tuple[float, float]] = deque(maxlen=PASSES_KEPT * settings.repeats)
    computing = total = 0.0
    with torch.inference_mode():
        for _ in range(settings.warmup):
            model(images)
        timer = Timer()
        before = core.probe()
        while total < LONGEST_ATTEMPT_SECONDS:
            for _ in range(settings.repeats):
                started = time.thread_time()
                timer.reset()
                model(images)
                seconds = timer.seconds()
                computing += time.thread_time() - started
                total += seconds
                after = core.probe()
                passes.append((seconds, max(before, after)))
                before = after
            share = computing / total
            if share < CONTENDED_CPU_SHARE:
                return [], f"the process had the CPU for only {share:.0%} of the time"
            undisturbed = [taken for taken, probe in passes if not core.is_slowed(probe)]
            if len(undisturbed) >= settings.repeats:
                return undisturbed[: settings.repeats], ""
    slowed = 1 - len(undisturbed) / len(passes)
    return [], f"{slowed:.0%} of the passes were slowed from outside of the process"


def _attempt_on_gpu(
    model: nn.Module, images: Images, settings: LatencySettings
) -> tuple[list[float], str]:
    """Return the same; the sign that a GPU was busy is that times vary much."""
    seconds: list[float] = []
    with torch.inference_mode():
        for _ in range(settings.warmup):
            model(images)
        timer = Timer()
        for _ in range(settings.repeats):
            torch.cuda.synchronize(settings.device)
            timer.reset()
            model(images)
            torch.cuda.synchronize(settings.device)
            seconds.append(timer.seconds())
    low, median, high = np.percentile(seconds, [25, 50, 75])
    spread = float((high - low) / median)
    busy = spread > CONTENDED_GPU_SPREAD
    return seconds, f"times varied by {spread:.0%} of their median" if busy else ""
