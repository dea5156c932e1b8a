"""A full training in this process, kept as ``nas retrain`` keeps it."""

from __future__ import annotations

from nas.config.search_config import SearchConfig
from nas.evaluation.evaluate import cached_splits
from nas.evaluation.full_training import Trained, train_in_full
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import Ledger
from nas.storage.networks.retraining import Retraining
from search_space.architecture import Task


def trained_in_full(
    retraining: Retraining, config: SearchConfig, ledger: Ledger, task: Task
) -> tuple[Trained, Evaluation]:
    """Train to the end; return the result and the ledger's row."""
    retraining.start()
    splits = cached_splits(config.data, config.retrain.pixels, train_on=config.retrain_data)
    *_, trained = train_in_full(
        retraining.architecture,
        splits,
        task,
        config.retrain,
        seed=retraining.seed,
        device="cpu",
        metric=config.metric,
    )
    assert isinstance(trained, Trained)
    return trained, retraining.finish(config, ledger, task, trained, splits.fingerprint)
