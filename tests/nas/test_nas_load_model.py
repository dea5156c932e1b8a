"""A retrained network read back: by this version, and where another one made it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nas.retrain import load_model
from nas.user_errors import is_user_error
from search_space.architecture import Architecture, Task
from search_space.networks import build
from trainers import CheckpointError, save_checkpoint

STAGE = {"width": 4, "stride": 1, "blocks": [{"type": "conv"}]}
STEM = {"type": "conv", "kernel": 3, "stride": 1, "pool": False, "width": 4}
NETWORK: dict[str, Any] = {"stem": STEM, "stages": [STAGE]}
ARCHITECTURE = Architecture.from_json(json.dumps(NETWORK))


@pytest.fixture
def kept(tmp_path: Path, task: Task) -> Callable[..., Path]:
    """Writes a model's file; keyword arguments replace what is in it."""

    def write(**changes: Any) -> Path:
        model = {
            "architecture": ARCHITECTURE.canonical_json(),
            "task": task.canonical_json(),
            "weights": build(ARCHITECTURE, task, seed=3).state_dict(),
        }
        path = tmp_path / "model.pt"
        save_checkpoint(path, {k: v for k, v in (model | changes).items() if v is not None})
        return path

    return write


def test_what_was_kept_is_read_back(kept: Callable[..., Path], task: Task) -> None:
    model, architecture, found = load_model(kept())
    assert (architecture, found, model.training) == (ARCHITECTURE, task, False)
    expected = build(ARCHITECTURE, task, seed=3).state_dict()
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, expected[name])


def another(**changes: Any) -> str:
    return json.dumps(NETWORK | changes)


def weights(**changes: Any) -> dict[str, Any]:
    found = dict(build(ARCHITECTURE, Task(input_shape=(1, 8, 8), classes=10), seed=0).state_dict())
    return found | changes


BLOCK_STEM = {"type": "attention", "width": 4, "block": 3, "heads": 2}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"architecture": another(stages=[STAGE | {"blocks": [{"type": "mean"}]}])},
            r"its architecture is not valid: architecture.stages\[0\].blocks\[0\]: unknown primiti",
        ),
        (
            {"architecture": another(colour="red")},
            "its architecture is not valid: architecture.colour: unknown key",
        ),
        ({"architecture": "no JSON"}, "its architecture is not valid: architecture: invalid JSON"),
        ({"architecture": 7}, "its architecture is not valid: architecture: .*got 7"),
        ({"task": "[]"}, "its task is not valid: task: "),
        ({"task": '{"classes": 1}'}, "its task is not valid: .*task.classes: .*got 1"),
        (
            {"architecture": another(stem=BLOCK_STEM)},
            "resnet.* cannot be built: .* block must divide the image, got block=3, image 8x8",
        ),
        ({"weights": {}}, "its weights do not fit: .* parameters are needed, it holds 0"),
        ({"weights": weights(other=torch.zeros(1))}, "do not fit: .*Unexpected key.*other"),
        (
            {"weights": weights(**{"classifier.linear.bias": torch.zeros(3)})},
            "do not fit: .*size mismatch for classifier.linear.bias",
        ),
        ({"weights": [1, 2]}, "its weights do not fit: "),
    ],
)
def test_what_another_version_made_is_one_message(
    kept: Callable[..., Path], changes: dict[str, Any], why: str
) -> None:
    path = kept(**changes)
    with pytest.raises(CheckpointError, match=why) as caught:
        load_model(path)
    text = str(caught.value)
    assert text.startswith(f"{path} was made by another version of this software: ")
    assert len(text) < 600
    assert "\n" not in text
    assert is_user_error(caught.value)


@pytest.mark.parametrize("missing", ["architecture", "task", "weights"])
def test_what_is_no_model_at_all_is_said(kept: Callable[..., Path], missing: str) -> None:
    with pytest.raises(CheckpointError, match=f"not a retrained model: it has no {missing}"):
        load_model(kept(**{missing: None}))


def test_an_architecture_of_any_size_takes_no_memory(kept: Callable[..., Path]) -> None:
    wide = STAGE | {"width": 60_000}
    path = kept(architecture=another(stages=[wide, wide]))
    with pytest.raises(CheckpointError, match=r"do not fit: 108,\d{3},\d{3},\d{3} para"):
        load_model(path)
