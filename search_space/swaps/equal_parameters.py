"""The width of one part at which a network's parameters are nearest to a target."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from search_space.architecture import Architecture, Task
from search_space.bounds import LARGEST
from search_space.cost import network_costs

WINDOW = 16
"""Steps of the width that are tried on either side of where the parameters cross the target: they
may fall where more channels of an augmented convolution come from attention."""


class Nearest(NamedTuple):
    """A network, and how far its parameters are from the target."""

    architecture: Architecture
    distance: int


def nearest_in_parameters(
    at_width: Callable[[int], Architecture], task: Task, target: int, *, width: int, step: int
) -> Nearest | None:
    """Return the network of ``at_width`` whose parameters are nearest to ``target``.

    Of equally near ones it is that of the width nearest to ``width``, then the narrower. Bisection
    finds where the parameters cross the target, and all widths around are tried. A width that does
    not fit is taken for the next one that does.

    Args:
        at_width: makes the network from the width of one part; raises ValueError for a width that
            does not fit.
        task: the images and classes.
        target: number of parameters.
        width: the part's original width, where the search begins. Unit: channels.
        step: the width is a multiple of it. Unit: channels.

    Returns:
        None if no width that was tried fits.
    """
    tried: dict[int, tuple[int, Architecture] | None] = {}  # by the number of steps

    def measured(steps: int) -> tuple[int, Architecture] | None:
        if steps not in tried:
            try:
                network = at_width(steps * step)
                tried[steps] = network_costs(network, task).params, network
            except ValueError:
                tried[steps] = None
        return tried[steps]

    def is_below(steps: int) -> bool:
        from_here = map(measured, range(steps, steps + WINDOW + 1))
        known = next((each for each in from_here if each is not None), None)
        return known is None or known[0] < target

    low, high = 0, max(1, width // step)
    while is_below(high) and high * step < LARGEST:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if is_below(middle):
            low = middle
        else:
            high = middle
    for steps in range(max(1, high - WINDOW), high + WINDOW + 1):
        measured(steps)
    fitting = [
        (Nearest(known[1], abs(known[0] - target)), steps)
        for steps, known in tried.items()
        if known is not None
    ]
    if not fitting:
        return None
    return min(fitting, key=lambda each: (each[0].distance, abs(each[1] * step - width), each[1]))[
        0
    ]
