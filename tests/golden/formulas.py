"""Results of invented trainings: exact whole numbers from a hash of the architecture.

``text`` is an architecture as ``str`` writes it, not its ``arch_id``, which is another one whenever
architectures gain a field.
"""

from __future__ import annotations

from hashlib import sha256

UNITS = 100_000
"""An accuracy is a whole number of these parts, and so is the same to the bit everywhere."""


def hashed(*parts: object) -> int:
    """A number from 0 to 2^48 - 1."""
    return int(sha256("|".join(map(str, parts)).encode()).hexdigest()[:12], 16)


def accuracy(text: str, seed: int, epoch: int) -> float:
    """The validation accuracy after an epoch: it rises, and each seed and epoch adds noise."""
    quality = 40_000 + hashed("quality", text) % 40_000
    noise = hashed("noise", text, seed, epoch) % 8_000
    return (quality * epoch // (epoch + 1) + noise) / UNITS


def ticks(text: str) -> int:
    """Simulated time of one epoch; the slowest network takes three times as long as the fastest."""
    return 1_000 + hashed("ticks", text) % 2_000


def failing_epoch(text: str, seed: int, epochs: int) -> int | None:
    """The epoch in which a training raises, of one training in four; None of the others."""
    if hashed("fails", text, seed) % 4:
        return None
    return 1 + hashed("when", text, seed) % epochs


def latency_ms(text: str) -> float:
    """A latency of 1 to 9 ms."""
    return (1_000 + hashed("latency", text) % 8_000) / 1_000


def cannot_be_measured(text: str) -> bool:
    """Whether measuring the latency raises, as of one network in six."""
    return hashed("meter", text) % 6 == 0
