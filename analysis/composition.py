"""What a network's blocks are made of, as pictures show it."""

from __future__ import annotations

from collections.abc import Iterable

from nas.storage.candidates import Candidate
from search_space.architecture import Architecture
from search_space.primitives.inverted_bottleneck import InvertedBottleneck
from search_space.primitives.primitive import Primitive

AUGMENTED_BOTTLENECK = "augmented_inverted_bottleneck"

LABELS = {
    "conv": "convolution",
    "augmented_conv": "augmented convolution",
    "local_attention": "local attention",
    "inverted_bottleneck": "inverted bottleneck",
    AUGMENTED_BOTTLENECK: "augmented inverted bottleneck",
    "identity": "identity",
}
"""Kinds of blocks, in the order of their colours."""

WITHOUT_ATTENTION = ("conv", "inverted_bottleneck", "identity")


def kind_of(primitive: Primitive) -> str:
    """A block's kind: its primitive's type, but for bottlenecks that are augmented."""
    if isinstance(primitive, InvertedBottleneck) and primitive.augmentation is not None:
        return AUGMENTED_BOTTLENECK
    return primitive.type


def kinds_by_stage(architecture: Architecture) -> list[list[str]]:
    """The kind of every block, stage by stage."""
    return [[kind_of(primitive) for primitive in stage.blocks] for stage in architecture.stages]


def kinds_among(candidates: Iterable[Candidate]) -> list[str]:
    """All kinds of blocks among ``candidates``: the known ones first, then users' own by name."""
    found = {
        kind
        for candidate in candidates
        for stage in kinds_by_stage(candidate.architecture)
        for kind in stage
    }
    return [*(kind for kind in LABELS if kind in found), *sorted(found - LABELS.keys())]


def label_of(kind: str) -> str:
    """What a kind is called; a user's own, named module:Class, by its class."""
    return LABELS.get(kind, kind.rpartition(":")[2])


def attention_share(architecture: Architecture) -> float:
    """The share of blocks with attention, 0 to 1.

    A primitive of a user's own counts as attention, since nothing says what it computes;
    :func:`share_title` says so where there is one.
    """
    kinds = [kind for stage in kinds_by_stage(architecture) for kind in stage]
    return sum(kind not in WITHOUT_ATTENTION for kind in kinds) / len(kinds)


def share_title(candidates: Iterable[Candidate]) -> str:
    """What :func:`attention_share` is a share of."""
    own = [kind for kind in kinds_among(candidates) if kind not in LABELS]
    more = f" or {', '.join(map(label_of, own))}" if own else ""
    return f"blocks with attention{more}"
