"""The fewest parts of some networks in which each of their choices stands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from search_space.networks.parts import Part, build_part, part_inputs, part_name
from search_space.networks.plan import BlockPlan

SIZES = {
    *("in_channels", "width", "out_channels", "features", "classes", "input_hw"),
    *("key_depth", "value_depth", "heads", "squeeze", "extent", "kernel", "block", "mixtures"),
}
"""Fields that change the shapes of tensors, not which operators a part has."""


def fewest_parts(parts: Iterable[Part]) -> list[Part]:
    """Return some of the parts: what any part has, one of them has.

    The greedy cover of a set: the part with the most choices that no part before it has.
    """
    choices = {part: _choices(part) for part in parts}
    missing = set[str]().union(*choices.values())
    chosen: list[Part] = []
    while missing:
        chosen.append(max(choices, key=lambda part: len(choices[part] & missing)))
        missing -= choices[chosen[-1]]
    return chosen


def _choices(part: Part) -> set[str]:
    fields = json.loads(part_name(part))
    if not isinstance(part, BlockPlan):
        return {str(fields["part"]), *_values(fields, "")}
    primitive, gate = fields.pop("primitive"), fields.pop("recalibration")
    form = f"{sorted(_values(fields, ''))}, {part.changes_shape}"
    return {form, *_values(primitive, ""), str(gate and gate["type"])}


def _values(fields: Mapping[str, Any], path: str) -> set[str]:
    """Return each field with its value: ``local_attention.position=sine``."""
    path += f"{fields.get('type', '')}."
    values = set()
    for name, value in fields.items():
        if isinstance(value, Mapping):
            values |= _values(value, path + name)
        elif name not in SIZES:
            values.add(f"{path}{name}={value}")
    return values


class BesideEachOther(nn.Module):
    """Parts whose outputs are concatenated, ``[N, 1, 1, 1] -> [N, outputs]``.

    Each part sees noise of its own, which the input scales: one export holds all of them.
    """

    def __init__(self, parts: Iterable[Part]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(build_part(part, seed=0) for part in parts)
        self.noise = nn.ParameterList(torch.randn(*part_inputs(part)[0]) for part in parts)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return torch.cat(self.outputs(x), dim=1)

    def outputs(self, x: Tensor) -> list[Tensor]:
        """Return the output of each part, flattened."""
        pairs = zip(self.parts, self.noise, strict=True)
        return [part(x * noise).flatten(1) for part, noise in pairs]
