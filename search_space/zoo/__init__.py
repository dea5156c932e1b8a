"""The papers' networks by name, each for the images of its paper.

May import all of ``search_space``.
"""

from __future__ import annotations

from search_space.architecture import Architecture
from search_space.nearest import hint
from search_space.zoo import aacn, detectors, plain, sasa
from search_space.zoo.named import IMAGENET, NamedNetwork

ZOO: dict[str, NamedNetwork] = {
    **plain.NETWORKS,
    **sasa.NETWORKS,
    **aacn.NETWORKS,
    **detectors.NETWORKS,
}

LARGEST_SCALE = 1000


def named_network(name: str) -> NamedNetwork:
    """Return the network called ``name``; a factor on all widths may follow: ``resnet50@0.5``.

    Raises:
        KeyError: no such name; the message has the nearest one.
        ValueError: the factor is not a positive number.
    """
    base, separator, factor = name.partition("@")
    if base not in ZOO:
        raise KeyError(f"no network is called {base!r}; {hint(base, ZOO)}")
    if not separator:
        return ZOO[base]
    try:
        scale = float(factor)
    except ValueError:
        scale = 0.0
    if not 0 < scale <= LARGEST_SCALE:
        raise ValueError(
            f"the width after @ must be a positive number up to {LARGEST_SCALE}, got {name!r}"
        )
    unscaled = ZOO[base]
    return unscaled._replace(at_width=lambda width: unscaled.at_width(scale * width))


def network(name: str) -> Architecture:
    """Return the architecture called ``name`` (see :func:`named_network`).

    Raises:
        KeyError: no such name.
        ValueError: the factor on the widths is not positive, or leaves too few channels for the
            heads.
    """
    return named_network(name).at_width(1.0)


__all__ = ["IMAGENET", "ZOO", "NamedNetwork", "named_network", "network"]
