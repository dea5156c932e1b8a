"""The stopwatch: parts that exclude one another, also where they are nested or raise."""

from __future__ import annotations

from contextlib import suppress

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import trainers.training
from trainers import DataConfig, Recipe, Stopwatch, Training, load_splits
from trainers.data.splits.dataset import Split
from trainers.optimization.step import TrainingStep


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_inner_part_pauses_the_outer_one() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    clock.now += 7  # of no part
    with watch.measuring("training"):
        clock.now += 1
        with watch.measuring("loading"):
            clock.now += 2
            assert watch.seconds() == {"training": 1, "loading": 2}
        clock.now += 3
        assert watch.of_part("training") == 4
    clock.now += 7
    assert watch.seconds() == {"training": 4, "loading": 2}
    watch.add("loading", 0.5)
    assert watch.of_part("loading") == 2.5
    watch.reset()
    assert watch.seconds() == {}


def test_a_part_that_raises_is_measured_too() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    with suppress(ValueError), watch.measuring("training"), watch.measuring("loading"):
        clock.now += 2
        raise ValueError
    clock.now += 7
    with watch.measuring("training"):
        clock.now += 1
    assert watch.seconds() == {"loading": 2, "training": 1}


Nested = st.recursive(
    st.floats(0, 100), lambda inner: st.tuples(st.sampled_from("abc"), st.lists(inner, max_size=4))
)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.lists(Nested, max_size=4)), max_size=5))
def test_the_parts_sum_up_to_the_time_in_any_of_them(
    blocks: list[tuple[str, list[object]]],
) -> None:
    clock = Clock()
    watch = Stopwatch(clock)

    def run(block: object) -> None:
        if isinstance(block, float):
            clock.now += block
            return
        assert isinstance(block, tuple)
        name, inner = block
        with watch.measuring(name):
            for each in inner:
                run(each)

    for block in blocks:
        run(block)
    assert sum(watch.seconds().values()) == pytest.approx(clock.now - 100)


def test_a_training_measures_steps_loading_and_evaluation_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each step takes 10 s, reading images 100 s, and the evaluation of an epoch 1,000 s."""
    clock = Clock()
    take, pixels = TrainingStep.take, Split.pixels
    evaluate = trainers.training.Evaluator.metrics

    def slow_step(step: TrainingStep, *args: object) -> object:
        clock.now += 10
        return take(step, *args)  # type: ignore[arg-type]

    def slow_pixels(split: Split, positions: torch.Tensor) -> torch.Tensor:
        clock.now += 100
        return pixels(split, positions)

    def slow_evaluation(evaluator: object, *args: object) -> object:
        clock.now += 1000
        return evaluate(evaluator, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(TrainingStep, "take", slow_step)
    monkeypatch.setattr(Split, "pixels", slow_pixels)
    monkeypatch.setattr(trainers.training.Evaluator, "metrics", slow_evaluation)
    recipe = Recipe(epochs=2, batch_size=50, learning_rate=0.05, evaluate_every_epochs=2)
    splits = load_splits(DataConfig(name="digits", train_images=100, validation_images=100))
    watch = Stopwatch(clock)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    training = Training(model, splits, recipe, seed=0, stopwatch=watch)
    began = clock.now
    training.run_epoch()
    seconds = watch.seconds()
    assert (seconds["training"], seconds["evaluation"]) == (20, 0)
    assert seconds["loading"] % 100 == 0
    assert seconds["loading"] >= 100
    training.run_epoch()
    seconds = watch.seconds()
    assert (seconds["training"], seconds["evaluation"]) == (40, 1000)
    assert sum(seconds.values()) == clock.now - began
