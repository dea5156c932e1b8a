"""Findings: each thing that an examination says is wrong, and the act that mends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHOWN = 8
"""The most numbers or names of a list that a sentence repeats."""


@dataclass(frozen=True)
class Mend:
    """An act that mends something; the files that it changes are copied before.

    Attributes:
        act: what it does, in one line.
        changes: files and folders that it changes, moves or removes.
        run: does it; the argument is the folder of the copies. Returns what was done, in one line.
    """

    act: str
    changes: tuple[Path, ...]
    run: Callable[[Path], str]


@dataclass(frozen=True)
class Finding:
    """One thing about a run that a user should know.

    Attributes:
        place: the file, or the ledger and the trial.
        problem: the rule and the value.
        affects: the trials or commands that it affects.
        remedy: whether and how it is recovered.
        mend: what ``--repair`` does; None if it can do nothing.
        is_wrong: False for a note, such as a trial that an interrupted driver left.
    """

    place: str
    problem: str
    affects: str
    remedy: str
    mend: Mend | None = None
    is_wrong: bool = True

    @property
    def key(self) -> tuple[str, str]:
        """Tells findings of two examinations apart."""
        return self.place, self.problem

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "place": self.place,
            "problem": self.problem,
            "affects": self.affects,
            "remedy": self.remedy,
            "repair": None if self.mend is None else self.mend.act,
            "wrong": self.is_wrong,
        }


def listed(values: list[Any]) -> str:
    """Return a list for a sentence, such as ``1, 2, 3 and 12 more``."""
    shown = ", ".join(map(str, values[:SHOWN]))
    more = len(values) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def removal(file: Path, act: str) -> Mend:
    """Make the act that takes a file out of the run; its copy stays.

    Args:
        file: the file.
        act: why, such as ``takes out the damaged front.json``.
    """

    def run(copies: Path) -> str:
        file.unlink(missing_ok=True)
        return f"{act}; its copy is in {copies.name}"

    return Mend(act, (file,), run)
