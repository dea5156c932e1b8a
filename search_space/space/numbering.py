"""Number the architectures of a space, and count them, without listing them.

The stages that may follow depend on an architecture's beginning only by its output channels. So the
number of endings is counted from the last stage backwards, once for each number of channels, and
the counts say in turn which stem and which stages architecture number n has. Any backbone may
stand in each detector of a space.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from search_space.architecture import Stage
from search_space.space.layout import Layout, Parts


class Numbering:
    """A bijection between 0 ... ``size - 1`` and the distinct architectures of a space."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        channels = [{stem.width for stem in layout.stems.distinct}]  # of each stage's inputs
        for choices in layout.stages:
            channels.append({width * choices.expansion for width in choices.config.width})
        self._endings: list[Mapping[int, int]] = [dict.fromkeys(channels.pop(), 1)]
        """For each stage, the number of sequences of stages from it on, by the channels it sees."""
        for choices in reversed(layout.stages):
            following = self._endings[0]
            endings = {
                seen: sum(
                    choices.count(width, seen) * following[width * choices.expansion]
                    for width in choices.config.width
                )
                for seen in channels.pop()
            }
            self._endings.insert(0, endings)
        backbones = sum(self._endings[0][stem.width] for stem in layout.stems.distinct)
        self._detectors = layout.detector.size if layout.detector else 1
        self.size = backbones * self._detectors

    def parts(self, number: int) -> Parts:
        """Return the parts of architecture ``number``.

        Raises:
            IndexError: not a number from 0 to ``size - 1``.
        """
        if not 0 <= number < self.size:
            raise IndexError(f"the number must be from 0 to {self.size - 1}, got {number}")
        number, detector = divmod(number, self._detectors)
        for stem in self._layout.stems.distinct:
            endings = self._endings[0][stem.width]
            if number < endings:
                break
            number -= endings
        stages: list[Stage] = []
        channels = stem.width
        for choices, following in zip(self._layout.stages, self._endings[1:], strict=True):
            for depth, width in choices.sizes():
                out = width * choices.expansion
                count = choices.count_at(depth, width, channels) * following[out]
                if number < count:
                    break
                number -= count
            stage_number, number = divmod(number, following[out])
            stages.append(choices.numbered(stage_number, depth, width, channels))
            channels = out
        detectors = self._layout.detector
        return Parts(stem, tuple(stages), detectors.numbered(detector) if detectors else None)


def uniform_below(bound: int, rng: np.random.Generator) -> int:
    """Draw a number of any size from 0 to ``bound - 1``, each exactly as likely as another."""
    bits = (bound - 1).bit_length()
    while True:
        number = int.from_bytes(rng.bytes(-(-bits // 8))) >> (-bits % 8)
        if number < bound:
            return number
