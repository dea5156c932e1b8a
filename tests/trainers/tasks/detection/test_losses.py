"""Losses and their gradients are those of a naive sum, and an image's does not depend on others."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from search_space.networks.detection.boxes import decoded_boxes
from tests.search_space.strategies import examples
from tests.trainers.tasks.detection import naive
from tests.trainers.tasks.detection.drawn import CLASSES, boxes, objects
from trainers.recipe import Detection
from trainers.tasks.detection.losses import box_offsets, detection_losses, focal_losses
from trainers.tasks.detection.matching import match

STEP = 1e-6


def drawn_predictions(images: int, anchors: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    double = torch.float64
    logits = 3 * torch.randn((images, anchors, CLASSES), generator=generator, dtype=double)
    offsets = torch.randn((images, anchors, 4), generator=generator, dtype=double)
    return logits, offsets


@examples(30)
@given(
    anchors=boxes(st.integers(1, 8)),
    wanted=objects(images=2),
    seed=st.integers(0, 2**20),
    gamma=st.sampled_from([0.0, 0.5, 1.5, 2.0]),
)
def test_losses_and_gradients_are_naive_ones(
    anchors: Tensor, wanted: Tensor, seed: int, gamma: float
) -> None:
    settings = Detection(focal_gamma=gamma, box_weight=0.7)
    logits, offsets = drawn_predictions(2, len(anchors), seed)
    logits.requires_grad_()
    offsets.requires_grad_()
    matches = match(anchors, wanted, settings)
    losses = detection_losses(logits, offsets, anchors, matches, settings)
    losses.sum().backward()
    for image in range(2):
        expected = naive.matched(anchors.tolist(), wanted[image].tolist(), settings)

        def naive_loss(
            scores: Tensor, shifts: Tensor, expected: list[naive.Wanted] = expected
        ) -> float:
            return naive.loss(
                scores.tolist(), shifts.tolist(), anchors.tolist(), expected, settings
            )

        own = logits[image].detach(), offsets[image].detach()
        assert losses[image].item() == pytest.approx(naive_loss(*own), rel=1e-9)
        for which, gradient in enumerate((logits.grad, offsets.grad)):
            assert gradient is not None
            place = seed % own[which].numel()
            moved = [[each.clone() for each in own] for _ in range(2)]
            for sign, pair in zip((1, -1), moved, strict=True):
                pair[which].view(-1)[place] += sign * STEP
            slope = (naive_loss(*moved[0]) - naive_loss(*moved[1])) / (2 * STEP)
            assert gradient[image].view(-1)[place].item() == pytest.approx(
                slope, rel=1e-4, abs=1e-6
            )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("logit", [-200.0, -30.0, 0.0, 30.0, 200.0])
def test_focal_loss_and_gradient_are_finite_for_certain_logits(gamma: float, logit: float) -> None:
    logits = torch.full((1, 2, 2), logit, requires_grad=True)
    loss = focal_losses(logits, torch.tensor([[0, -1]]), alpha=0.25, gamma=gamma)
    loss.sum().backward()
    assert logits.grad is not None
    assert loss.isfinite().all()
    assert logits.grad.isfinite().all()


def test_focal_loss_without_focus_is_weighed_cross_entropy() -> None:
    logits = torch.tensor([[[1.0, -2.0]]])
    loss = focal_losses(logits, torch.tensor([[0]]), alpha=0.25, gamma=0.0)
    own, other = math.log1p(math.exp(-1)), math.log1p(math.exp(-2))
    assert loss.item() == pytest.approx(0.25 * own + 0.75 * other)


@examples(30)
@given(anchors=boxes(st.just(6)), wanted=boxes(st.just(6)))
def test_detectors_decode_what_losses_encode(anchors: Tensor, wanted: Tensor) -> None:
    offsets = box_offsets(wanted, anchors)
    torch.testing.assert_close(decoded_boxes(offsets, anchors, (16, 16)), wanted.clamp(max=16))


def test_loss_of_an_image_is_the_same_beside_any_other() -> None:
    generator = torch.Generator().manual_seed(1)
    low = torch.rand((4, 2), generator=generator, dtype=torch.float64) * 8
    anchors = torch.cat([low, low + 5], dim=1)
    rows = torch.zeros((3, 2, 6), dtype=torch.float64)
    rows[0, :, :4], rows[0, :, 5] = anchors[:2] + 0.2, 1
    rows[1, 0, :4], rows[1, 0, 5] = anchors[3], 1
    logits, offsets = drawn_predictions(3, 4, seed=2)
    settings = Detection()

    def losses(images: slice) -> Tensor:
        matches = match(anchors, rows[images], settings)
        return detection_losses(logits[images], offsets[images], anchors, matches, settings)

    whole = losses(slice(0, 3))
    for image in range(3):
        torch.testing.assert_close(losses(slice(image, image + 1))[0], whole[image])
