"""The surrogate model of a run's evaluations, as far as its report tells of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from analysis.accuracy_model.evaluated import TooFewError
from analysis.explanation.explained import Explanation
from analysis.explanation.reference import TooTightError
from analysis.explanation.table import notes
from nas.cli.commands.query.certainty import certainty_of
from nas.cli.commands.query.explain import explained
from nas.config.search_config import SearchConfig
from nas.storage.candidates import Candidate
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder

EQUAL_COST = "macs"


class Modelled(NamedTuple):
    """The model's words; the fields are those of ``ReportRun``."""

    probabilities: Mapping[str, float]
    explanation: Explanation | None
    explanation_notes: Sequence[str]


NOTHING = Modelled({}, None, ())
"""While a search runs, whose report is made anew at every trial: a model takes seconds."""


def modelled(
    run: RunFolder, config: SearchConfig, ledger: Ledger, compared: Sequence[Candidate]
) -> Modelled:
    """Return what a run's model tells of its front and its choices, as far as it suffices.

    Raises:
        RunError: the ledger, or the run's task, cannot be read.
    """
    x = config.cost_objective
    try:
        certainty, _ = certainty_of(config, ledger, [c for c in compared if x in c.choice], x)
    except TooFewError:
        return NOTHING
    try:
        space, explanation = explained(run, config, ledger, EQUAL_COST)
    except (TooFewError, TooTightError):
        return Modelled(certainty.probabilities, None, ())
    return Modelled(certainty.probabilities, explanation, notes(explanation, space))
