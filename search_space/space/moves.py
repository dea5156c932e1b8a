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
from search_space.space.stage_choices import StagePlace


def changed_parts(layout: Layout, parts: Parts) -> dict[int, list[Parts]]:
    """For each parameter that some description of ``parts`` has, what changing it alone can give.

    Parameters are indices into the layout's, in order. What one parameter gives may repeat what
    another gives.
    """
    stem, stages = parts
    found: dict[int, list[Parts]] = {}
    for parameter, stems in layout.stems.changes(stem).items():
        found[parameter] = [
            Parts(other, following)
            for other in stems
            for following in _following(layout.stages, stages, stem.width, other.width)
        ]
    channels = stem.width
    for index, (place, stage) in enumerate(zip(layout.stages, stages, strict=True)):
        out, after = stage.width * place.expansion, index + 1
        for parameter, others in changed_stages(place, stage, channels).items():
            found[parameter] = [
                Parts(stem, (*stages[:index], other, *following))
                for other in others
                for following in _following(
                    layout.stages[after:], stages[after:], out, other.width * place.expansion
                )
            ]
        channels = out
    return {parameter: found[parameter] for parameter in sorted(found)}


def changed_stages(place: StagePlace, stage: Stage, in_channels: int) -> dict[int, list[Stage]]:
    """For each parameter of a stage, the other stages that changing it alone can give."""
    depth, width = len(stage.blocks), stage.width
    found: dict[int, list[Stage]] = {}
    if place.depth_parameter is not None:
        found[place.depth_parameter] = [
            other
            for new in place.config.depth
            if new != depth
            for other in rebuilt_stages(place, stage, in_channels, (new, width, in_channels))
        ]
    if place.width_parameter is not None:
        found[place.width_parameter] = [
            other
            for new in place.config.width
            if new != width
            for other in rebuilt_stages(place, stage, in_channels, (depth, new, in_channels))
        ]
    contents = place.contents(stage, in_channels)
    here = (depth, width, in_channels)
    for slot in place.slots(depth):
        for parameter, others in place.table(slot, *here).changes(contents[slot.name]).items():
            found[parameter] = [
                place.assembled(*here, contents | {slot.name: other}, stage.recalibration)
                for other in others
            ]
    gates = place.channel_attentions(*here).changes(stage.recalibration)
    for parameter, recalibrations in gates.items():
        found[parameter] = [place.assembled(*here, contents, each) for each in recalibrations]
    return found


def rebuilt_stages(
    place: StagePlace, stage: Stage, in_channels: int, there: tuple[int, int, int]
) -> list[Stage]:
    """What the descriptions of a stage build at another depth, width or input.

    Args:
        place: of the stage.
        stage: one that the place describes.
        in_channels: that the stage has now.
        there: depth, width and input channels to build it with. Blocks that only this depth has may
            hold anything.
    """
    here = (len(stage.blocks), stage.width, in_channels)
    if here == there:
        return [stage]
    contents = place.contents(stage, in_channels)
    slots = place.slots(there[0])
    options = []
    for slot in slots:
        table = place.table(slot, *there)
        if slot.name in contents:
            options.append(place.table(slot, *here).rebuilt(contents[slot.name], table))
        else:
            options.append(list(table.first))
    gates = place.channel_attentions(*here).rebuilt(
        stage.recalibration, place.channel_attentions(*there)
    )
    names = [slot.name for slot in slots]
    return [
        place.assembled(*there, dict(zip(names, picked, strict=True)), gate)
        for picked, gate in product(product(*options), gates)
    ]


def _following(
    places: Sequence[StagePlace], stages: Sequence[Stage], channels: int, new_channels: int
) -> list[tuple[Stage, ...]]:
    """The stages after a change that gives the first of them ``new_channels`` for ``channels``."""
    if not stages:
        return [()]
    depth, width = len(stages[0].blocks), stages[0].width
    first = rebuilt_stages(places[0], stages[0], channels, (depth, width, new_channels))
    return [(each, *stages[1:]) for each in first]
