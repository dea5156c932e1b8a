"""Anchors are matched with objects as a naive loop over both matches them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.search_space.strategies import examples
from tests.trainers.tasks.detection import naive
from tests.trainers.tasks.detection.drawn import boxes, objects
from trainers.boxes import CROWD, OBJECT
from trainers.recipe import Detection
from trainers.tasks.detection import matching
from trainers.tasks.detection.matching import BACKGROUND, NOT_TRAINED, match


@examples(30)
@given(
    anchors=boxes(st.integers(1, 20)),
    wanted=objects(images=3),
    thresholds=st.sampled_from([(0.5, 0.4), (0.5, 0.5), (0.3, 0.1), (0.9, 0.0)]),
    best=st.booleans(),
)
def test_matching_is_that_of_a_loop(
    anchors: torch.Tensor, wanted: torch.Tensor, thresholds: tuple[float, float], best: bool
) -> None:
    settings = Detection(
        match_iou=thresholds[0], background_iou=thresholds[1], match_best_anchor=best
    )
    matches = match(anchors, wanted, settings)
    for image in range(len(wanted)):
        expected = naive.matched(anchors.tolist(), wanted[image].tolist(), settings)
        assert matches.classes[image].tolist() == [each.label for each in expected]
        for place, (_, box) in enumerate(expected):
            if box is not None:
                assert matches.boxes[image, place].tolist() == box


def test_images_matched_a_few_at_a_time_are_matched_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    low = torch.rand((5, 4, 2), generator=generator) * 10
    rows = torch.cat([low, low + 3, torch.ones(5, 4, 2)], dim=2)
    anchors = torch.cat([low[0], low[0] + 4], dim=1)
    whole = match(anchors, rows, Detection())
    monkeypatch.setattr(matching, "CELLS_AT_ONCE", 1)
    parts = match(anchors, rows, Detection())
    assert torch.equal(whole.classes, parts.classes)
    assert torch.equal(whole.boxes, parts.boxes)


def test_what_a_crowd_covers_is_not_trained_as_background() -> None:
    anchors = torch.tensor([[0.0, 0, 4, 4], [8, 8, 12, 12], [20, 20, 24, 24]])
    rows = torch.tensor([[[0.0, 0, 4, 4, 2, OBJECT], [0, 0, 16, 16, 1, CROWD]]])
    assert match(anchors, rows, Detection()).classes.tolist() == [[2, NOT_TRAINED, BACKGROUND]]


def test_an_object_that_no_anchor_fits_has_its_best_one() -> None:
    anchors = torch.tensor([[0.0, 0, 4, 4], [0, 0, 8, 8]])
    small = torch.tensor([[[0.0, 0, 1, 1, 0, OBJECT]]])
    assert match(anchors, small, Detection()).classes.tolist() == [[0, BACKGROUND]]
    without = Detection(match_best_anchor=False)
    assert match(anchors, small, without).classes.tolist() == [[BACKGROUND, BACKGROUND]]
