"""The strip under a front's picture: the kinds of each member's blocks, stage by stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from analysis.composition import kinds_among, kinds_by_stage, label_of
from analysis.plot_style import INK, kind_colours
from nas.storage.candidates import Candidate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMN = 0.84  # the width of a member's column, of the distance between two
ROW = 0.8  # the height of a stage's bar, of the distance between two
FEWEST_COLUMNS = 8  # columns that the strip has room for: few members are not drawn broad


class Block(NamedTuple):
    """A block's rectangle: member ``column`` is around x = column, stage ``row`` around y = row."""

    left: float
    bottom: float
    width: float
    height: float
    kind: str


def blocks(members: Sequence[Candidate]) -> Iterator[Block]:
    """Yield the rectangles of all blocks; a stage's blocks fill its bar, side by side."""
    for column, member in enumerate(members):
        for row, kinds in enumerate(kinds_by_stage(member.architecture)):
            width = COLUMN / len(kinds)
            for index, kind in enumerate(kinds):
                left = column - COLUMN / 2 + index * width
                yield Block(left, row - ROW / 2, width, ROW, kind)


def stage_count(members: Sequence[Candidate]) -> int:
    """Return the most stages that a member has; 1 without members."""
    return max((len(member.architecture.stages) for member in members), default=1)


def column_limits(members: Sequence[Candidate]) -> tuple[float, float]:
    """Return the range of x."""
    return -0.5, max(len(members), FEWEST_COLUMNS) - 0.5


def draw_strip(axes: Axes, members: Sequence[Candidate], knee: Candidate | None) -> None:
    """Draw a column for each member, numbered from 1, and a row for each stage.

    Args:
        axes: for the strip alone.
        members: by ascending cost, as they are numbered in the picture.
        knee: its number is in bold type.
    """
    from matplotlib.patches import Patch, Rectangle  # noqa: PLC0415

    colours = kind_colours(kinds_among(members))
    for block in blocks(members):
        axes.add_patch(
            Rectangle(
                (block.left, block.bottom),
                block.width,
                block.height,
                facecolor=colours[block.kind],
                edgecolor="white",
                linewidth=0.6,
            )
        )
    stages = stage_count(members)
    axes.set_xlim(*column_limits(members))
    axes.set_ylim(stages - 0.5, -0.5)  # the first stage on top
    axes.set_yticks(range(stages), [f"stage {stage + 1}" for stage in range(stages)], fontsize=8)
    axes.set_xticks(range(len(members)), [str(number + 1) for number in range(len(members))])
    axes.tick_params(length=0, labelsize=8, labelcolor=INK)
    axes.spines[:].set_visible(False)
    axes.legend(
        handles=[Patch(color=colour, label=label_of(kind)) for kind, colour in colours.items()],
        title="each block of the members, stage by stage",
        title_fontproperties={"size": 8},
        loc="upper center",
        bbox_to_anchor=(0.5, -0.45 / stages),
        ncols=4,
        fontsize=8,
        handlelength=1.0,
        frameon=False,
    )
    for label, member in zip(axes.get_xticklabels(), members, strict=True):
        if knee is not None and member.arch_id == knee.arch_id:
            label.set_fontweight("bold")
