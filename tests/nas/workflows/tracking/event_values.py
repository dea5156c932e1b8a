"""The scalars in TensorBoard's event files, read without TensorBoard."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event


def events_in(file: Path) -> Iterator[Event]:
    """A record is its length, a checksum, its content and another checksum."""
    content, place = file.read_bytes(), 0
    while place < len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        yield Event.FromString(content[place + 12 : place + 12 + length])
        place += 16 + length


def scalars_in(folder: Path) -> dict[str, dict[int, float]]:
    """Values by name and step."""
    values: dict[str, dict[int, float]] = {}
    for file in sorted(folder.glob("events.*")):
        for event in events_in(file):
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    values.setdefault(value.tag, {})[event.step] = value.simple_value
    return values
