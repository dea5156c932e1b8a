"""Backbones from the weights of a classifier."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from search_space.architecture import Architecture, Task
from search_space.detector import Detector
from search_space.networks import build
from search_space.networks.detection.pretrained import load_backbone
from search_space.primitives import AugmentedConvolution, Convolution
from tests.search_space.small_detectors import LOCAL, backbone

CLASSIFIED = Task(input_shape=(3, 64, 64), classes=4)
DETECTED = Task(input_shape=(3, 128, 160), classes=2)
AUGMENTED = AugmentedConvolution(
    kernel=3, key_depth=4, value_depth=2, heads=2, position="relative", downsample=False
)


def with_blocks(*blocks: Any) -> Architecture:
    """The small backbone with other primitives in its last stages."""
    stages = list(backbone().stages)
    for index, block in enumerate(blocks, start=4 - len(blocks)):
        stages[index] = stages[index].replace(blocks=(block,))
    return backbone().replace(stages=tuple(stages))


def loaded(classifier: Architecture, detects: Architecture | None = None) -> tuple[Any, Any]:
    source = build(classifier, CLASSIFIED, seed=1)
    detector = (detects or classifier).replace(detector=Detector(width=8))
    model = build(detector, DETECTED, seed=2)
    load_backbone(model, source.state_dict())
    return source, model


def test_convolutions_and_local_attention_are_copied() -> None:
    source, model = loaded(with_blocks(LOCAL))
    given, own = source.state_dict(), model.state_dict()
    shared = [name for name in own if name.startswith(("stem.", "stages."))]
    assert len(shared) > 10
    assert all(torch.equal(own[name], given[name]) for name in shared)
    images = torch.randn(1, 3, 130, 140)
    for first, second in zip(
        source.eval().features(images), model.eval().features(images), strict=True
    ):
        assert torch.equal(first, second)


def by_loops(table: Tensor, rows: int) -> Tensor:
    """Interpolate ``[1, n, d]`` linearly, ends on ends."""
    out = torch.empty(1, rows, table.shape[2])
    for row in range(rows):
        place = row * (table.shape[1] - 1) / (rows - 1)
        before = min(int(place), table.shape[1] - 2)
        share = place - before
        out[0, row] = (1 - share) * table[0, before] + share * table[0, before + 1]
    return out


def test_tables_of_global_attention_are_interpolated() -> None:
    source, model = loaded(with_blocks(AUGMENTED, AUGMENTED))
    given, own = source.state_dict(), model.state_dict()
    for stage, (height, width) in ((2, (8, 10)), (3, (4, 5))):
        for table, length in (("row", height), ("column", width)):
            (name,) = (n for n in own if n.startswith(f"stages.{stage}") and f"{table}_emb" in n)
            assert own[name].shape[1] == 2 * length - 1
            torch.testing.assert_close(own[name], by_loops(given[name], 2 * length - 1))
            middle = given[name].shape[1] // 2  # the distance 0
            torch.testing.assert_close(own[name][0, length - 1], given[name][0, middle])
    assert model(torch.randn(1, *DETECTED.input_shape)).offsets.isfinite().all()


def test_at_the_same_size_tables_are_copied() -> None:
    classifier = with_blocks(AUGMENTED)
    source = build(classifier, DETECTED.replace(classes=3), seed=1)
    model = build(classifier.replace(detector=Detector(width=8)), DETECTED, seed=2)
    load_backbone(model, source.state_dict())
    name = next(name for name in source.state_dict() if "row_embedding" in name)
    assert torch.equal(model.state_dict()[name], source.state_dict()[name])


def test_another_backbone_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the classifier has no stages\.3.*column_embedding"):
        loaded(backbone(), with_blocks(LOCAL))
    kernel = (
        r"stages.3.0.branch.0.weight: the classifier's is \(10, 8, 5, 5\), the backbone's \(10,"
    )
    with pytest.raises(ValueError, match=kernel):
        loaded(with_blocks(Convolution(kernel=5)), backbone())
