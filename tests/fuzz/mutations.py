"""Seeded mutations of files: of their bytes, and of the values in them."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

PIECES = [b"&a ", b"*a", b"[", b"]", b"{", b"}", b"<<: ", b"!!int ", b'"\\ud800"', b"\n", b"- "]
PIECES += [b"? ", b": ", b"'", b'"', b",", b"#", b"\t", b"\0", b"\xff", b"9" * 30, b"${a}", b"NaN"]

VALUES: list[Any] = [None, True, False, 0, 1, -1, 3, 10**7, 2**63, -(2**63), 0.5, -0.0, 1e308]
VALUES += [float("nan"), float("inf"), "", "x", "conv", "5e-4", "010", "x" * 300, "\ud800", "a\0b"]
VALUES += [[], {}, [[]], {"": {}}, [1, 2, 3], {"type": "conv"}, "json:loads", "${oc.env:HOME}"]


def mutated_bytes(rng: random.Random, content: bytes) -> bytes:
    """One to three changes: a byte, a cut, a repetition, or a piece of syntax."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(changed) + 1)
        end = start + rng.randint(1, 20)
        match rng.randrange(5):
            case 0:
                changed[start : start + 1] = bytes([rng.randrange(256)])
            case 1:
                del changed[start:end]
            case 2:
                changed[start:start] = changed[start:end]
            case 3:
                changed[start:start] = rng.choice(PIECES)
            case 4 if rng.random() < 0.2:
                del changed[start:]
    return bytes(changed)


def mutated_data(rng: random.Random, data: Any) -> Any:
    """One to three values replaced, left out, or exchanged with another of the same data."""
    data = {"root": copy.deepcopy(data)}
    for _ in range(rng.randint(1, 3)):
        places = list(_places(data))
        holder, key = rng.choice(places)
        match rng.randrange(4):
            case 0 if holder is not data:
                del holder[key]
            case 1:
                other, there = rng.choice(places)
                holder[key] = copy.deepcopy(other[there])
            case _:
                holder[key] = copy.deepcopy(rng.choice(VALUES))
    return data["root"]


def mutated_json(rng: random.Random, content: bytes) -> bytes:
    """A JSON text with other values, or other bytes."""
    if rng.random() < 0.3:
        return mutated_bytes(rng, content)
    return json.dumps(mutated_data(rng, json.loads(content))).encode()


def _places(data: Any) -> Any:
    keys = data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    for key in keys:
        yield data, key
        yield from _places(data[key])
