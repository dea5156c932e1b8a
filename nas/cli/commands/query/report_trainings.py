"""The full trainings of a run for its report: a row for each network and recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.front.beside import BY_NAME, PLAIN
from nas.cli.commands.train.retrain_report import difference_text, report_row
from nas.config.search_config import SearchConfig
from nas.storage.candidates import candidates
from nas.storage.evaluation import Evaluation, Kind
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from search_space.architecture import Architecture
from search_space.baseline import plain_convolutional


def retrained_rows(run: RunFolder, config: SearchConfig, ledger: Ledger) -> list[dict[str, Any]]:
    """Return the networks that were trained in full, found ones first.

    Networks of an ablation alone are left out: they have a section of their own. A found network
    that is beside its plain one has ``difference``, a line.

    Raises:
        RunError: the ledger cannot be read.
    """
    task = run.task()
    trained = [row for row in ledger.evaluations("retrain") if row.state == "complete"]
    searched = {row.architecture for row in ledger.evaluations("search")}
    plain = {row.architecture for row in ledger.evaluations("baselines")}
    kinds: tuple[Kind, ...] = ("search", "repeats", "baselines")
    proxies = candidates(row for kind in kinds for row in ledger.evaluations(kind))
    rows = []
    for recipe in dict.fromkeys(row.recipe_id for row in trained):
        own = [row for row in trained if row.recipe_id == recipe]
        for architecture in dict.fromkeys(row.architecture for row in own):
            first = next(row for row in own if row.architecture == architecture)
            kind = _kind(first, searched, plain)
            if kind:
                row = report_row(
                    proxies,
                    own,
                    task,
                    architecture,
                    kind,
                    config.retrain_data,
                    network=first.provenance.network,
                    overrides=first.provenance.overrides,
                )
                row["difference"] = ""
                if kind == "found":
                    equal = _plain_beside(architecture, own, task)
                    if equal is not None:
                        row["difference"] = difference_text(architecture, equal, config, ledger)
                rows.append(row)
    order = ("found", PLAIN, BY_NAME)
    return sorted(rows, key=lambda row: order.index(row["kind"]))


def _kind(row: Evaluation, searched: set[Architecture], plain: set[Architecture]) -> str:
    """Return what a network is called in tables; empty for one of an ablation alone."""
    if row.provenance.network:
        return BY_NAME
    if row.architecture in searched:
        return "found"
    return PLAIN if row.architecture in plain else ""


def _plain_beside(
    architecture: Architecture, own: Sequence[Evaluation], task: Any
) -> Architecture | None:
    """Return the plain network of equal size if it was trained too."""
    try:
        plain = plain_convolutional(architecture, task)
    except ValueError:  # there is none of its parameters
        return None
    return plain if any(row.architecture == plain for row in own) else None
