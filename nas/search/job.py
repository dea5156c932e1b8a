"""A job: one training that the search gives to an executor."""

from __future__ import annotations

from typing import Literal, NamedTuple

from nas.samplers.choice_space import Candidate

JobKind = Literal["search", "repeats"]


class Job(NamedTuple):
    """One training, or a part of one up to the rung at which it pauses."""

    kind: JobKind  # the study that its result is written to
    number: int  # its trial's; a repeat's counts those that this driver has begun, from 0
    architecture: Candidate
    seed: int  # for the training
    pause_at: int | None = None  # the epoch; None trains to the end
    from_epoch: int = 0  # epochs trained before; it continues from the state after them
    avoided_nodes: tuple[str, ...] = ()  # on which it lost its workers; another is tried

    @property
    def resumes(self) -> bool:
        """Whether it continues from the state that the trial's earlier job left."""
        return self.from_epoch > 0
