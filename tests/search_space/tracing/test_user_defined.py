"""Primitives and stems of one's own, named by import path."""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from pydantic import ValidationError

from search_space.architecture import Architecture, Stage, Task
from search_space.cost import count_module, network_costs
from search_space.networks import build
from search_space.space import SearchSpace
from search_space.space.architecture_file import read_architecture_and_task
from search_space.yaml_validation import ConfigError, validate
from tests.search_space.own_primitive import PATH, Patches, Rectangle, Separable, Unpadded
from tests.search_space.strategies import CONV_STEM, space


def test_own_primitive_builds_counts_and_round_trips() -> None:
    task = Task(input_shape=(3, 9, 8), classes=10)
    architecture = Architecture(
        block="bottleneck",
        expansion=2,
        stem=Patches(width=6, patch=2),
        stages=(Stage(width=8, stride=1, blocks=(Separable(kernel=5), Rectangle(sides=(1, 3)))),),
    )
    data = json.loads(architecture.canonical_json())
    assert data["stages"][0]["blocks"] == [
        {"type": f"{PATH}:Separable", "kernel": 5},
        {"type": f"{PATH}:Rectangle", "sides": [1, 3]},
    ]
    assert data["stem"] == {"type": f"{PATH}:Patches", "width": 6, "patch": 2}
    again = Architecture.from_json(architecture.canonical_json())
    assert again == architecture
    assert isinstance(again.stages[0].blocks[1], Rectangle)
    assert validate(Architecture, data, "network.yaml") == architecture
    assert str(again) == "resnet[patches2 w6 | separable5 x1 + rectangle1x3 x1 w8]"

    model = build(architecture, task, seed=0)
    assert model(torch.zeros(2, 3, 9, 8)).shape == (2, 10)
    costs, counts = network_costs(architecture, task), count_module(model, task.input_shape)
    assert (costs.params, costs.macs, costs.activations) == counts
    pixels = 4 * 4
    assert costs.parts[0].counts.macs == pixels * 3 * 4 * 6
    separable = 6 * 8 + (25 * 8 + 8 * 8) + 8 * 16 + 6 * 16  # last: the shortcut
    rectangle = 16 * 8 + 3 * 8 * 8 + 8 * 16
    assert costs.parts[1].counts.macs == pixels * (separable + rectangle)


def test_own_types_in_a_search_space() -> None:
    own = space(
        {
            "depth": 1,
            "width": [4, 8],
            "primitive": [
                {"type": f"{PATH}:Separable", "kernel": [1, 3]},
                {"type": f"{PATH}:SeparableOfTwice", "half": [1, 2]},
                {"type": "conv"},
            ],
        },
        stem=[{"type": f"{PATH}:Patches", "patch": [2, 4], "width": 4}, CONV_STEM],
    )
    architectures = set(own.architectures())
    # Kernel 3 by its own name and by half = 1 is one primitive: 1, 3, 5 and the convolution.
    assert own.size == len(architectures) == 3 * 2 * 4
    for architecture in architectures:
        assert own.decode(own.encode(architecture)) == architecture
        assert Architecture.from_json(architecture.canonical_json()) == architecture
    names = {parameter.name for parameter in own.parameters}
    assert f"stage1.{PATH}:Separable.kernel" in names
    with pytest.raises(ConfigError, match="at width 5: channels must be even, got channels=5"):
        space({"depth": 1, "width": 5, "primitive": {"type": f"{PATH}:Separable"}})


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("tests.search_space.nowhere:Separable", "cannot be imported: No module named"),
        ("nowhere:Separable", "cannot be imported: No module named 'nowhere'"),
        (f"{PATH}:Seperable", "cannot be imported: module .* has no attribute 'Seperable'"),
        (f"{PATH}:", "cannot be imported: module .* has no attribute ''"),
        (":Separable", "cannot be imported: a module's name is like"),
        (".own:Separable", "cannot be imported: a module's name is like"),
        (f"{PATH}:PATH", "is no class"),
        (f"{PATH}:Mean", "is a subclass of torch.nn.modules.module.Module"),
        (f"{PATH}:Patches", "is a subclass of search_space.primitives.stem.Stem"),
        (f"{PATH}:Unlabelled", "is abstract: it lacks label"),
        ("search_space.primitives:Convolution", "should be 'conv'"),
        (PATH, "unknown primitive type .* known: conv, augmented_conv, identity"),
    ],
)
def test_wrong_import_paths(path: str, message: str) -> None:
    plain = {
        "stem": CONV_STEM,
        "stages": [{"width": 8, "stride": 1, "blocks": [{"type": path}]}],
    }
    with pytest.raises(ValidationError, match=message) as caught:
        Architecture.from_json(json.dumps(plain), imports=True)
    assert path in str(caught.value)
    with pytest.raises(ConfigError, match=message) as told:
        SearchSpace.from_mapping(
            {
                "name": "own",
                "stem": CONV_STEM,
                "stages": [{"depth": 1, "width": 8, "primitive": {"type": path}}],
            },
            imports=True,
        )
    assert [line.startswith("stages[0].primitive[0].type: ") for line in told.value.problems] == [
        True
    ]


@pytest.fixture
def harmful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the file that the module ``harmful``, whose class is good, makes when imported."""
    made = tmp_path / "made"
    (tmp_path / "harmful.py").write_text(
        "from pathlib import Path\n"
        f"Path({str(made)!r}).touch()\n"
        "from tests.search_space.own_primitive import Anywhere as Good\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield made
    sys.modules.pop("harmful", None)


def test_reading_imports_no_module_unless_told_to(harmful: Path, tmp_path: Path) -> None:
    """No place or form of a description imports its type's module."""
    block, stem = {"type": "harmful:Good"}, CONV_STEM | {"type": "harmful:Good"}
    architectures = [
        {"stem": CONV_STEM, "stages": [{"width": 8, "stride": 1, "blocks": [block]}]},
        {"stem": stem, "stages": [{"width": 8, "stride": 1, "blocks": [{"type": "conv"}]}]},
    ]
    places = [
        {"primitive": block},
        {"primitive": [{"type": "conv"}, block]},
        {"overrides": {0: [block]}},
    ]
    places += [{"recalibration": [block]}]
    stages = [{"depth": 1, "width": 8, "primitive": {"type": "conv"}} | place for place in places]
    spaces = [{"name": "s", "stem": CONV_STEM, "stages": [stage]} for stage in stages]
    spaces += [{"name": "s", "stem": [stem], "stages": stages[:1]}]
    for plain in architectures:
        with pytest.raises(ValidationError, match=r"'harmful'.*--trust"):
            Architecture.from_json(json.dumps(plain))
        with pytest.raises(ValidationError, match=r"'harmful'.*--trust"):
            Architecture.model_validate_json(json.dumps(plain))
    for plain in spaces:
        with pytest.raises(ConfigError, match=r"'harmful'.*--trust"):
            SearchSpace.from_mapping(plain)
    file = tmp_path / "file.json"
    for plain in (*architectures, *spaces):
        file.write_text(json.dumps(plain))
        with pytest.raises(ConfigError, match=r"file\.json:[\s\S]*'harmful'.*--trust"):
            read_architecture_and_task(file)
    assert not harmful.exists()
    with contextlib.suppress(ConfigError):  # what it says of itself is another type
        read_architecture_and_task(file, imports=True)
    assert harmful.exists()


def test_what_is_imported_already_needs_no_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module may import others on access to a name, which is not done either."""

    def of_type(name: str) -> str:
        stage = {"width": 8, "stride": 1, "blocks": [{"type": name}]}
        return json.dumps({"stem": CONV_STEM, "stages": [stage]})

    own = f"{PATH}:Anywhere"
    assert Architecture.from_json(of_type(own)).primitive_types() == (own,)
    asked: list[str] = []
    lazy = ModuleType("lazy")
    lazy.__getattr__ = asked.append  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, "lazy", lazy)
    with pytest.raises(ValidationError, match="has no attribute 'Name'"):
        Architecture.from_json(of_type("lazy:Name"))
    assert asked == []


@pytest.mark.parametrize(
    ("kernel", "told"),
    [
        (3, r"its output must be of \[4, 4, 4\], got \[4, 2, 2\]"),
        (1, r"own_primitive.py, line \d+: AttributeError: 'Unpadded' object has no attribute"),
        (9, "RuntimeError: .*Kernel size can't be greater than actual input size"),
    ],
)
def test_a_module_that_does_not_do_is_told_by_its_type(kernel: int, told: str) -> None:
    primitive = Unpadded(kernel=kernel)
    place = rf"{PATH}:Unpadded on an input of \[2, 4, 4\] \(channels, height, width\): "
    with pytest.raises(ValueError, match=place + f".*{told}"):
        primitive.counts(2, 4, 1, (4, 4))
