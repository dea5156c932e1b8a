"""The latency cache: a run's measured latencies in a file, so that nothing is measured twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch

from nas.errors import RunError
from nas.latency.measurements import differing
from nas.storage.run.journal import append_line, whole_lines
from search_space.architecture import Architecture, Task
from search_space.attention import preferred_on
from search_space.cost.latency_record import Latency, LatencyContext, LatencySettings
from search_space.json_reading import parse_json


class LatencyCache:
    """Measurements of one run, by architecture, input, settings, torch version and kernels.

    All are of one kind of device: latencies of different devices do not compare.

    Args:
        path: the file of the measurements.
        task: of the images.
        settings: how latency is measured.
        compared: the contexts of other latencies that these will be compared with, such as a
            run's trained candidates and its latency table, by their source's name.

    Raises:
        RunError: the file is damaged; an incomplete last line is only removed.
    """

    def __init__(
        self,
        path: Path,
        task: Task,
        settings: LatencySettings,
        compared: Mapping[str, LatencyContext] | None = None,
    ) -> None:
        self._path = path
        self._compared = dict(compared or {})
        measured = settings.model_dump(include=set(LatencySettings.model_fields))
        self._context = {
            "input_shape": list(task.input_shape),
            "settings": measured,
            "torch": torch.__version__,
            "attention": preferred_on(torch.device(settings.device).type),
        }
        self._known: dict[str, Latency] = {}
        for number, line in enumerate(whole_lines(path), start=1):
            self._read(line, number)

    def get(self, architecture: Architecture) -> Latency | None:
        """Return the measurement of ``architecture``; None if there is none."""
        return self._known.get(architecture.arch_id)

    def put(self, architecture: Architecture, latency: Latency) -> None:
        """Add a measurement.

        Raises:
            RunError: it does not compare with the cached ones or with ``compared``, or the file
                cannot be written.
        """
        known = {str(self._path): other.context for other in self._known.values()}
        for place, context in (known | self._compared).items():
            if context != latency.context:
                raise RunError(f"{place}: {differing(context, latency.context)}")
        self._known[architecture.arch_id] = latency
        record = self._context | {
            "arch_id": architecture.arch_id,
            "latency": latency.model_dump(mode="json"),
        }
        append_line(self._path, record)

    def _read(self, line: bytes, number: int) -> None:
        try:
            record = parse_json(line)
            latency = Latency.model_validate_json(json.dumps(record["latency"]))
            arch_id = record["arch_id"]
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{self._path}, line {number}: not a latency record") from error
        if {name: record.get(name) for name in self._context} == self._context:
            self._known[arch_id] = latency
