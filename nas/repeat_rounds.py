"""Trainings of a search's finalists with other seeds, round by round, in the ledger."""

from __future__ import annotations

from collections.abc import Mapping

from nas.config import SearchConfig
from nas.evaluate import EvaluationResult
from nas.ledger import Ledger
from nas.repeats import Round, unfinished_round
from search_space.architecture import Architecture


class RepeatRounds:
    """Hands out the repeats of one round, and the next round's when all of these have ended.

    For when the search's own trials have ended.

    Args:
        config: the search's.
        ledger: the run's.
    """

    def __init__(self, config: SearchConfig, ledger: Ledger) -> None:
        self._config = config
        self._ledger = ledger
        self._done = ledger.evaluations("repeats")
        self._round = Round(0, 0, [])
        self.running = 0

    def current(self) -> Round:
        """The round that runs, or else the next one; ``left`` are those still to be begun."""
        if not self._round.left and not self.running:
            trained = self._ledger.evaluations("search")
            self._round = unfinished_round(self._config, trained, self._done)
        return self._round

    def begin(self) -> tuple[Architecture, int] | None:
        """The next one, which then runs; None while there is none."""
        left = self.current().left
        if not left:
            return None
        self.running += 1
        return left.pop(0)

    def end(
        self,
        architecture: Architecture,
        seed: int,
        metrics: Mapping[str, float],
        result: EvaluationResult,
        error: str | None = None,
    ) -> None:
        """Record what one that ran came to."""
        self.running -= 1
        row = self._ledger.add(
            "repeats",
            architecture,
            seed=seed,
            metrics=metrics,
            curve=result.curve,
            device_seconds=result.device_seconds,
            recipe_id=self._config.proxy_id,
            error=error,
        )
        self._done.append(row)
