"""The order of train images in an epoch: a permutation that follows from seed and epoch alone."""

from __future__ import annotations

import torch

from trainers.randomness import Stream, derived_seed

BLOCKS_MIXED = 64
"""Neighbouring blocks of the order whose images are shuffled together."""


def epoch_order(
    images: int, *, seed: int, stream: Stream, epoch: int, block_images: int = 1
) -> torch.Tensor:
    """Return an order of the train images, int64 [images], on the CPU: the same everywhere.

    With blocks, images that lie beside each other are read near each other in time, as a slow disk
    wants it: the order of the blocks is random, and of every 64 blocks the images are shuffled
    together.

    Args:
        images: how many there are.
        seed: of the training.
        stream: of the use.
        epoch: from 0.
        block_images: of a block; 1 shuffles all images.
    """
    generator = torch.Generator().manual_seed(derived_seed(seed, stream, epoch))
    if block_images == 1:
        return torch.randperm(images, generator=generator)
    blocks = -(-images // block_images)
    parts = []
    for mixed in torch.randperm(blocks, generator=generator).split(BLOCKS_MIXED):
        places = (mixed[:, None] * block_images + torch.arange(block_images)).flatten()
        places = places[places < images]  # the last block may be shorter
        parts.append(places[torch.randperm(len(places), generator=generator)])
    return torch.cat(parts)
