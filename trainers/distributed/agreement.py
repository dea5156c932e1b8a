"""A check that all processes train the same network on the same images by the same recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from trainers.distributed.ranks import Ranks
from trainers.errors import RanksDiffer


def check_agreement(
    ranks: Ranks, groups: int, identity: Mapping[str, Any], model: nn.Module
) -> None:
    """Compare what the processes are about to train.

    Args:
        ranks: the processes; each of them calls this.
        groups: normalisation groups of a batch.
        identity: plain values that must be equal.
        model: whose weights must be equal.

    Raises:
        RanksDiffer: in every process, with the first value that differs; or there are more
            processes than groups.
    """
    if ranks.size == 1:
        return
    if ranks.size > groups:
        raise RanksDiffer(
            f"{ranks.size} processes share a batch of {groups} normalisation groups: use at most "
            "as many processes, or set a smaller normalization_images in the recipe"
        )
    mine = {
        "groups of a batch": groups,
        **{key: json.dumps(value, sort_keys=True) for key, value in identity.items()},
        "weights": _digest(model),
    }
    all_values = ranks.of_each(mine)
    for key, expected in all_values[0].items():
        for rank, values in enumerate(all_values):
            if values.get(key) != expected:
                raise RanksDiffer(
                    f"processes that train together must have the same {key}: process 0 has "
                    f"{expected}, process {rank} has {values.get(key)}"
                )


def _digest(model: nn.Module) -> str:
    """Return a hash of all weights and buffers."""
    digest = hashlib.blake2b(digest_size=8)
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
