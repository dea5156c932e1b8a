"""Normalisation groups: together or one after another, the training is the same."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from tests.trainers.hybrid import MIXING, hybrid
from trainers import ImageSplits, Recipe, Training
from trainers.normalization.groups import group_layers, may_pass_together

pytestmark = pytest.mark.many_cases

SETTINGS = MIXING | {"epochs": 5, "batch_size": 64, "normalization_images": 16}


def trained(digits: ImageSplits, groups_at_once: int | None, **settings: object) -> Training:
    recipe = Recipe.model_validate(SETTINGS | settings)
    training = Training(
        hybrid(), digits, recipe, seed=3, evaluate_on="none", groups_at_once=groups_at_once
    )
    while not training.done:
        training.run_epoch()
    return training


@pytest.mark.parametrize("groups_at_once", [1, 2, 3])
def test_twenty_steps_do_not_depend_on_how_many_pass_at_once(
    digits: ImageSplits, groups_at_once: int
) -> None:
    together, apart = trained(digits, None), trained(digits, groups_at_once)
    assert together.curve[-1].learning_rate == apart.curve[-1].learning_rate
    expected = together.model.state_dict()
    for name, tensor in apart.model.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.slow
def test_compiled_passes_give_the_same_training(digits: ImageSplits) -> None:
    plain, compiled = trained(digits, None, epochs=2), trained(digits, None, epochs=2, compile=True)
    assert compiled.execution.compiles
    expected = plain.model.state_dict()
    for name, tensor in compiled.model.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-3, atol=1e-4, msg=name)


def test_another_group_is_another_training(digits: ImageSplits) -> None:
    """The statistics are of 16 images: with all 64 the running averages differ."""
    groups, whole = trained(digits, None), trained(digits, None, normalization_images=None)
    counted = [name for name in groups.model.state_dict() if name.endswith("num_batches_tracked")]
    for name in counted:
        assert groups.model.state_dict()[name] == 4 * whole.model.state_dict()[name]


def test_one_step_is_the_mean_of_the_groups_gradients() -> None:
    """Batch normalisation and its running averages, group by group, written out."""
    norm = nn.BatchNorm2d(3)
    plain = copy.deepcopy(norm)
    images = torch.randn(8, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    groups = group_layers(norm)
    with groups.passing([1, 2]):
        out = norm(images)
    expected = torch.cat([plain(images[:4]), plain(images[4:])])
    assert torch.equal(out, expected)
    assert torch.equal(norm.running_var, plain.running_var)
    assert norm.num_batches_tracked == 2


def test_dropout_draws_by_the_group_alone() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.Dropout2d(0.25))
    groups = group_layers(model)
    ones = torch.ones(6, 40, 2, 2)
    with groups.passing([7, 8, 9]):
        together = model(ones)
    apart = []
    for seed in (7, 8, 9):
        with groups.passing([seed]):
            apart.append(model(ones[:2]))
    assert torch.equal(together, torch.cat(apart))
    assert not torch.equal(apart[0], apart[1])
    kept = (together > 0).float().mean()
    assert 0.3 < kept < 0.45  # a half of three quarters
    assert together.unique().tolist() == pytest.approx([0, 2 / 0.75])
    assert torch.equal(model.eval()(ones), ones)


def test_names_and_copies_stay(network: Callable[[int], nn.Module]) -> None:
    model, before = network(0), list(network(0).state_dict())
    groups = group_layers(model)
    assert list(model.state_dict()) == before
    twin = copy.deepcopy(model)
    images = torch.randn(4, 1, 8, 8)
    with groups.passing([1, 2]):
        twin(images)  # it knows nothing of these groups
    assert twin[1].num_batches_tracked == 1
    assert isinstance(model[1], nn.BatchNorm2d)
    assert isinstance(model[7], nn.Dropout)


def test_layers_of_ones_own_pass_one_group_at_a_time(digits: ImageSplits) -> None:
    class OwnNorm(nn.BatchNorm2d):
        pass

    model = nn.Sequential(OwnNorm(1), nn.Flatten(), nn.Linear(64, 10))
    group_layers(model)
    assert not may_pass_together(model)
    training = Training(model, digits, Recipe.model_validate(SETTINGS), seed=0, evaluate_on="none")
    assert training.groups_at_once == 1
