"""Placement of a trial: what it reserves, and the nodes that it must avoid."""

from __future__ import annotations

from typing import Any

from ray import tune

from nas.config.sections import ResourceSettings
from nas.evaluation.messages import REQUEST

NODE_LABEL = "ray.io/node-id"
"""The label that Ray gives every node."""


def resources_of(resources: ResourceSettings, config: dict[str, Any]) -> tune.PlacementGroupFactory:
    """Return what Tune reserves for a trial, on a node that the request does not avoid.

    Args:
        resources: CPUs and GPUs of one trial.
        config: holds the trial's request.
    """
    bundle = {"CPU": resources.cpus_per_trial, "GPU": resources.gpus_per_trial}
    avoided = config[REQUEST].avoided_nodes
    if not avoided:
        return tune.PlacementGroupFactory([bundle])
    selector = {NODE_LABEL: f"!in({','.join(avoided)})"}
    return tune.PlacementGroupFactory([bundle], bundle_label_selector=[selector])
