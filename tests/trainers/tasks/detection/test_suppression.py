"""Suppression of many images at once is greedy suppression of each, one box after another."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.search_space.strategies import examples
from tests.trainers.tasks.detection import naive
from tests.trainers.tasks.detection.drawn import boxes
from trainers.recipe import Detection
from trainers.tasks.detection.detections import detections
from trainers.tasks.detection.suppression import suppress


@examples(30)
@given(
    first=boxes(st.just(12)),
    second=boxes(st.just(12)),
    labels=st.lists(st.integers(0, 2), min_size=24, max_size=24),
    are_boxes=st.lists(st.booleans(), min_size=24, max_size=24),
    most=st.sampled_from([0.1, 0.3, 0.5, 1.0]),
    most_boxes=st.sampled_from([1, 3, 12]),
)
def test_what_stays_is_what_a_loop_leaves(
    first: torch.Tensor,
    second: torch.Tensor,
    labels: list[int],
    are_boxes: list[bool],
    most: float,
    most_boxes: int,
) -> None:
    both = torch.stack([first, second])
    classes, is_box = torch.tensor(labels).view(2, 12), torch.tensor(are_boxes).view(2, 12)
    stays = suppress(both, classes, is_box, most_overlap=most, most_boxes=most_boxes)
    for image in range(2):
        expected = naive.staying(
            both[image].tolist(), classes[image].tolist(), is_box[image].tolist(), most
        )
        first_ones = [
            each and sum(expected[:place]) < most_boxes for place, each in enumerate(expected)
        ]
        assert stays[image].tolist() == first_ones


def test_a_chain_of_suppressed_boxes_is_resolved_in_order() -> None:
    starts = torch.arange(0, 40, 2.0)
    chain = torch.stack([starts, torch.zeros(20), starts + 8, torch.full((20,), 8.0)], dim=1)[None]
    one_class, all_boxes = torch.zeros((1, 20), dtype=torch.long), torch.ones(1, 20).bool()
    stays = suppress(chain, one_class, all_boxes, most_overlap=0.3, most_boxes=100)
    expected = naive.staying(chain[0].tolist(), [0] * 20, [True] * 20, 0.3)
    assert stays[0].tolist() == expected
    assert sum(expected) not in (1, 20)


def test_detections_are_the_most_probable_first_and_then_zeros() -> None:
    boxes_of_anchors = torch.tensor([[[0.0, 0, 4, 4], [0, 0, 4, 5], [8, 8, 12, 12]]])
    logits = torch.tensor([[[2.0, -9.0], [3.0, 0.0], [-9.0, -1.0]]])
    rows = detections(logits.sigmoid(), boxes_of_anchors, Detection(detections_per_image=5))
    assert rows.shape == (1, 5, 6)
    probabilities = torch.tensor([3.0, 0.0, -1.0]).sigmoid()
    torch.testing.assert_close(rows[0, :3, 5], probabilities)
    assert rows[0, :3, 4].tolist() == [0, 1, 1]  # the first box's 2.0 overlaps that of 3.0
    assert rows[0, :3, :4].tolist() == [[0, 0, 4, 5], [0, 0, 4, 5], [8, 8, 12, 12]]
    assert not rows[0, 3:].any()


def test_of_equal_ones_the_first_are_taken() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randint(0, 4, (2, 500, 3), generator=generator) / 4  # four values alone
    starts = 5 * torch.arange(500.0)
    apart = torch.stack([starts, starts, starts + 4, starts + 4], dim=1).expand(2, -1, -1)
    settings = Detection(candidates_per_image=40, detections_per_image=30)
    for image, rows in enumerate(detections(scores, apart, settings)):
        order = sorted(
            range(1500), key=lambda place: (-float(scores[image].flatten()[place]), place)
        )
        expected = [(5 * (place // 3), place % 3) for place in order[:30]]
        assert [(left, label) for left, *_, label, _ in rows.tolist()] == expected
    assert detections(scores[:0], apart[:0], settings).shape == (0, 30, 6)
    assert not detections(torch.full((1, 9, 2), torch.nan), torch.zeros(1, 9, 4), settings).any()


def test_improbable_boxes_are_no_detections() -> None:
    none = detections(torch.full((2, 3, 2), 0.01), torch.zeros((2, 3, 4)), Detection())
    assert none.shape == (2, 100, 6)
    assert not none.any()
