"""The trials on one node share one copy of the images in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import ray

from nas.config.sections import RaySettings
from nas.evaluation.assignment import Assignment
from nas.ray.cluster.connection import connected
from search_space.architecture import Task
from trainers import DataConfig, ImageSplits, Recipe, Split, load_splits

pytestmark = pytest.mark.ray

MEGABYTES = 120


def noise(*, seed: int) -> ImageSplits:
    """A set of 120 MB."""
    import torch  # noqa: PLC0415

    generator = torch.Generator().manual_seed(seed)
    shape = (MEGABYTES * 10, 1, 250, 400)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    split = Split(images, torch.arange(len(images)) % 2)
    few = split.rows(torch.arange(4))
    return ImageSplits.of("noise", train=split, validation=few, test=few, class_names=("a", "b"))


def memory_mb(kind: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{kind}:")[1].split()[0]) / 1000


class Worker:
    """Reads the images of an assignment, and says what memory that takes."""

    def taken_mb(self, shared: list[object]) -> tuple[float, float, int]:
        before = memory_mb("RssAnon"), memory_mb("RssShmem")
        assignment = ray.get(shared[0])
        splits = assignment.splits()
        total = sum(int(part.sum()) for part in splits.train.images.split(100))
        self.kept = splits
        return memory_mb("RssAnon") - before[0], memory_mb("RssShmem") - before[1], total


def test_each_worker_maps_the_same_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    data = DataConfig(name="tests.nas.ray.test_shared_images:noise", split_seed=3)
    recipe = Recipe(epochs=1, batch_size=10, learning_rate=0.1)
    task = Task(input_shape=(1, 250, 400), classes=2)
    assignment = Assignment(data, task, recipe, "accuracy", "cpu", 1)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    with connected(RaySettings()):
        shared = ray.put(assignment.with_images())
        workers = [ray.remote(num_cpus=0.5)(Worker).remote() for _ in range(2)]
        for anonymous, mapped, total in ray.get([w.taken_mb.remote([shared]) for w in workers]):
            assert anonymous < MEGABYTES / 3
            assert mapped > 0.9 * MEGABYTES
            train = load_splits(data).train
            assert isinstance(train, Split)
            assert total == int(train.images.sum())
