from __future__ import annotations

import math

import pytest
import torch

from tests.trainers.augmentation.augmented import augmented, random_images
from trainers.augmentation.boxes import DRAWS, crop_boxes
from trainers.augmentation.draws import ImageDraws, Use
from trainers.augmentation.settings import ResizedCrop


def boxes(
    input_size: tuple[int, int], size: tuple[int, int] = (16, 16), **settings: object
) -> torch.Tensor:
    """Return left, top, width and height of 4000 crops, [4000, 4]."""
    draws = ImageDraws.of(0, 0, torch.arange(4000)).uniform(Use.RESIZED_CROP, DRAWS + 2)
    crops = crop_boxes(draws, ResizedCrop.model_validate(settings), input_size, size)
    x, y, width, height = crops.double().unbind(dim=1)
    return torch.stack([x + 0.5 - width / 2, y + 0.5 - height / 2, width, height], dim=1)


def distance_from_uniform(values: torch.Tensor, low: float, high: float) -> float:
    """Return Kolmogorov's distance of values from the uniform distribution."""
    ranks = torch.arange(1, len(values) + 1) / len(values)
    return float((((values - low) / (high - low)).sort().values - ranks).abs().max())


SMALL = 1.63 / 4000**0.5
"""Kolmogorov's distance that 4000 values exceed once in a hundred."""


def test_area_and_ratio_of_the_boxes_that_always_fit() -> None:
    left, top, width, height = boxes((60, 60), area=[0.05, 0.6], ratio=[0.7, 1.5]).unbind(dim=1)
    assert distance_from_uniform(width * height / 3600, 0.05, 0.6) < SMALL
    assert distance_from_uniform((width / height).log(), math.log(0.7), math.log(1.5)) < SMALL
    assert distance_from_uniform(left / (60 - width), 0, 1) < SMALL
    assert distance_from_uniform(top / (60 - height), 0, 1) < SMALL


@pytest.mark.parametrize("size", [(16, 16), (64, 48)])
def test_boxes_lie_in_the_image(size: tuple[int, int]) -> None:
    left, top, width, height = boxes((30, 50), size=size).unbind(dim=1)
    assert min(left.min(), top.min()) >= -1e-4
    assert (left + width).max() <= 50 + 1e-4
    assert (top + height).max() <= 30 + 1e-4
    area = width * height / 1500
    assert 0.08 - 1e-4 <= area.min() < 0.1
    assert 0.75 < area.max() <= 1


@pytest.mark.parametrize(
    ("ratio", "box"),
    [([2.0, 3.0], (0, 5, 20, 10)), ([0.25, 0.5], (5, 0, 10, 20)), ([1.0, 1.0], (0, 0, 20, 20))],
)
def test_where_no_box_fits_it_is_the_largest_central_one(
    ratio: list[float], box: tuple[float, ...]
) -> None:
    crops = boxes((20, 20), area=[1, 1], ratio=ratio)
    assert torch.allclose(crops, torch.tensor(box).double(), atol=1e-4)


def test_the_crop_is_resized_to_the_whole_result() -> None:
    """A picture whose values are its coordinates shows where the crop came from."""
    y, x = torch.meshgrid(torch.arange(30.0), torch.arange(40.0), indexing="ij")
    images = torch.stack([x / 40, y / 30]).expand(4000, -1, -1, -1)
    result = augmented(images, size=(16, 12), resized_crop={})
    left, top, width, height = boxes((30, 40), size=(16, 12)).float().unbind(dim=1)
    columns = left[:, None] + width[:, None] * (torch.arange(12) + 0.5) / 12 - 0.5
    rows = top[:, None] + height[:, None] * (torch.arange(16) + 0.5) / 16 - 0.5
    assert torch.allclose(result[:, 0], columns[:, None, :].expand(-1, 16, -1) / 40, atol=1e-4)
    assert torch.allclose(result[:, 1], rows[:, :, None].expand(-1, -1, 12) / 30, atol=1e-4)


@pytest.mark.parametrize("size", [(8, 8), (14, 14), (30, 20)])
def test_no_black_comes_in(size: tuple[int, int]) -> None:
    result = augmented(torch.ones(500, 1, 14, 14), size=size, resized_crop={"area": [0.5, 1]})
    if max(size) <= 14:
        assert result.min() > 1 - 1e-4
    else:  # the whole image, enlarged, reaches beyond the centres of its outer pixels
        assert result[:, :, 5:-5, 5:-5].min() > 1 - 1e-4


def test_the_whole_image_at_its_size_is_itself() -> None:
    images = random_images(8, size=(9, 9))
    result = augmented(images, resized_crop={"area": [1, 1], "ratio": [1, 1]})
    assert torch.allclose(result, images, atol=1e-5)
