"""A kind of fault: how it is injected, and what may become of the command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.faults.scene import Scene

End = Literal["survives", "may end", "interrupted", "refused", "killed"]
"""The command goes on; or it may also end, with an error that says how to resume; it ends as after
Ctrl-C; it refuses to begin, with an error; it is killed."""

Inject = Callable[[Scene], None]


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    Args:
        name: in the table.
        end: what may become of the command.
        inject: does it, and returns when its first consequence is there.
        begins: whether it comes with the start of a command, instead of into one that runs.
        anywhen: whether it may also fall into the start of a command.
        changes_search: whether the search is another one after it.
        early: whether it takes long, so that it must come first.
        late: whether it needs finished trials to compare with.
    """

    name: str
    end: End
    inject: Inject
    begins: bool = False
    anywhen: bool = False
    changes_search: bool = False
    early: bool = False
    late: bool = False


class NotInjected(Exception):
    """The fault did not take place, and why: it does not count."""


class Violation(Exception):
    """The fault had a consequence that it must not have."""
