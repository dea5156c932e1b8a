"""The settings of a latency measurement, and its record: plain values, without PyTorch."""

from __future__ import annotations

import re
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from search_space.values import Value


def measurable(device: str) -> str:
    """Return the name of a device on which latency can be measured.

    Raises:
        ValueError: it is another one.
    """
    if not re.fullmatch(r"cpu|cuda(:[0-9]+)?", device):
        raise ValueError(f"latency is measured on cpu, cuda or such as cuda:1, got {device!r}")
    return device


Device = Annotated[str, AfterValidator(measurable)]


class LatencySettings(Value):
    """Settings of a measurement: one forward pass of a batch, in evaluation mode."""

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
    """The conditions that two latencies must share to be compared."""

    device: str  # the hardware's own name
    dtype: str
    batch_size: int
    threads: int
    input_shape: tuple[int, int, int]
    torch_version: str
    attention: str | None


class Latency(Value):
    """A measurement and its conditions; records of different devices cannot be compared."""

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
    backend: str  # kernels that ran, such as "eager" or "eager, attention by cpp"
    attention: str | None = None  # the implementation that the process prefers

    @property
    def context(self) -> LatencyContext:
        """The conditions under which another latency may be compared with it."""
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
    """Something else used the device during every attempt to measure."""
