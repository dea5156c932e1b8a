"""Measuring latency, seeing that the device is busy, and keeping what was measured."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nas.config.latency import LatencyMetering
from nas.errors import RunError
from nas.latency.cache import LatencyCache
from nas.ray import meter
from search_space.architecture import Architecture, Task
from search_space.attention import backend, preferred_on
from search_space.cost.core_speed import CoreSpeed
from search_space.cost.latency import CONTENDED_CPU_SHARE, device_name, measure_latency
from search_space.cost.latency_record import DeviceBusy, Latency, LatencySettings
from search_space.networks import build
from search_space.primitives.local_attention import LocalAttention
from search_space.space import SearchSpace

IMAGE = (3, 32, 32)
CORE = CoreSpeed()  # so that its first look is taken once


def convolution(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, channels, 3), nn.ReLU(), nn.Conv2d(channels, channels, 3))


def measured(model: nn.Module, shape: tuple[int, int, int], **settings: Any) -> Latency:
    """On a machine where other tests may run: a few passes, tried until they are undisturbed."""
    few = LatencySettings(**{"warmup": 1, "repeats": 3} | settings)
    for _ in range(30):
        try:
            return measure_latency(model, shape, few, CORE)
        except DeviceBusy:
            time.sleep(0.2)
    return measure_latency(model, shape, few, CORE)


@pytest.mark.alone
def test_a_measurement_records_all_that_it_depends_on() -> None:
    latency = measured(convolution(4), IMAGE, batch_size=2, repeats=5)
    assert 0 < latency.latency_ms < 1000
    assert 0 <= latency.spread_ms < 1000
    assert (latency.repeats, latency.batch_size, latency.threads) == (5, 2, 1)
    assert (latency.dtype, latency.backend) == ("float32", "eager")
    assert latency.input_shape == IMAGE
    assert latency.torch_version == torch.__version__
    assert latency.device == device_name("cpu")
    assert latency.device
    assert Latency.from_json(latency.canonical_json()) == latency


@pytest.mark.alone
def test_a_measurement_says_what_computed_the_attention() -> None:
    layer = LocalAttention(extent=3, heads=2).build(4, 4, 1, (6, 6))
    with backend("torch"):
        assert measured(layer, (4, 6, 6)).backend == "eager, attention by torch (dense)"


@pytest.mark.alone
def test_more_work_takes_longer() -> None:
    small = measured(convolution(4), IMAGE)
    large = measured(convolution(128), IMAGE)
    assert large.latency_ms > 3 * small.latency_ms
    many = measured(convolution(32), IMAGE, batch_size=16)
    one = measured(convolution(32), IMAGE, batch_size=1)
    assert many.latency_ms > 3 * one.latency_ms


@pytest.mark.alone
@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_model_is_measured_as_it_is_used(threads: int) -> None:
    """In evaluation mode, without gradients, in the precision and batch that was asked for."""
    seen: list[tuple[Any, ...]] = []

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            shape = tuple(images.shape)
            used = torch.get_num_threads()
            inference = torch.is_inference_mode_enabled()
            seen.append((shape, images.dtype, self.weight.dtype, used, inference, self.training))
            return (images * self.weight).sum()

    model = Watching().train()
    settings = LatencySettings(
        batch_size=3, dtype="bfloat16", threads=threads, warmup=2, repeats=4, device="cpu"
    )
    with suppress(DeviceBusy):
        measure_latency(model, IMAGE, settings)
    # the first sees what runs; then one attempt or more, of as many fours as it takes
    assert len(seen) >= 1 + 2 + 4
    expected = ((3, *IMAGE), torch.bfloat16, torch.bfloat16, threads, True, False)
    assert set(seen) == {expected}
    assert not model.training


@pytest.mark.alone
@pytest.mark.parametrize("threads", [1, 2])
def test_the_process_keeps_its_threads(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with suppress(DeviceBusy):  # on one core, two threads are in each other's way
            measure_latency(convolution(4), IMAGE, LatencySettings(threads=3 - threads, repeats=3))
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_the_process_keeps_its_threads_when_the_model_raises() -> None:
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError, match="to have 3 channels, but got 5"):
        measure_latency(convolution(4), (5, 8, 8), LatencySettings(threads=before + 1))
    assert torch.get_num_threads() == before


@contextmanager
def crowded(processes: int) -> Iterator[None]:
    """One core for this process and that many others that never rest."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    spinning = []
    try:
        for _ in range(processes):
            command = [sys.executable, "-S", "-c", "print(flush=True)\nwhile True: pass"]
            spinning.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        for process in spinning:
            assert process.stdout is not None
            process.stdout.readline()
        yield
    finally:
        for process in spinning:
            process.kill()
            process.communicate()
        os.sched_setaffinity(0, before)


@pytest.mark.slow  # and at times a scheduler lets a crowded process run as if it were alone
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux's CPU affinity")
def test_a_busy_device_gives_no_figure() -> None:
    model = convolution(96)
    settings = LatencySettings(warmup=1, repeats=40)  # longer than the core is given at once
    for _ in range(4):
        with crowded(4):
            try:
                measure_latency(model, (3, 64, 64), settings)
            except DeviceBusy as busy:
                message = str(busy)
                break
    else:
        pytest.fail("four times a contended measurement was taken for an honest one")
    share = re.search(r"had the CPU for only (\d+)% of the time in each of 5 attempts", message)
    assert share is not None
    assert int(share[1]) < 100 * CONTENDED_CPU_SHARE
    assert device_name("cpu") in message
    assert "leave the device idle" in message


def test_a_batch_that_is_disturbed_keeps_what_was_measured_before(
    networks: list[Architecture], task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the worker returns it; a network that raises is its own result."""
    outcomes = iter([latency(1.0), ValueError("too small"), DeviceBusy("something else ran")])

    def measure(*_: Any) -> Latency:
        each = next(outcomes)
        if isinstance(each, Exception):
            raise each
        return each

    monkeypatch.setattr(meter, "measure_latency", measure)
    texts = [network.canonical_json() for network in [*networks, networks[0]]]
    first, failed, *busy = meter._measure(texts, task, LatencySettings())
    assert first == latency(1.0)
    assert isinstance(failed, str)
    assert "ValueError: too small" in failed
    assert [type(each) for each in busy] == [DeviceBusy, DeviceBusy]


@pytest.mark.parametrize("device", ["meta", "gpu", "cpu:7", "cuda:x"])
def test_a_device_that_cannot_be_timed_is_named(device: str) -> None:
    with pytest.raises(ValueError, match=rf"on cpu, cuda or such as cuda:1, got '{device}'"):
        device_name(device)
    with pytest.raises(ValueError, match=rf"on cpu, cuda or such as cuda:1, got '{device}'"):
        LatencySettings(device=device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what the test lacks")
def test_a_missing_gpu_is_named() -> None:
    with pytest.raises(ValueError, match=r"device 'cuda:1' is not here: torch sees 0 CUDA"):
        device_name("cuda:1")


def latency(value: float = 1.5, device: str = "a processor") -> Latency:
    return Latency(
        latency_ms=value,
        spread_ms=0.25,
        repeats=30,
        device=device,
        dtype="float32",
        batch_size=1,
        threads=1,
        input_shape=(1, 8, 8),
        torch_version=torch.__version__,
        backend="eager",
        attention=preferred_on("cpu"),
    )


@pytest.fixture
def networks(small_space: SearchSpace) -> list[Architecture]:
    return list(small_space.architectures())[:3]


@pytest.fixture
def cache_of(tmp_path: Path, task: Task) -> Callable[..., LatencyCache]:
    def opened(images: Task = task, **settings: Any) -> LatencyCache:
        return LatencyCache(tmp_path / "latency.jsonl", images, LatencyMetering(**settings))

    return opened


@pytest.mark.alone
def test_what_was_measured_is_read_back(
    cache_of: Callable[..., LatencyCache], networks: list[Architecture], task: Task
) -> None:
    real = measured(build(networks[0], task, seed=0), task.input_shape)
    cache = cache_of()
    assert cache.get(networks[0]) is None
    cache.put(networks[0], real)
    cache.put(networks[1], latency(2.0, device=real.device))
    cache.put(networks[1], latency(3.0, device=real.device))  # measured again: the last one holds
    for known in (cache, cache_of()):
        assert known.get(networks[0]) == real
        assert known.get(networks[1]) == latency(3.0, device=real.device)
        assert known.get(networks[2]) is None


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 2},
        {"threads": 2},
        {"dtype": "bfloat16"},
        {"warmup": 6},
        {"repeats": 31},
        {"device": "cuda"},
    ],
    ids=str,
)
def test_measurements_with_other_settings_are_not_taken(
    cache_of: Callable[..., LatencyCache], networks: list[Architecture], settings: dict[str, Any]
) -> None:
    cache_of().put(networks[0], latency())
    other = cache_of(**settings)
    assert other.get(networks[0]) is None
    other.put(networks[0], latency(7.0))
    assert cache_of().get(networks[0]) == latency()
    assert cache_of(**settings).get(networks[0]) == latency(7.0)


def test_how_many_are_measured_together_does_not_matter(
    cache_of: Callable[..., LatencyCache], networks: list[Architecture]
) -> None:
    cache_of().put(networks[0], latency())
    assert cache_of(candidates_per_batch=3).get(networks[0]) == latency()


def test_measurements_of_other_images_or_versions_are_not_taken(
    cache_of: Callable[..., LatencyCache],
    networks: list[Architecture],
    task: Task,
    tmp_path: Path,
) -> None:
    cache_of().put(networks[0], latency())
    assert cache_of(task.replace(input_shape=(1, 9, 8))).get(networks[0]) is None
    # classes and data do not change how long an image takes but in the last layer
    assert cache_of(task.replace(dataset="others")).get(networks[0]) == latency()
    file = tmp_path / "latency.jsonl"
    record = json.loads(file.read_text())
    file.write_text(json.dumps(record | {"torch": "1.0"}) + "\n")
    assert cache_of().get(networks[0]) is None


def test_another_device_is_refused(
    cache_of: Callable[..., LatencyCache], networks: list[Architecture], tmp_path: Path
) -> None:
    cache_of().put(networks[0], latency())
    cache = cache_of()
    with pytest.raises(
        RunError, match="latencies of different devices or settings do not"
    ) as caught:
        cache.put(networks[1], latency(device="another"))
    for named in (str(tmp_path / "latency.jsonl"), "'a processor'", "'another'"):
        assert named in str(caught.value)
    for known in (cache, cache_of()):
        assert known.get(networks[1]) is None
        assert known.get(networks[0]) == latency()


@pytest.mark.parametrize(
    "wrong",
    [
        b"not JSON",
        b'{"arch_id": "abc"',
        b"[1, 2]",
        b"7",
        b"",
        b"\xff\xfe",
        b'{"arch_id": "abc", "latency": {"latency_ms": "quick"}}',
        b'{"arch_id": "abc"}',
    ],
    ids=str,
)
def test_a_damaged_line_is_named(
    cache_of: Callable[..., LatencyCache],
    networks: list[Architecture],
    tmp_path: Path,
    wrong: bytes,
) -> None:
    cache_of().put(networks[0], latency())
    file = tmp_path / "latency.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole + whole + wrong + b"\n" + whole)
    with pytest.raises(RunError) as caught:
        cache_of()
    assert str(caught.value) == f"{file}, line 3: not a latency record"


def test_a_line_that_was_cut_off_is_measured_again(
    cache_of: Callable[..., LatencyCache], networks: list[Architecture], tmp_path: Path
) -> None:
    """A kill or a full disk leaves it; what is added then must not stand in the same line."""
    cache = cache_of()
    for number in (0, 1):
        cache.put(networks[number], latency(1.0 + number))
    file = tmp_path / "latency.jsonl"
    file.write_bytes(file.read_bytes()[:-30])
    cache = cache_of()
    assert (cache.get(networks[0]), cache.get(networks[1])) == (latency(1.0), None)
    cache.put(networks[2], latency(3.0))
    assert [cache_of().get(network) for network in networks] == [latency(1.0), None, latency(3.0)]


def test_a_record_without_its_architecture_is_damaged(
    cache_of: Callable[..., LatencyCache], networks: list[Architecture], tmp_path: Path
) -> None:
    cache_of().put(networks[0], latency())
    file = tmp_path / "latency.jsonl"
    record = json.loads(file.read_text())
    del record["arch_id"]
    file.write_text(json.dumps(record) + "\n")
    with pytest.raises(RunError, match="line 1: not a latency record"):
        cache_of()


def test_a_file_that_cannot_be_written_is_named(
    tmp_path: Path, task: Task, networks: list[Architecture]
) -> None:
    file = tmp_path / "gone" / "latency.jsonl"
    cache = LatencyCache(file, task, LatencySettings())
    with pytest.raises(RunError) as caught:
        cache.put(networks[0], latency())
    assert str(caught.value) == f"cannot write {file}: No such file or directory"
