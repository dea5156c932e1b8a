"""The kinds of a network's blocks, as pictures show them."""

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
    """Return a block's kind: its primitive's type, or that of augmented bottlenecks."""
    if isinstance(primitive, InvertedBottleneck) and primitive.augmentation is not None:
        return AUGMENTED_BOTTLENECK
    return primitive.type


def kinds_by_stage(architecture: Architecture) -> list[list[str]]:
    """Return the kind of every block, stage by stage."""
    return [[kind_of(primitive) for primitive in stage.blocks] for stage in architecture.stages]


def kinds_among(candidates: Iterable[Candidate]) -> list[str]:
    """Return all kinds of blocks among ``candidates``: known ones, then users' own by name."""
    kinds = {
        kind
        for candidate in candidates
        for stage in kinds_by_stage(candidate.architecture)
        for kind in stage
    }
    return [*(kind for kind in LABELS if kind in kinds), *sorted(kinds - LABELS.keys())]


def label_of(kind: str) -> str:
    """Return a kind's label; a user's own, named module:Class, has its class's name."""
    return LABELS.get(kind, kind.rpartition(":")[2])


def attention_share(architecture: Architecture) -> float:
    """Return the share of blocks with attention, 0 to 1.

    A primitive of a user's own counts as attention, since nothing says what it computes;
    :func:`share_title` says so where there is one.
    """
    kinds = [kind for stage in kinds_by_stage(architecture) for kind in stage]
    return sum(kind not in WITHOUT_ATTENTION for kind in kinds) / len(kinds)


def share_title(candidates: Iterable[Candidate]) -> str:
    """Return a name for what :func:`attention_share` is a share of."""
    own = [kind for kind in kinds_among(candidates) if kind not in LABELS]
    more = f" or {', '.join(map(label_of, own))}" if own else ""
    return f"blocks with attention{more}"
