"""How long a network takes on one device, measured with fvcore's timer."""

from __future__ import annotations

import platform
import re
import time
from collections import deque
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
from fvcore.common.timer import Timer
from pydantic import AfterValidator, Field
from torch import nn

from search_space.attention import preferred_on, record_calls
from search_space.cost.core_speed import CoreSpeed
from search_space.values import Value

CONTENDED_CPU_SHARE = 0.9
"""Below this share of the wall time spent computing, something else was using the cores."""

LONGEST_ATTEMPT_SECONDS = 60.0
"""On a CPU, passes are timed until enough were not slowed, but no longer than this."""

PASSES_KEPT = 20
"""For each repeat, so many of the latest passes are looked through for those that count."""

CONTENDED_GPU_SPREAD = 0.2
"""Above this interquartile range, as a share of the median, something else was using the GPU."""

ATTEMPTS = 5

FIRST_PAUSE_SECONDS = 0.5
"""After a disturbed attempt; each further pause is twice as long, so that a short burst of
something else passes."""


def _measurable(device: str) -> str:
    if not re.fullmatch(r"cpu|cuda(:[0-9]+)?", device):
        raise ValueError(f"latency is measured on cpu, cuda or such as cuda:1, got {device!r}")
    return device


Device = Annotated[str, AfterValidator(_measurable)]


class LatencySettings(Value):
    """How to measure: one forward pass of a batch, in evaluation mode."""

    device: Device = "cpu"
    """`cpu`, `cuda`, or `cuda:1` for the second GPU."""
    batch_size: int = Field(default=1, ge=1)
    """Images in the batch that is timed. Unit: images."""
    threads: int = Field(default=1, ge=1)
    """CPU threads of a pass. Unit: threads."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number type of weights and images."""
    warmup: int = Field(default=5, ge=0)
    """Passes before timing starts. Unit: passes."""
    repeats: int = Field(default=30, ge=3)
    """Passes that are timed. Unit: passes."""


class LatencyContext(NamedTuple):
    """What two latencies must have alike to be compared."""

    device: str  # the hardware's own name
    dtype: str
    batch_size: int
    threads: int
    input_shape: tuple[int, int, int]
    torch_version: str
    attention: str | None


class Latency(Value):
    """A measurement and all that it depends on; records of different devices do not compare."""

    latency_ms: float = Field(gt=0, allow_inf_nan=False)  # median of the repeats that count, for
    # the whole batch
    spread_ms: float  # interquartile range
    repeats: int
    device: str  # the hardware's own name
    dtype: str
    batch_size: int
    threads: int
    input_shape: tuple[int, int, int]
    torch_version: str
    backend: str  # which kernels ran, such as "eager" or "eager, attention by cpp"
    attention: str | None = None  # which the process prefers, whatever this network has

    @property
    def context(self) -> LatencyContext:
        """With what it may be compared."""
        return LatencyContext(
            self.device,
            self.dtype,
            self.batch_size,
            self.threads,
            self.input_shape,
            self.torch_version,
            self.attention,
        )


class DeviceBusy(RuntimeError):
    """The device was used by something else during every attempt to measure."""


def measure_latency(
    model: nn.Module,
    input_shape: tuple[int, int, int],
    settings: LatencySettings,
    core: CoreSpeed | None = None,
) -> Latency:
    """The median time of a forward pass, with the device to itself.

    On a CPU, passes during which the core was slowed from outside do not count, and are repeated
    (:mod:`search_space.cost.core_speed`).

    Args:
        model: maps ``[batch_size, *input_shape]`` to anything; left in evaluation mode on the
            device.
        input_shape: (channels, height, width), pixels.
        settings: device, batch, threads, precision, warm-up and repeats.
        core: what is known of the core's speed; give the same one to measurements in a row.

    Raises:
        ValueError: there is no such device.
        DeviceBusy: in each of 5 attempts something else was running on the device, so that no
            honest figure can be given.
    """
    core = core or CoreSpeed()
    hardware = device_name(settings.device)  # first: it says what is wrong with the name
    device, dtype = torch.device(settings.device), getattr(torch, settings.dtype)
    model = model.eval().to(device, dtype)
    images = torch.randn(settings.batch_size, *input_shape).to(device, dtype)
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


def _backend(model: nn.Module, images: torch.Tensor) -> str:
    with torch.inference_mode(), record_calls() as calls:
        model(images)
    names = sorted({call.implementation for call in calls})
    return f"eager, attention by {' and '.join(names)}" if names else "eager"


def device_name(device: str) -> str:
    """The hardware's own name, such as ``NVIDIA H100 80GB HBM3``.

    Raises:
        ValueError: there is no such device.
    """
    if _measurable(device) != "cpu":
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
    model: nn.Module, images: torch.Tensor, settings: LatencySettings, core: CoreSpeed
) -> tuple[list[float], str]:
    """The seconds of the repeats, and by what sign the device was busy ("" if it was not)."""
    # Seconds of the latest passes, each with those of the slower probe beside it.
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
    model: nn.Module, images: torch.Tensor, settings: LatencySettings
) -> tuple[list[float], str]:
    """Likewise, where times that vary much are the sign."""
    seconds: list[float] = []
    with torch.inference_mode():
        for _ in range(settings.warmup):
            model(images)
        timer = Timer()
        for _ in range(settings.repeats):
            torch.cuda.synchronize(images.device)
            timer.reset()
            model(images)
            torch.cuda.synchronize(images.device)
            seconds.append(timer.seconds())
    low, median, high = np.percentile(seconds, [25, 50, 75])
    spread = float((high - low) / median)
    busy = spread > CONTENDED_GPU_SPREAD
    return seconds, f"times varied by {spread:.0%} of their median" if busy else ""
