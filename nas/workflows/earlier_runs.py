"""Runs of earlier versions: what they trained stays, and nothing is trained on beside it.

Equal settings gave another network then: see ``trainers.recipe.earlier.DIFFERENCES``. Accuracies of
both would stand in one ledger under one ``recipe_id``, and a search would choose between versions.
"""

from __future__ import annotations

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from trainers import EarlierRecipe
from trainers.recipe.earlier import DIFFERENCES


def check_may_search(name: str, config: SearchConfig, other_name: str) -> None:
    """Refuse to resume a search that an earlier version began.

    Args:
        name: of the run.
        config: of the run, as its folder holds it.
        other_name: a name that a new run can have.

    Raises:
        RunError: an earlier version began it.
    """
    if config.is_earlier:
        raise RunError(
            f"run {name!r} cannot be resumed: an earlier version trained its candidates, and a "
            f"training by the same recipe gives another network now ({DIFFERENCES}), so that new "
            f"accuracies would not compare. Begin another search with name={other_name}; "
            f"sampler.learn_from=[{name}] lets it begin with the front of this one"
        )


def check_may_retrain(name: str, config: SearchConfig) -> None:
    """Refuse full trainings by the recipe of an earlier version.

    Args:
        name: of the run.
        config: of the run, with the recipe to train by.

    Raises:
        RunError: it is that of an earlier version.
    """
    if isinstance(config.retrain, EarlierRecipe):
        raise RunError(
            f"nothing more is trained by the recipe of run {name!r}: an earlier version wrote it, "
            f"and a training by the same settings gives another network now ({DIFFERENCES}). Name "
            "a recipe by recipe=FILE, or take this one's settings by "
            f"recipe.epochs={config.retrain.epochs}: either counts as another recipe"
        )


def check_may_evaluate(name: str, config: SearchConfig) -> None:
    """Refuse proxy evaluations beside those of an earlier version.

    Args:
        name: of the run.
        config: of the run.

    Raises:
        RunError: its proxies are of an earlier version.
    """
    if isinstance(config.proxy, EarlierRecipe):
        raise RunError(
            f"run {name!r} takes no more proxy evaluations, such as those of plain networks: an "
            f"earlier version trained its own, which would not compare ({DIFFERENCES})"
        )
