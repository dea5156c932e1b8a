"""How far a search is: from the ledger's rows, and from this driver's pace."""

from __future__ import annotations

import time
from typing import Literal, NamedTuple

from nas.config import SearchConfig
from nas.front import Candidate, candidates, most_accurate, pareto_front
from nas.ledger import Ledger
from nas.paused_trials import PausedTrials
from nas.proposals import Proposals
from nas.repeats import Round


class Status(NamedTuple):
    """How far a search is."""

    phase: Literal["search", "repeats"]
    trained: int
    wanted: int
    repeats_done: int
    repeats_wanted: int  # of this round and those before it; a next one may want more
    repeats_round: int  # from 1; 0 before the repeats
    round_size: int  # trainings of this round
    running: int
    furthest_epoch: int  # that any training was heard to reach
    epochs: int  # of a training
    failed: int
    paused: int  # at a rung
    stopped_early: int  # of those trained
    rejected: int
    best: Candidate | None  # the most accurate on the front
    device_hours: float
    elapsed_seconds: float
    remaining_seconds: float | None


class StatusReport:
    """Works out a search's status, from the moment on at which its driver begins.

    Args:
        config: the search's.
        ledger: the run's.
        proposals: the search's.
        paused_trials: likewise, if its scheduler pauses any.
    """

    def __init__(
        self,
        config: SearchConfig,
        ledger: Ledger,
        proposals: Proposals,
        paused_trials: PausedTrials | None,
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._proposals = proposals
        self._paused_trials = paused_trials
        self._started = time.monotonic()
        self._trained_before = proposals.trained + len(ledger.evaluations("repeats"))
        self._share_before = paused_trials.share_done if paused_trials else 0.0

    def status(
        self,
        *,
        phase: Literal["search", "repeats"],
        running: int,
        furthest_epoch: int,
        missing: int,
        repeats_left: int,
        current_round: Round,
    ) -> Status:
        """The status now; the time left assumes that jobs go on taking as long.

        Args:
            phase: whether the search's own trials are trained, or repeats of its finalists.
            running: jobs.
            furthest_epoch: that any job was heard to reach.
            missing: proposals still to be made.
            repeats_left: those that run, and what else is known to be repeated.
            current_round: of the repeats.
        """
        repeats = self._ledger.evaluations("repeats")
        rows = [*self._ledger.evaluations("search"), *repeats]
        front = pareto_front(candidates(rows), ["val_accuracy", self._config.cost_objective])
        rejections = self._proposals.rejections.to_json().values()
        seconds = [r.device_seconds for r in rows if r.state in ("complete", "pruned", "paused")]
        elapsed = time.monotonic() - self._started
        done, left = self._progress(missing, len(repeats), repeats_left)
        return Status(
            phase=phase,
            trained=self._proposals.trained,
            wanted=self._config.search.n_trials,
            repeats_done=len(repeats),
            repeats_wanted=len(repeats) + repeats_left,
            repeats_round=current_round.number,
            round_size=current_round.size,
            running=running,
            furthest_epoch=furthest_epoch,
            epochs=self._config.proxy.epochs,
            failed=sum(row.error is not None for row in rows),
            paused=len(self._proposals.paused),
            stopped_early=sum(row.state == "pruned" for row in rows),
            rejected=sum(entry["count"] for entry in rejections),
            best=most_accurate(front),
            device_hours=sum(seconds) / 3600,
            elapsed_seconds=elapsed,
            remaining_seconds=elapsed / done * left if done else None,
        )

    def _progress(self, missing: int, repeats_done: int, repeats_left: int) -> tuple[float, float]:
        """What this driver has done and what is left, in jobs, or in epochs' shares of a search."""
        if self._paused_trials is None or repeats_done or repeats_left:
            done = self._proposals.trained + repeats_done - self._trained_before
            return done, missing + len(self._proposals.unfinished) + repeats_left
        share = self._paused_trials.share_done
        return share - self._share_before, 1 - share
