"""A retrained network read back: by this version, and where another one made it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from nas.errors import is_user_error
from nas.storage.networks.checkpoints import save_checkpoint
from nas.storage.networks.network_file import (
    IncompleteNetworkWarning,
    load_network,
    save_network,
)
from nas.storage.networks.record import Accuracies, Accuracy, NetworkCosts, NetworkRecord
from nas.storage.networks.saved_network import (
    Prediction,
)
from search_space.architecture import Architecture, Task
from search_space.networks import build
from trainers import CheckpointError, DataError, Preprocessing, Recipe

README = Path(__file__).parents[3] / "README.md"

STAGE = {"width": 4, "stride": 1, "blocks": [{"type": "conv"}]}
STEM = {"type": "conv", "kernel": 3, "stride": 1, "pool": False, "width": 4}
NETWORK: dict[str, Any] = {"stem": STEM, "stages": [STAGE]}
ARCHITECTURE = Architecture.from_json(json.dumps(NETWORK))
NAMES = tuple(f"digit {number}" for number in range(10))
RECORD = NetworkRecord(
    preprocessing=Preprocessing(colour="grey", height=8, width=8, mean=(0.3,), std=(0.4,)),
    class_names=NAMES,
    recipe=Recipe(epochs=3, batch_size=16, learning_rate=0.1),
    seed=3,
    precision="float32",
    metric="accuracy",
    accuracies=Accuracies(
        test=Accuracy(mean=0.9, images=200),
        validation=Accuracy(mean=0.8, images=100),
        proxy_validation=Accuracy(mean=0.7, images=100, seeds=3, standard_error=0.01),
    ),
    costs=NetworkCosts(params=1, macs=2, activations=3),
    software={"convattn": "0.1.0", "torch": None},
)


@pytest.fixture
def kept(tmp_path: Path, task: Task) -> Callable[..., Path]:
    """Writes a model's file; keyword arguments replace what is in it, None takes it out."""

    def write(**changes: Any) -> Path:
        path = tmp_path / "model.pt"
        save_network(
            path, ARCHITECTURE, task, build(ARCHITECTURE, task, seed=3).state_dict(), RECORD
        )
        if changes:
            content = torch.load(path, weights_only=True)["payload"] | changes
            save_checkpoint(path, {k: v for k, v in content.items() if v is not None})
        return path

    return write


def test_what_was_kept_is_read_back(kept: Callable[..., Path], task: Task) -> None:
    network = load_network(kept())
    assert (network.architecture, network.task, network.record) == (ARCHITECTURE, task, RECORD)
    assert network.class_names == NAMES
    assert not network.model.training
    expected = build(ARCHITECTURE, task, seed=3).state_dict()
    for name, tensor in network.model.state_dict().items():
        torch.testing.assert_close(tensor, expected[name])


def test_pictures_are_preprocessed_and_classified(
    kept: Callable[..., Path], tmp_path: Path
) -> None:
    """As the record says, from files or PIL images, whatever their size."""
    network = load_network(kept())
    picture = Image.linear_gradient("L")  # 256 x 256
    picture.save(tmp_path / "gradient.png")
    pixels = torch.arange(8).mul(32).add(15.5)[:, None].expand(8, 8)
    x = network.preprocess(tmp_path / "gradient.png", picture.convert("RGB"))
    assert x.shape == (2, 1, 8, 8)
    # bilinear, anti-aliased: each row is the mean of the rows that it stands for
    torch.testing.assert_close(x[0, 0, 1:-1] * 0.4 + 0.3, pixels[1:-1] / 255, atol=0.005, rtol=0)
    assert torch.equal(x[0], x[1])
    with torch.no_grad():
        probabilities = network.model(x[:1])[0].softmax(dim=0)
    best = probabilities.argsort(descending=True)[:3].tolist()
    expected = [Prediction(NAMES[k], pytest.approx(probabilities[k].item())) for k in best]
    both = network.classify(str(tmp_path / "gradient.png"), picture, top=3)
    assert both == [expected, expected]
    assert network.classify(picture) == [expected[:1]]
    assert sum(p.probability for p in network.classify(picture, top=10)[0]) == pytest.approx(1)
    assert network.classify() == []
    for top in (0, 11):
        with pytest.raises(ValueError, match=rf"top must be in 1..10, .* got {top}"):
            network.classify(picture, top=top)
    with pytest.raises(DataError, match=r"nothing.png: no such file"):
        network.classify(picture, "nothing.png")


def test_the_three_lines_of_the_readme_work_in_any_folder(
    kept: Callable[..., Path], tmp_path: Path
) -> None:
    (block,) = re.findall(
        r"```python\n(from nas.storage.networks.network_file .*?)```", README.read_text(), re.S
    )
    assert len(block.split("\n\n")) == 2
    assert len([line for line in block.splitlines() if line]) == 3
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    kept().rename(elsewhere / "model.pt")
    Image.linear_gradient("L").save(elsewhere / "digit.png")
    code = re.sub(r'"[^"]*/model.pt"', '"model.pt"', block)
    code += "import sys; print({'ray', 'optuna', 'plotly'} & sys.modules.keys())"  # it is light
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("class_name='digit ") == 3
    assert done.stdout.endswith("set()\n")
    assert {path.name for path in elsewhere.iterdir()} == {"model.pt", "digit.png"}


def test_a_file_from_before_says_what_it_lacks(kept: Callable[..., Path]) -> None:
    path = kept(record=None)
    lacks = r"model.pt .* lacks the preprocessing, the class names, the recipe, costs and accurac"
    with pytest.warns(IncompleteNetworkWarning, match=lacks):
        network = load_network(path)
    assert network.model(torch.zeros(1, 1, 8, 8)).shape == (1, 10)
    for ask in (lambda: network.class_names, lambda: network.classify(Image.new("L", (8, 8)))):
        with pytest.raises(CheckpointError, match=lacks):
            ask()
    with pytest.raises(CheckpointError, match=lacks):
        load_network(path, require_complete=True)


def test_what_is_not_finite_is_no_prediction(kept: Callable[..., Path]) -> None:
    network = load_network(kept())
    with torch.no_grad():
        next(network.model.parameters()).fill_(float("inf"))
    with pytest.raises(CheckpointError, match=r"model.pt: the network's output is not finite"):
        network.classify(Image.new("L", (8, 8), 200))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_names": NAMES[1:]}, "one name for each of the task's 10 classes, got 9"),
        (
            {"preprocessing": RECORD.preprocessing.model_copy(update={"height": 9})},
            r"images of the task's \[1, 8, 8\] .*, got \[1, 9, 8\]",
        ),
    ],
)
def test_a_record_of_another_task_is_refused(
    kept: Callable[..., Path], task: Task, changes: dict[str, Any], message: str
) -> None:
    record = RECORD.model_copy(update=changes)
    with pytest.raises(CheckpointError, match=f"its record is not valid: .*{message}"):
        load_network(kept(record=record.canonical_json()))
    with pytest.raises(ValueError, match=message):
        save_network(kept(), ARCHITECTURE, task, {}, record)


def another(**changes: Any) -> str:
    return json.dumps(NETWORK | changes)


def weights(**changes: Any) -> dict[str, Any]:
    weights = dict(
        build(ARCHITECTURE, Task(input_shape=(1, 8, 8), classes=10), seed=0).state_dict()
    )
    return weights | changes


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
        ({"task": '{"classes": 0}'}, "its task is not valid: .*task.classes: .*got 0"),
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
        ({"record": "{}"}, "its record is not valid: record.preprocessing: missing"),
        (
            {"record": RECORD.canonical_json().replace("0.9", "9.0")},
            "record.accuracies.test.mean: .*less than or equal to 1, got 9.0",
        ),
    ],
)
def test_what_another_version_made_is_one_message(
    kept: Callable[..., Path], changes: dict[str, Any], why: str
) -> None:
    path = kept(**changes)
    with pytest.raises(CheckpointError, match=why) as caught:
        load_network(path)
    text = str(caught.value)
    assert text.startswith(f"{path} was made by another version of this software: ")
    assert len(text) < 600
    assert "\n" not in text
    assert is_user_error(caught.value)


@pytest.mark.parametrize("missing", ["architecture", "task", "weights"])
def test_what_is_no_model_at_all_is_said(kept: Callable[..., Path], missing: str) -> None:
    with pytest.raises(CheckpointError, match=f"not a retrained model: it has no {missing}"):
        load_network(kept(**{missing: None}))


def test_an_architecture_of_any_size_takes_no_memory(kept: Callable[..., Path]) -> None:
    wide = STAGE | {"width": 60_000}
    path = kept(architecture=another(stages=[wide, wide]))
    with pytest.raises(CheckpointError, match=r"do not fit: 108,\d{3},\d{3},\d{3} para"):
        load_network(path)
