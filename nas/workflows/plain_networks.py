"""Proxy evaluations on the cluster of networks beside a search's: plain and named ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.ray.retrain import evaluate_on_cluster
from nas.search.waiting import Waiting
from nas.storage.ledger import Ledger
from nas.storage.provenance import Provenance
from nas.workflows.checks import proxy_assignment
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs


def evaluate_plain(
    config: SearchConfig,
    ledger: Ledger,
    task: Task,
    proxies: Sequence[tuple[Architecture, int]],
    names: Mapping[Architecture, str],
    *,
    waiting: Waiting,
    check: Callable[[], None],
) -> None:
    """Evaluate networks beside the search's by proxies and record them; Ray must be connected.

    Args:
        config: the search's.
        ledger: the run's.
        task: images and classes of the networks.
        proxies: networks and seeds.
        names: of those networks that `nas train` was given.
        waiting: shows what is waited for.
        check: raises if the cluster is lost.

    Raises:
        RunError: some have no result; the others' are in the ledger.
    """
    results = evaluate_on_cluster(
        proxies,
        proxy_assignment(config, task),
        config.resources,
        waiting=waiting,
        patience_seconds=config.search.patience_seconds,
        check=check,
    )
    failures = []
    for (architecture, seed), result in results:
        if isinstance(result, str):
            failures.append(f"{architecture} with seed {seed}: {result}")
            continue
        ledger.add(
            "baselines",
            architecture,
            seed=seed,
            metrics=result.metrics | network_costs(architecture, task).metrics(),
            curve=result.curve,
            device_seconds=result.device_seconds,
            recipe_id=config.proxy_id,
            provenance=Provenance(network=names.get(architecture, "")),
        )
    if failures:
        listed = "\n".join(failures)
        raise RunError(
            f"{len(failures)} of {len(proxies)} proxy evaluations beside the search's failed (run "
            f"the same command again to continue):\n{listed}"
        )
