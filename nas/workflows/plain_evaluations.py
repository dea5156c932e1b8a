"""Recorded proxy evaluations of networks beside a search's: plain and named ones."""

from __future__ import annotations

from nas.config.search_config import SearchConfig
from nas.storage.evaluation import Evaluation
from nas.storage.ledger_view import LedgerView


def proxy_seeds(config: SearchConfig) -> tuple[int, ...]:
    """Return the seeds of plain networks' proxy evaluations: the fresh ones of the front's members.

    If there are none (``search.finalist_seeds`` is 1), it is the search's own seed. The search's
    networks then have only their evaluations as found, which flatter them in the comparison.
    """
    return config.fresh_seeds or (config.seed,)


def plain_evaluations(config: SearchConfig, ledger: LedgerView) -> list[Evaluation]:
    """Return the plain networks' proxy evaluations with :func:`proxy_seeds`.

    Runs of earlier versions have others too, with the search's own seed, which do not compare.

    Raises:
        RunError: the ledger cannot be read.
    """
    seeds = proxy_seeds(config)
    return [row for row in ledger.evaluations("baselines") if row.seed in seeds]
