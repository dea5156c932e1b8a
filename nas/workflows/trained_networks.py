"""A search's networks with the full trainings that any run of the storage has of them."""

from __future__ import annotations

from typing import NamedTuple

from nas.config.search_config import SearchConfig
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import Ledger
from nas.storage.provenance import images_id
from nas.storage.run.data_file import fingerprints_of_run
from nas.storage.run.folder import RunFolder
from nas.workflows.equal_trainings import other_runs


class TrainedNetworks(NamedTuple):
    """Full trainings of a search's networks by one recipe."""

    recipe_id: str
    rows: list[Evaluation]
    other_recipes: int  # by which networks of the search are trained too


def trained_networks(run: RunFolder, ledger: Ledger, config: SearchConfig) -> TrainedNetworks:
    """Return the full trainings by the recipe that most of a search's networks are trained by.

    They are in the run's own ledger, or in that of another run with the same images and metric. Of
    equally many, the run's own recipe comes first. A training that two runs have counts once.

    Args:
        run: the search's.
        ledger: of the run.
        config: of the run.

    Raises:
        RunError: the run's ledger or its file of fingerprints cannot be read.
    """
    searched = {row.arch_id for row in ledger.evaluations("search")}
    rows = [row for row in ledger.evaluations("retrain") if row.state == "complete"]
    fingerprint = fingerprints_of_run(run)[-1:]
    if fingerprint:  # a run of an earlier version has none
        images = images_id(config.data, run.task(), fingerprint[0])
        rows = [row for row in rows if row.provenance.images in ("", images)]
        for other in other_runs(run.path.parent, config, ledger=ledger, own=run):
            rows += [
                row
                for row in other.rows
                if (row.provenance.images, row.provenance.metric) == (images, config.metric)
            ]
    by_recipe: dict[str, dict[tuple[str, int], Evaluation]] = {}
    for row in rows:
        if row.arch_id in searched:
            by_recipe.setdefault(row.recipe_id, {}).setdefault((row.arch_id, row.seed), row)
    if not by_recipe:
        return TrainedNetworks(config.retrain_id, [], 0)

    def networks_of(recipe: str) -> tuple[int, bool]:
        return len({arch_id for arch_id, _ in by_recipe[recipe]}), recipe == config.retrain_id

    most = max(by_recipe, key=networks_of)
    return TrainedNetworks(most, list(by_recipe[most].values()), len(by_recipe) - 1)
