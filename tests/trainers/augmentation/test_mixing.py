from __future__ import annotations

import pytest
import torch

from trainers.augmentation.mixing import mix
from trainers.augmentation.settings import Augmentation

CLASSES = 5
CASES = {
    "mixup": {"mixup_alpha": 1.0},
    "cutmix": {"cutmix_alpha": 1.0},
    "both": {"mixup_alpha": 1.0, "cutmix_alpha": 1.0},
}


def group(count: int = 50, size: tuple[int, int] = (6, 9)) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images of one channel a class, which is 1 in the image's own, and labels."""
    labels = torch.arange(count) % CLASSES
    one_hot = torch.nn.functional.one_hot(labels, CLASSES).float()
    return one_hot[:, :, None, None].repeat(1, 1, *size), labels


def mixed(seed: int = 0, **settings: float) -> tuple[torch.Tensor, torch.Tensor]:
    return mix(*group(), Augmentation(**settings), classes=CLASSES, seed=seed)


@pytest.mark.parametrize("case", CASES)
def test_probabilities_are_the_shares_of_the_pixels(case: str) -> None:
    for seed in range(6):
        images, targets = mixed(seed, **CASES[case])
        assert images.shape == (50, CLASSES, 6, 9)
        assert torch.allclose(targets, images.mean(dim=(2, 3)), atol=1e-6)
        assert torch.allclose(targets.sum(dim=1), torch.ones(50))
        assert 10 < int((targets.max(dim=1).values < 0.95).sum()) < 50


@pytest.mark.parametrize("case", CASES)
def test_seed_decides_and_nothing_else(case: str) -> None:
    first = mixed(1, **CASES[case])
    state = torch.random.get_rng_state()
    again = mixed(1, **CASES[case])
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[1], mixed(2, **CASES[case])[1])
    images, labels = group()
    before = images.clone()
    mix(images, labels, Augmentation(**CASES[case]), classes=CLASSES, seed=0)
    assert torch.equal(images, before)


def test_mixup_mixes_whole_images_by_shares_of_their_own() -> None:
    images, targets = mixed(**CASES["mixup"])
    assert torch.equal(images, images[:, :, :1, :1].expand_as(images))
    assert len(targets.max(dim=1).values.unique()) > 20


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_mixup_shares_are_a_beta_distribution(alpha: float) -> None:
    """The variance of Beta(a, a) is 1 / (4 (2 a + 1))."""
    labels = torch.tensor([0, 1]).repeat(4000)
    images = labels.float()[:, None, None, None]
    _, targets = mix(images, labels, Augmentation(mixup_alpha=alpha), classes=2, seed=0)
    # among partners of the other class the share of the own one is the Beta number
    share = torch.where(labels == 0, targets[:, 0], targets[:, 1])
    share = share[(targets > 0).all(dim=1)]
    assert len(share) > 3500
    assert share.mean().item() == pytest.approx(0.5, abs=0.03)
    assert share.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)


def test_cutmix_pastes_one_box_of_the_partner() -> None:
    images, targets = mixed(**CASES["cutmix"])
    assert torch.all((images == 0) | (images == 1))
    _, labels = group()
    for image, label, target in zip(images, labels, targets, strict=True):
        pasted = image[label] == 0
        rows, columns = pasted.any(dim=1), pasted.any(dim=0)
        assert torch.equal(pasted, rows[:, None] & columns)
        assert rows.int().diff().abs().sum() <= 2
        assert columns.int().diff().abs().sum() <= 2
        assert target[label].item() == pytest.approx(1 - pasted.float().mean().item())


def test_cutmix_boxes_are_centred_anywhere_and_keep_the_ratio() -> None:
    """With shares near one half a box has sqrt(1 / 2) of each side, less what lies outside."""
    labels = torch.tensor([0, 1]).repeat(1000)
    images = labels.float()[:, None, None, None].repeat(1, 1, 20, 40)
    result, _ = mix(images, labels, Augmentation(cutmix_alpha=1e4), classes=2, seed=0)
    pasted = (result != images)[:, 0]
    pasted = pasted[pasted.flatten(1).any(dim=1)]
    assert 900 < len(pasted) < 1100  # partners of the other class
    heights, widths = pasted.any(dim=2).sum(dim=1), pasted.any(dim=1).sum(dim=1)
    assert heights.max() == 14
    assert widths.max() == 28
    assert heights.min() == 7
    assert widths.min() == 14
    # a centre in the middle third of 20 pixels keeps 13 or more of 14
    assert heights.float().mean() == pytest.approx(11.55, abs=0.3)
    share = pasted.float().mean(dim=0)
    assert torch.allclose(share, share.flip(0, 1), atol=0.12)


def test_both_alternate_at_even_odds() -> None:
    cuts = sum(
        bool(torch.all((images == 0) | (images == 1)))
        for images, _ in (mixed(seed, **CASES["both"]) for seed in range(200))
    )
    assert 75 < cuts < 125


def test_mixing_needs_something_to_mix_by() -> None:
    with pytest.raises(ValueError, match="mixup_alpha or cutmix_alpha"):
        mixed()
