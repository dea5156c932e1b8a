from __future__ import annotations

import torch

from trainers.augmentation.draws import ImageDraws, Use


def draws(count: int = 2000, seed: int = 3, epoch: int = 5) -> ImageDraws:
    return ImageDraws.of(seed, epoch, torch.arange(count))


def test_numbers_belong_to_the_image() -> None:
    rows = torch.tensor([7, 3, 1999])
    whole = draws().uniform(Use.WARP, 4)
    assert torch.equal(draws().rows(rows).uniform(Use.WARP, 4), whole[rows])
    assert torch.equal(ImageDraws.of(3, 5, rows).uniform(Use.WARP, 4), whole[rows])
    assert torch.equal(draws().uniform(Use.WARP, 2, first=2), whole[:, 2:])
    assert torch.equal(draws().to("cpu").uniform(Use.WARP, 4), whole)


def test_seeds_epochs_uses_and_images_have_numbers_of_their_own() -> None:
    numbers = torch.stack(
        [
            draws().uniform(Use.WARP, 1)[:, 0],
            draws().uniform(Use.NOISE, 1)[:, 0],
            draws(seed=4).uniform(Use.WARP, 1)[:, 0],
            draws(epoch=6).uniform(Use.WARP, 1)[:, 0],
            draws().uniform(Use.WARP, 1)[:, 0].roll(1),
            draws().uniform(Use.WARP, 2)[:, 1],
        ]
    ).double()
    correlation = torch.corrcoef(numbers).fill_diagonal_(0)
    assert correlation.abs().max() < 4 / 2000**0.5


def test_uniform_numbers_fill_0_to_1_evenly() -> None:
    numbers = draws().uniform(Use.WARP, 50)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = numbers.flatten().histc(20, 0, 1)
    # 19 degrees of freedom: 43.8 is exceeded once in a thousand
    assert ((counts - 5000) ** 2 / 5000).sum() < 43.8


def test_normal_numbers_have_normal_moments() -> None:
    numbers = draws().normal(Use.NOISE, 51).double()
    assert numbers.shape == (2000, 51)
    # radius and angle of a number come from one word: the pairs must be independent too
    pairs = numbers[:, :25] * numbers[:, 26:]
    assert abs(pairs.mean()) < 4 / pairs.numel() ** 0.5
    assert abs((pairs**2).mean() - 1) < 4 * (8 / pairs.numel()) ** 0.5
    count = numbers.numel()
    # the moments' deviations are sqrt(1, 2, 15, 96) / sqrt(count)
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((numbers**power).mean() - moment) < 4 * (variance / count) ** 0.5
