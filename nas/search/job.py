"""A job: the unit that a search gives an executor to run."""

from __future__ import annotations

from typing import Literal, NamedTuple

from nas.samplers.choice_space import Candidate

JobKind = Literal["search", "repeats"]


class Job(NamedTuple):
    """One training, or a part of one that pauses at rungs."""

    kind: JobKind  # the ledger's study that its result belongs to
    number: int  # of its trial; of a repeat, among those that this driver has begun, from 0
    architecture: Candidate
    seed: int  # of the training
    pause_at: int | None = None  # the epoch; None trains to the end
    from_epoch: int = 0  # trained before, whose state it takes up

    @property
    def resumes(self) -> bool:
        """Whether it goes on from the state of the trial's earlier job."""
        return self.from_epoch > 0
