"""The losses of a detector, image by image.

Sources: the focal loss, Lin et al. 2017, arXiv 1708.02002, equation 5; the smooth L1 loss, Girshick
2015, "Fast R-CNN", arXiv 1504.08083, equation 3; the offsets, Ren et al. 2015, arXiv 1506.01497,
equation 2.

An image's losses are sums over its anchors, divided by the number of its own that are matched (1
at least), as RetinaNet's section 3.3 says of an image. Published code divides by the number in the
whole batch: there, an image's share depends on the images beside it, and so on how a batch is
distributed.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from trainers.recipe.detection import Detection
from trainers.tasks.detection.matching import NOT_TRAINED, Matches

LEAST_SIDE = 1e-3
"""Pixels below which a side of a box has no logarithm of its own."""


def detection_losses(
    logits: Tensor, offsets: Tensor, anchors: Tensor, matches: Matches, settings: Detection
) -> Tensor:
    """Return the loss of each image, [B].

    Args:
        logits: [B, N, classes].
        offsets: [B, N, 4], in the form of :func:`box_offsets`.
        anchors: [N, 4].
        matches: of these anchors.
        settings: of the losses.
    """
    is_matched = matches.classes >= 0
    focal = focal_losses(
        logits, matches.classes, alpha=settings.focal_alpha, gamma=settings.focal_gamma
    )
    images, positions = is_matched.nonzero(as_tuple=True)
    wanted = box_offsets(matches.boxes[images, positions], anchors[positions])
    distances = F.smooth_l1_loss(
        offsets[images, positions], wanted, beta=settings.box_beta, reduction="none"
    )
    box = focal.new_zeros(len(logits)).index_add(0, images, distances.sum(dim=1))
    return (focal + settings.box_weight * box) / is_matched.sum(dim=1).clamp(min=1)


def focal_losses(logits: Tensor, labels: Tensor, *, alpha: float, gamma: float) -> Tensor:
    """Return the sum over anchors and classes of the focal loss, [B].

    Args:
        logits: [B, N, classes].
        labels: int64 [B, N], of :class:`trainers.tasks.detection.matching.Matches`.
        alpha: weight of an anchor's class.
        gamma: exponent of the distance from certainty.
    """
    own = F.one_hot(labels.clamp(min=-1) + 1, logits.shape[-1] + 1)[..., 1:].bool()
    right = logits.where(own, -logits)
    # (1 - p)^gamma of p = sigmoid(right), by logarithms: its gradient is finite for every gamma
    certainty = (-gamma * F.softplus(right)).exp()
    losses = certainty * F.softplus(-right)
    weighed = losses * torch.where(own, alpha, 1 - alpha)
    return weighed.masked_fill((labels == NOT_TRAINED)[..., None], 0).sum(dim=(1, 2))


def box_offsets(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Return the offsets ``[..., 4]`` that lead from anchors ``[..., 4]`` to boxes ``[..., 4]``.

    They are (x, y, w, h): the shift of the centre over the anchor's sides, and the logarithms of
    the sides over the anchor's. A detector's ``boxes`` is the inverse.
    """
    sizes = anchors[..., 2:] - anchors[..., :2]
    shift = (boxes[..., :2] + boxes[..., 2:] - anchors[..., :2] - anchors[..., 2:]) / 2
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=LEAST_SIDE)
    return torch.cat([shift / sizes, (sides / sizes).log()], dim=-1)
