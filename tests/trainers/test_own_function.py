"""Images from a function of the user's own, named by its import path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from trainers import DataConfig, DataError, load_splits

MODULE = '''
import torch
from trainers import ImageSplits, Split

def shapes(*, seed, images=12, side=8):
    """Squares and frames, drawn from the seed."""
    generator = torch.Generator().manual_seed(seed)

    def split(count):
        shape = (count, 1, side, side)
        pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        labels = torch.arange(count) % 2
        pixels[labels == 1, :, 2:-2, 2:-2] = 0
        return Split(pixels, labels)

    return ImageSplits.of("shapes", train=split(images), validation=split(4), test=split(4),
                          class_names=("square", "frame"))

def breaks(*, seed):
    raise KeyError("no such thing")

def other(*, seed):
    return 5
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Returns the import path of a function in a module of the user's own."""
    name = f"own_data_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    return lambda function: f"{name}:{function}"


def test_its_images_follow_from_seed_and_parameters(module: Callable[[str], str]) -> None:
    def loaded(seed: int, **parameters: int) -> list[object]:
        config = DataConfig(name=module("shapes"), split_seed=seed, parameters=parameters)
        splits = load_splits(config)
        assert splits.class_names == ("square", "frame")
        return [splits.input_shape, splits.train.images.tolist()]

    assert loaded(1) == loaded(1)
    assert loaded(1) != loaded(2)
    assert loaded(1, images=20, side=10)[0] == (1, 10, 10)


@pytest.mark.parametrize(
    ("function", "parameters", "message"),
    [
        ("breaks", {}, "raised KeyError: 'no such thing'"),
        ("other", {}, r"must return trainers\.ImageSplits, it returned int"),
        ("missing", {}, "has no attribute 'missing'"),
        ("shapes", {"colour": 3}, "unexpected keyword argument 'colour'"),
    ],
)
def test_what_is_wrong_with_it_is_one_message(
    module: Callable[[str], str], function: str, parameters: dict[str, int], message: str
) -> None:
    name = module(function)
    with pytest.raises(DataError, match=message) as raised:
        load_splits(DataConfig(name=name, parameters=parameters))
    assert str(raised.value).startswith(f"data {name!r} ")


def test_a_module_that_is_not_there_says_what_to_set() -> None:
    with pytest.raises(DataError, match=r"No module named 'nowhere'.*set modules, or PYTHONPATH"):
        load_splits(DataConfig(name="nowhere:function"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "a:b", "train_images": 5}, "'a:b' is a function .* takes no train_images, got"),
        ({"name": "a:b", "path": "x"}, "takes no path, got path='x'"),
        ({"name": "digits", "parameters": {"x": 1}}, "is no function of your own"),
        ({"name": "a-b:c"}, "is like my_package.module:function, got 'a-b:c'"),
        (
            {"name": "mnist"},
            "should be 'digits', 'pathfinder', 'pointer_value_retrieval', 'shapes', 'cifar10'",
        ),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DataConfig.model_validate(settings)


def test_configurations_can_be_keys() -> None:
    one, same = (DataConfig(name="a:b", parameters={"x": [1, 2]}) for _ in range(2))
    assert {one: 1}[same] == 1
