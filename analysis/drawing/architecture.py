"""The drawing of an architecture: a column for each part, a bar for each block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from analysis.composition import kind_of, label_of
from analysis.drawing.shapes import Box, Drawing, Line, Words, text_width
from analysis.plot_style import FAINT_INK, GRID, INK, kind_colours
from nas.quantities import format_quantity
from search_space.architecture import Architecture, Stage, Task
from search_space.cost import Costs, PartCosts
from search_space.detector import Detector
from search_space.primitives import Primitive

MARGIN = 20.0
COLUMN_GAP = 26.0
NARROWEST_COLUMN = 92.0
BAR_GAP = 3.0
WIDEST_BAR = 18.0
STAGE_WIDTH = 220.0  # which bars of many blocks share
TALLEST_BAR, LEAST_BAR = 150.0, 5.0
BARS_TOP = 84.0
HEADING_BOTTOM = 54.0
LINE_HEIGHT = 15.0
TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 15.0, 12.0, 11.0

STEM_KINDS = {"conv": "conv", "attention": "local_attention"}
"""Kinds of blocks whose colours stems have."""

PLAIN_COLOUR = "#B8B8B8"


class Part(NamedTuple):
    """A part of the network, from the stem to the classifier."""

    name: str
    bars: tuple[tuple[str, str], ...]  # of each block: its colour, and what it is
    text: tuple[str, ...]  # lines under the bars, the first in ink, the others faint
    costs: PartCosts

    @property
    def bar_width(self) -> float:
        """The width of a bar."""
        return min(WIDEST_BAR, STAGE_WIDTH / len(self.bars) - BAR_GAP)

    @property
    def bars_width(self) -> float:
        """The width of all bars, with the gaps between them."""
        return len(self.bars) * (self.bar_width + BAR_GAP) - BAR_GAP

    @property
    def bar_macs(self) -> float:
        """The multiply-adds of a bar's block, on average."""
        return self.costs.counts.macs / len(self.bars)


def draw_architecture(architecture: Architecture, task: Task, costs: Costs) -> Drawing:
    """Draw a network from left to right; a bar's height is the MACs of its block.

    Args:
        architecture: the network.
        task: the one that it is for.
        costs: ``network_costs(architecture, task)``.
    """
    parts = list(_parts(architecture, costs))
    most = max(part.bar_macs for part in parts)
    rows = max(len(part.text) for part in parts)
    boxes: list[Box] = []
    words: list[Words] = []
    middle = BARS_TOP + TALLEST_BAR / 2
    left = MARGIN
    for part in parts:
        width = _column_width(part)
        centre = left + width / 2
        height = max(TALLEST_BAR * part.bar_macs / most, LEAST_BAR)
        for index, (colour, tip) in enumerate(part.bars):
            x = centre - part.bars_width / 2 + index * (part.bar_width + BAR_GAP)
            boxes.append(Box(x, middle - height / 2, part.bar_width, height, colour, tip))
        words += _captions(part, centre, rows, costs.macs)
        left += width + COLUMN_GAP
    right = left - COLUMN_GAP
    lines = [Line(MARGIN, middle, right - MARGIN, GRID)]
    heading = f"{architecture.arch_id} · {architecture.family}"
    summary = _summary(architecture, task, costs)
    words += [
        Words(MARGIN, 30, heading, TITLE_SIZE, INK, is_bold=True),
        Words(MARGIN, 50, summary, TEXT_SIZE, FAINT_INK),
    ]
    width = max(right, MARGIN + text_width(summary, TEXT_SIZE)) + MARGIN
    bottom = max(each.y for each in words) + MARGIN
    return Drawing(str(architecture), width, bottom, lines, boxes, words)


def without_heading(drawing: Drawing) -> Drawing:
    """Return a drawing without its heading and summary, for a page that says both beside it."""
    up = HEADING_BOTTOM
    words = [each._replace(y=each.y - up) for each in drawing.words if each.y > up]
    boxes = [each._replace(y=each.y - up) for each in drawing.boxes]
    lines = [each._replace(y=each.y - up) for each in drawing.lines]
    right = max(line.x + line.width for line in lines)
    return Drawing(drawing.title, right + MARGIN, drawing.height - up, lines, boxes, words)


def _parts(architecture: Architecture, costs: Costs) -> Iterator[Part]:
    """Yield the parts of a network in the order of its costs."""
    stem = architecture.stem
    stages = {f"stage {number}": stage for number, stage in enumerate(architecture.stages, 1)}
    kinds = {kind_of(block) for stage in architecture.stages for block in stage.blocks}
    kinds |= set(STEM_KINDS.values())
    behind = _behind(architecture.detector) if architecture.detector else {}
    kinds |= {kind_of(primitive) for primitive, _ in behind.values()}
    colours = kind_colours(sorted(kinds))
    for part in costs.parts:
        if part.name in stages:
            yield _stage(part, stages[part.name], colours)
        elif part.name == "stem":
            kind = STEM_KINDS.get(stem.type)
            colour = PLAIN_COLOUR if kind is None else colours[kind]
            yield Part("stem", ((colour, stem.label),), _wrapped(stem.label), part)
        elif part.name in behind:
            primitive, label = behind[part.name]
            yield Part(part.name, ((colours[kind_of(primitive)], label),), _wrapped(label), part)
        else:
            yield Part(part.name, ((PLAIN_COLOUR, part.name),), (), part)


def _behind(detector: Detector) -> dict[str, tuple[Primitive, str]]:
    """Return the operator and the label of each part of a detector behind its backbone."""
    pyramid, heads = detector.labels
    return {
        "pyramid": (detector.pyramid, pyramid),
        "class head": (detector.heads, heads),
        "box head": (detector.heads, heads),
    }


def _stage(part: PartCosts, stage: Stage, colours: dict[str, str]) -> Part:
    labels = stage.block_labels
    bars = tuple(
        (colours[kind_of(block)], f"block {index}: {label}")
        for index, (block, label) in enumerate(zip(stage.blocks, labels, strict=True), 1)
    )
    kinds = [label_of(kind) for kind, _ in groupby(kind_of(block) for block in stage.blocks)]
    text = [line for kind in kinds for line in _wrapped(kind)]
    for label, run in groupby(labels):
        text += _wrapped(f"{len(list(run))} x {label}")
    return Part(part.name, bars, (*text, f"width {stage.width}"), part)


def _wrapped(text: str, letters: int = 26) -> tuple[str, ...]:
    """Cut a label of many settings into lines, after commas."""
    lines, line = [], ""
    for piece in text.replace(",", ", \0").split("\0"):
        if line and len(line) + len(piece) > letters:
            lines.append(line.rstrip())
            line = "  "
        line += piece
    return (*lines, line)


def _captions(part: Part, centre: float, rows: int, macs: int) -> Iterator[Words]:
    """Yield the words above and below a part's bars; costs follow ``rows`` lines of text."""
    y = BARS_TOP + TALLEST_BAR + 26
    yield Words(centre, BARS_TOP - 12, _shape(part), SMALL_SIZE, FAINT_INK, "middle")
    yield Words(centre, y, part.name, TEXT_SIZE, INK, "middle", is_bold=True)
    lines_at = [*range(1, len(part.text) + 1), rows + 1, rows + 2]
    for row, line in zip(lines_at, (*part.text, *_costs(part, macs)), strict=True):
        yield Words(centre, y + row * LINE_HEIGHT, line, SMALL_SIZE, FAINT_INK, "middle")


def _costs(part: Part, macs: int) -> tuple[str, str]:
    counts = part.costs.counts
    share = counts.macs / macs
    of_all = f"{share:.0%}" if share >= 0.005 else "under 1%"
    return f"{format_quantity(counts.params)} parameters", f"{of_all} of the MACs"


def _shape(part: Part) -> str:
    channels, *hw = part.costs.output_shape
    return f"{channels} x {' x '.join(map(str, hw))}" if hw else f"{channels} classes"


def _column_width(part: Part) -> float:
    texts: Sequence[str] = (_shape(part), *part.text, *_costs(part, 1))
    words = max(text_width(text, SMALL_SIZE) for text in texts)
    return max(words, part.bars_width + BAR_GAP, NARROWEST_COLUMN)


def _summary(architecture: Architecture, task: Task, costs: Costs) -> str:
    block = architecture.block.replace("_", " ")
    shape = " x ".join(map(str, task.input_shape))
    return (
        f"{block} blocks, expansion {architecture.expansion}; {format_quantity(costs.params)} "
        f"parameters and {format_quantity(costs.macs)} MACs for an image of {shape}; "
        "a bar is a block, its height the block's MACs"
    )
