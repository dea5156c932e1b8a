"""Architecture and Task: frozen values that refuse what cannot be built."""

import json
import re
from typing import Any

import pytest
from pydantic import ValidationError

from search_space.architecture import Architecture, Stage, Task
from search_space.primitives import (
    AugmentedConvolution,
    AugmentedConvolutionRatios,
    Convolution,
    ConvolutionStem,
    LocalAttention,
    Primitive,
)
from search_space.yaml_validation import ConfigError, validate
from tests.search_space.known_architectures import FULL_ATTENTION_26, MIXED, RESNET_50, one_block


def test_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RESNET_50.expansion = 2  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        RESNET_50.stages[0].width = 2  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        RESNET_50.stages[0].blocks[0].kernel = 5  # type: ignore[attr-defined]
    with pytest.raises(ValidationError, match="frozen"):
        Task(input_shape=(3, 8, 8), classes=2).classes = 3  # type: ignore[misc]


PLAIN: dict[str, Any] = json.loads(MIXED.canonical_json())


def changed(path: str, value: Any) -> str:
    """The JSON of MIXED with one place changed."""
    data = json.loads(MIXED.canonical_json())
    place: Any = data
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in steps:
        place = place[step]
    place[last] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("colour", "red", "colour.*Extra inputs"),
        ("stem.colour", "red", "colour.*Extra inputs"),
        ("stages.0.colour", "red", "colour.*Extra inputs"),
        ("stages.0.blocks.0.colour", "red", "colour.*Extra inputs"),
        ("expansion", "1", "expansion.*valid integer"),
        ("expansion", 1.0, "expansion.*valid integer"),
        ("expansion", True, "expansion.*valid integer"),
        ("stages.0.width", "16", "width.*valid integer"),
        ("stages.0.width", 0, "width.*greater than or equal to 1"),
        ("stages.0.stride", 0, "stride.*greater than or equal to 1"),
        ("stages.0.blocks.0.heads", "2", "heads.*valid integer"),
        ("stages.0.blocks.0.downsample", 0, "downsample.*valid boolean"),
        (
            "stages.0.blocks.0.position",
            "sin",
            "position.*'none', 'relative', 'sine' or 'coordconv'",
        ),
        ("stages.0.blocks", [], "blocks.*at least 1"),
        ("stages", [], "stages.*at least 1"),
        ("stages.0.blocks.0", "conv", "the primitive must be a mapping with a type, got 'conv'"),
        ("stages.0.blocks.0", {"kernel": 3}, "needs a type, one of: conv, augmented_conv"),
        ("stages.0.blocks.0", {"type": 3}, "needs a type, one of: conv, augmented_conv"),
        (
            "stages.0.blocks.0",
            {"type": "cnov"},
            "unknown primitive type 'cnov'; did you mean 'conv",
        ),
        ("stem", {"type": "atention"}, "unknown stem type 'atention'; did you mean 'attention'"),
        ("block", "wide", "block.*'bottleneck', 'basic' or 'inverted_bottleneck'"),
        ("block", "inverted_bottleneck", "block: family resnet has bottleneck or basic, got inv"),
        ("shortcut", "none", "shortcut: family resnet has projection or padding, got none"),
        ("head", 0, "head.*greater than or equal to 1"),
        ("family", "vgg", "family.*'resnet'"),
        ("expansion", 4, "expansion: a basic block's must be 1, got 4"),
        ("stages.0.width", 3, "stage 1, block 0: value_depth must not exceed .*channels=3"),
        (
            "stages.0.blocks.0",
            {"type": "local_attention", "heads": 3},
            "stage 1, block 0: heads must divide the output channels, got channels=16, heads=3",
        ),
        (
            "stages.0.blocks.0",
            PLAIN["stages"][0]["blocks"][0] | {"value_depth": 16, "kernel": 5},
            "stage 1, block 0: at width 16, .*k=5.* must be written in its resolved form",
        ),
    ],
)
def test_refused(path: str, value: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Architecture.from_json(changed(path, value))
    text = " ".join(str(caught.value).split())
    assert re.search(message, text), text


def test_refused_in_python_too() -> None:
    with pytest.raises(ValidationError, match="valid tuple"):
        Architecture(stem=ConvolutionStem(), stages=[*RESNET_50.stages])  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="the primitive must be a mapping"):
        Stage(width=8, stride=1, blocks=(3,))  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="must be positive"):
        Task(input_shape=(3, 0, 8), classes=10)
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Task(input_shape=(3, 8, 8), classes=0)
    ratios = AugmentedConvolutionRatios(kappa=0.5, upsilon=0.5)
    with pytest.raises(ValidationError, match="the primitive must be a mapping"):
        one_block(ratios)  # a description is not yet a primitive


def test_replace_validates_again() -> None:
    assert MIXED.replace(block="bottleneck", expansion=2).expansion == 2
    with pytest.raises(ValidationError, match="must be 1, got 2"):
        MIXED.replace(expansion=2)
    with pytest.raises(ValidationError, match="Extra"):
        MIXED.replace(colour="red")


def test_task_round_trip() -> None:
    task = Task(dataset="digits", input_shape=(1, 8, 8), classes=10, split_seed=3)
    assert Task.from_json(task.canonical_json()) == task
    with pytest.raises(ValidationError, match="Extra"):
        Task(input_shape=(1, 8, 8), classes=10, size=3)  # type: ignore[call-arg]


def test_every_problem_of_a_file_with_its_place() -> None:
    data = {
        "stem": {"type": "conv", "widht": 3},
        "stages": [{"width": 8, "stride": 1, "blocks": [{"type": "nope"}]}],
        "expansoin": 2,
    }
    with pytest.raises(ConfigError) as caught:
        validate(Architecture, data, "network.yaml")
    assert set(caught.value.problems) == {
        "stem.widht: unknown key; did you mean 'width'?",
        "stages[0].blocks[0]: unknown primitive type 'nope'; known: conv, augmented_conv, "
        "identity, inverted_bottleneck, local_attention (your own: type: my_package.module:Class)",
        "expansoin: unknown key; did you mean 'expansion'?",
    }


# One line


def test_one_line_form() -> None:
    assert str(RESNET_50) == (
        "resnet[conv7-stem(s2,pool) w64 | conv3 x3 w64 | conv3 x4 w128 s2 | conv3 x6 w256 s2 | "
        "conv3 x3 w512 s2]"
    )
    assert str(FULL_ATTENTION_26) == (
        "resnet[attention-stem(b=4,h=4,m=4) w64 | attn(k=7,h=8) x1 w64 | "
        "attn(k=7,h=8) x2 w128 s2 | attn(k=7,h=8) x4 w256 s2 | attn(k=7,h=8) x1 w512 s2]"
    )
    assert str(MIXED) == "resnet[conv3-stem w16 | aa(dk=40,dv=4,h=2) x1 w16]"
    blocks = (Convolution(), Convolution(), LocalAttention(extent=3, heads=2), Convolution())
    assert Stage(width=8, stride=2, blocks=blocks).label == (
        "conv3 x2 + attn(k=3,h=2) x1 + conv3 x1 w8 s2"
    )


@pytest.mark.parametrize(
    ("primitive", "label"),
    [
        (Convolution(kernel=5), "conv5"),
        (LocalAttention(extent=5, heads=2, position="none"), "attn(k=5,h=2,no-pos)"),
        (LocalAttention(scaled=False, border="zeros"), "attn(k=7,h=8,unscaled,zeros)"),
        (
            AugmentedConvolution(
                kernel=5, key_depth=8, value_depth=4, heads=2, position="none", downsample=True
            ),
            "aa(dk=8,dv=4,h=2,k=5,no-pos,half)",
        ),
    ],
)
def test_labels(primitive: Primitive, label: str) -> None:
    assert primitive.label == label


def test_primitive_types_in_order() -> None:
    assert FULL_ATTENTION_26.primitive_types() == ("local_attention",) * 8
    stages = (
        Stage(width=8, stride=1, blocks=(Convolution(), LocalAttention(heads=2))),
        Stage(width=8, stride=2, blocks=(Convolution(),)),
    )
    mixed = Architecture(stem=ConvolutionStem(), stages=stages)
    assert mixed.primitive_types() == ("conv", "local_attention", "conv")
