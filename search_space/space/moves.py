"""The architectures that differ from one in a single parameter of its search space.

Several descriptions may build one architecture, and each of them can be changed. A change that
gives other widths builds every description anew: descriptions that were the same network may then
be different ones. So the moves of an architecture are those from all of its descriptions, and being
one move apart is symmetric.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from search_space.architecture import Stage
from search_space.space.layout import Layout, Parts
from search_space.space.stage_choices import StageChoices


def changed_parts(layout: Layout, parts: Parts) -> dict[int, list[Parts]]:
    """Return, by parameter that some description of ``parts`` has, what changing it alone can give.

    Parameters are indices into the layout's, in order. What one parameter gives may repeat what
    another gives.
    """
    stem, stages, detector = parts
    changes: dict[int, list[Parts]] = {}
    for parameter, stems in layout.stems.changes(stem).items():
        changes[parameter] = [
            Parts(other, following, detector)
            for other in stems
            for following in _following(layout.stages, stages, stem.width, other.width)
        ]
    channels = stem.width
    for index, (choices, stage) in enumerate(zip(layout.stages, stages, strict=True)):
        out, after = stage.width * choices.expansion, index + 1
        for parameter, others in changed_stages(choices, stage, channels).items():
            changes[parameter] = [
                Parts(stem, (*stages[:index], other, *following), detector)
                for other in others
                for following in _following(
                    layout.stages[after:], stages[after:], out, other.width * choices.expansion
                )
            ]
        channels = out
    if layout.detector is not None and detector is not None:
        for parameter, detectors in layout.detector.changes(detector).items():
            changes[parameter] = [Parts(stem, stages, each) for each in detectors]
    return {parameter: changes[parameter] for parameter in sorted(changes)}


def changed_stages(choices: StageChoices, stage: Stage, in_channels: int) -> dict[int, list[Stage]]:
    """Return, by parameter of a stage, the other stages that changing it alone can give."""
    depth, width = len(stage.blocks), stage.width
    changes: dict[int, list[Stage]] = {}
    if choices.depth_parameter is not None:
        changes[choices.depth_parameter] = [
            other
            for new in choices.config.depth
            if new != depth
            for other in rebuilt_stages(choices, stage, in_channels, (new, width, in_channels))
        ]
    if choices.width_parameter is not None:
        changes[choices.width_parameter] = [
            other
            for new in choices.config.width
            if new != width
            for other in rebuilt_stages(choices, stage, in_channels, (depth, new, in_channels))
        ]
    primitives = choices.primitives_of(stage, in_channels)
    size = (depth, width, in_channels)
    for component in choices.components.primitives(depth):
        resolved = choices.components.choices(component, *size)
        for parameter, others in resolved.changes(primitives[component.name]).items():
            changes[parameter] = [
                choices.assembled(*size, primitives | {component.name: other}, stage.recalibration)
                for other in others
            ]
    gates = choices.components.channel_attention_choices(*size)
    for parameter, other_gates in gates.changes(stage.recalibration).items():
        changes[parameter] = [choices.assembled(*size, primitives, each) for each in other_gates]
    return changes


def rebuilt_stages(
    choices: StageChoices, stage: Stage, in_channels: int, new_size: tuple[int, int, int]
) -> list[Stage]:
    """Build the descriptions of a stage at another depth, width or input.

    Args:
        choices: the stage's.
        stage: one of those choices.
        in_channels: the channels of its input now.
        new_size: depth, width and input channels to build it with. Blocks that only this depth has
            may have any primitive.
    """
    size = (len(stage.blocks), stage.width, in_channels)
    if size == new_size:
        return [stage]
    primitives = choices.primitives_of(stage, in_channels)
    components = choices.components.primitives(new_size[0])
    options = []
    for component in components:
        resolved = choices.components.choices(component, *new_size)
        if component.name in primitives:
            before = choices.components.choices(component, *size)
            options.append(before.rebuilt(primitives[component.name], resolved))
        else:
            options.append(list(resolved.distinct))
    gates = choices.components.channel_attention_choices(*size).rebuilt(
        stage.recalibration, choices.components.channel_attention_choices(*new_size)
    )
    names = [component.name for component in components]
    return [
        choices.assembled(*new_size, dict(zip(names, picked, strict=True)), each)
        for picked, each in product(product(*options), gates)
    ]


def _following(
    choices: Sequence[StageChoices], stages: Sequence[Stage], channels: int, new_channels: int
) -> list[tuple[Stage, ...]]:
    """Rebuild the stages after a change, of which the first now gets ``new_channels``."""
    if not stages:
        return [()]
    depth, width = len(stages[0].blocks), stages[0].width
    first = rebuilt_stages(choices[0], stages[0], channels, (depth, width, new_channels))
    return [(each, *stages[1:]) for each in first]
