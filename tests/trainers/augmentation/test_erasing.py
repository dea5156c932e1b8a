from __future__ import annotations

import pytest
import torch

from tests.trainers.augmentation.augmented import augmented


def test_erasing_blackens_one_rectangle_in_its_share_of_images() -> None:
    result = augmented(torch.ones(400, 2, 16, 16), erasing_probability=0.3)
    erased = (result == 0).flatten(1).any(dim=1)
    assert 92 <= int(erased.sum()) <= 148  # 120 with a deviation of 9
    for image in result[erased]:
        black = image[0] == 0
        rows, columns = black.any(dim=1), black.any(dim=0)
        assert torch.equal(black, rows[:, None] & columns)
        assert rows.int().diff().abs().sum() <= 2
        assert columns.int().diff().abs().sum() <= 2
        assert torch.equal(image[0], image[1])
        assert torch.all((image == 0) | (image == 1))


def test_area_ratio_and_place_of_rectangles() -> None:
    black = augmented(torch.ones(2000, 1, 60, 60), erasing_probability=1)[:, 0] == 0
    widths, heights = black.any(dim=1).sum(dim=1).float(), black.any(dim=2).sum(dim=1).float()
    areas = widths * heights / 3600
    assert 0.017 < areas.min() < 0.025
    assert 0.32 < areas.max() < 0.34
    # the largest areas fit with moderate ratios only, so that the mean is a little below 0.175
    assert 0.165 < areas.mean() < 0.178
    ratios = (widths / heights).log()
    assert 0.27 < ratios.min().exp() < 0.33
    assert 3.0 < ratios.max().exp() < 3.7
    assert abs(ratios.mean()) < 0.05
    share = black.float().mean(dim=0)
    assert torch.allclose(share, share.flip(0), atol=0.06)
    assert torch.allclose(share, share.flip(1), atol=0.06)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 30)])
def test_small_and_long_images_lose_no_more_than_they_have(size: tuple[int, int]) -> None:
    result = augmented(torch.ones(500, 1, *size), erasing_probability=1)
    assert result.shape == (500, 1, *size)
    assert (result == 0).any()


def test_every_pixel_can_be_erased() -> None:
    result = augmented(torch.ones(500, 1, 5, 5), erasing_probability=1)
    assert torch.all((result == 0).any(dim=0))
