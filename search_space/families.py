"""Families of networks: the residual block and the shortcuts of each.

* ``resnet`` (He et al. 2015): ``bottleneck`` is 1x1, primitive, 1x1; ``basic`` is primitive, 3x3.
* ``wide_resnet`` (Zagoruyko and Komodakis 2016): ``basic`` with normalisation and ReLU before each
  operator (pre-activation).
* ``mnasnet`` (Tan et al. 2019): ``inverted_bottleneck``, a linear bottleneck whose primitive is the
  whole branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol

FamilyName = Literal["resnet", "wide_resnet", "mnasnet"]
BlockKind = Literal["bottleneck", "basic", "inverted_bottleneck"]
Shortcut = Literal["projection", "padding", "none"]
"""The shortcut beside a branch that changes the shape: a 1x1 convolution; average pooling and zero
channels (no parameters); or none."""


class FamilySettings(Protocol):
    """The settings of a family that an architecture and a search space both have."""

    @property
    def family(self) -> FamilyName: ...  # noqa: D102
    @property
    def block(self) -> BlockKind: ...  # noqa: D102
    @property
    def expansion(self) -> int: ...  # noqa: D102
    @property
    def shortcut(self) -> Shortcut: ...  # noqa: D102


class Family(NamedTuple):
    """The blocks and shortcuts that a family allows; the first of each is the default."""

    title: str
    blocks: tuple[BlockKind, ...]
    shortcuts: tuple[Shortcut, ...]
    pre_activation: bool = False  # normalisation and ReLU stand before each operator


FAMILIES: dict[FamilyName, Family] = {
    "resnet": Family("ResNet", ("bottleneck", "basic"), ("projection", "padding")),
    "wide_resnet": Family("Wide ResNet", ("basic",), ("padding", "projection"), True),
    "mnasnet": Family("MnasNet", ("inverted_bottleneck",), ("none",)),
}

BOTTLENECK_EXPANSION = 4


def default_block(settings: Mapping[str, Any]) -> BlockKind:
    """Return the default block of the family in ``settings``, the fields validated so far."""
    return FAMILIES[settings.get("family", "resnet")].blocks[0]


def default_expansion(settings: Mapping[str, Any]) -> int:
    """Return the default expansion of the block in ``settings``."""
    return BOTTLENECK_EXPANSION if settings.get("block") == "bottleneck" else 1


def default_shortcut(settings: Mapping[str, Any]) -> Shortcut:
    """Return the default shortcut of the family in ``settings``."""
    return FAMILIES[settings.get("family", "resnet")].shortcuts[0]


def family_problem(
    family: FamilyName, block: BlockKind, expansion: int, shortcut: Shortcut
) -> str | None:
    """Return the first setting that the family does not allow, as ``setting: rule``, or None."""
    known = FAMILIES[family]
    if block not in known.blocks:
        return f"block: family {family} has {' or '.join(known.blocks)}, got {block}"
    if shortcut not in known.shortcuts:
        return f"shortcut: family {family} has {' or '.join(known.shortcuts)}, got {shortcut}"
    if block != "bottleneck" and expansion != 1:
        article = "an" if block == "inverted_bottleneck" else "a"
        return f"expansion: {article} {block} block's must be 1, got {expansion}"
    return None


def primitive_in_channels(block: BlockKind, width: int, in_channels: int) -> int:
    """Return the input channels of a block's primitive, in a block of ``in_channels``."""
    return width if block == "bottleneck" else in_channels


def check_zero_init(family: FamilyName, setting: str) -> None:
    """Raise ``ValueError``, naming ``setting``, if a family's branches cannot start at zero.

    A branch starts at zero by the scale of the batch normalisation at its end; a pre-activation
    branch ends in a convolution.
    """
    if FAMILIES[family].pre_activation:
        raise ValueError(
            f"{setting} needs branches that end in batch normalisation, which those of family "
            f"{family} do not"
        )
