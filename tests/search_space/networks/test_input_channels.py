"""A description is resolved for the channels that its primitive is built for."""

from typing import Any, Literal

import pytest
from pydantic import ValidationError
from torch import nn

from search_space.architecture import Architecture, Stage, Task
from search_space.networks import build
from search_space.primitives import ConvolutionStem, InvertedBottleneck, Primitive
from search_space.primitives.channel_attention import GatherExcite, SqueezeExcitation
from search_space.space import SearchSpace
from tests.search_space.small_spaces import described

TASK = Task(input_shape=(3, 8, 8), classes=4)
HERE = "tests.search_space.networks.test_input_channels"
PATH = f"{HERE}:Fitted"


class Fitted(Primitive):
    """A primitive that can be built only for the channels that it was resolved for."""

    families = ("resnet", "wide_resnet", "mnasnet")

    type: Literal["tests.search_space.networks.test_input_channels:Fitted"] = (
        "tests.search_space.networks.test_input_channels:Fitted"
    )
    seen: int = 0

    def resolve(self, channels: int, in_channels: int) -> Primitive:
        return self.replace(seen=in_channels)

    @property
    def label(self) -> str:
        return f"fitted{self.seen}"

    def build(
        self, in_channels: int, out_channels: int, stride: int, input_hw: tuple[int, int]
    ) -> nn.Module:
        assert in_channels == self.seen
        return nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)


@pytest.mark.parametrize(
    ("fields", "seen"),
    [
        ({"block": "basic"}, [4, 8, 8, 12]),
        ({"block": "bottleneck", "expansion": 2}, [8, 8, 12, 12]),
        ({"family": "wide_resnet"}, [4, 8, 8, 12]),
        ({"family": "mnasnet", "block": "inverted_bottleneck"}, [4, 8, 8, 12]),
    ],
)
def test_of_every_kind_of_block(fields: dict[str, Any], seen: list[int]) -> None:
    stages = [{"depth": 2, "width": width, "primitive": {"type": PATH}} for width in (8, 12)]
    space = SearchSpace.from_mapping(described(*stages) | {"expansion": 1} | fields, imports=True)
    (architecture,) = space.architectures()
    blocks = [block for stage in architecture.stages for block in stage.blocks]
    assert [block.seen for block in blocks] == seen  # type: ignore[attr-defined]
    assert space.decode(space.encode(architecture)) == architecture
    build(architecture, TASK, seed=0)


def test_another_number_is_not_the_resolved_form() -> None:
    stage = Stage(width=8, stride=1, blocks=(Fitted(seen=3),))
    with pytest.raises(
        ValidationError, match=r"fitted3 must be written in its resolved .* fitted4"
    ):
        Architecture(block="basic", stem=ConvolutionStem(width=4), stages=(stage,))


class Capped(SqueezeExcitation):
    """A gate whose squeeze is never wider than its map."""

    type: Any = f"{HERE}:Capped"  # type: ignore[assignment]

    def resolve(self, channels: int, in_channels: int) -> Any:
        return self.replace(squeeze=min(self.squeeze, channels))


def test_a_gate_must_be_written_in_its_resolved_form_too() -> None:
    stages = (
        Stage(
            width=8,
            stride=1,
            blocks=(InvertedBottleneck(kernel=3, expansion=2),),
            recalibration=(Capped(squeeze=100),),
        ),
    )
    with pytest.raises(ValidationError, match=r"se\(100\) must be written in its .*, se\(8\)"):
        Architecture(family="mnasnet", stem=ConvolutionStem(width=4), stages=stages)


def test_gates_that_cannot_be_built_are_named_when_a_space_is_read() -> None:
    data = described(
        {
            "depth": 1,
            "width": [4, 6],
            "primitive": {"type": "conv"},
            "recalibration": [{"type": "ge"}, {"type": f"{HERE}:Even"}],
        }
    )
    with pytest.raises(ValueError, match=r"stages\[0\].recalibration at width 6: 4 must divide 6"):
        SearchSpace.from_mapping(data, imports=True)


class Even(GatherExcite):
    """A gate that refuses some widths."""

    type: Any = f"{HERE}:Even"  # type: ignore[assignment]

    def resolve(self, channels: int, in_channels: int) -> Any:
        if channels % 4:
            raise ValueError(f"4 must divide {channels}")
        return self


def test_branches_of_ones_own_cannot_start_at_zero() -> None:
    stage = Stage(width=4, stride=1, blocks=(Fitted(seen=4),))
    architecture = Architecture(family="mnasnet", stem=ConvolutionStem(width=4), stages=(stage,))
    with pytest.raises(ValueError, match=r"zero_init_residual needs branches .*, got fitted4"):
        build(architecture, TASK, seed=0, zero_init_residual=True)
