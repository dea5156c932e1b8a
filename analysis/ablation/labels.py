"""Names and colours of what is exchanged, as tables and pictures show them."""

from __future__ import annotations

from analysis.composition import AUGMENTED_BOTTLENECK, LABELS, kinds_by_stage, label_of
from analysis.plot_style import FAINT_INK, kind_colours
from search_space.architecture import Architecture

NETWORK = "network"

KINDS = {
    "conv stem": "conv",
    "attention stem": "local_attention",
    "augmentation on": AUGMENTED_BOTTLENECK,
    "augmentation off": "inverted_bottleneck",
}
"""The kind of block whose colour a change has, where the change is not called by the kind."""

STEMS = {"conv stem": "convolution", "attention stem": "attention"}


def change_label(change: str) -> str:
    """Return what a place became, such as ``local attention``."""
    return STEMS.get(change) or LABELS.get(change, change)


def change_colour(change: str) -> str:
    """Return the colour of a change: that of its kind of block in every picture."""
    kind = KINDS.get(change, change)
    return kind_colours([kind])[kind] if kind in LABELS else FAINT_INK


def places_of(architecture: Architecture) -> dict[str, str]:
    """Return what each part of a network is, in its order; nothing for the network as a whole."""
    places = {"stem": STEMS.get(f"{architecture.stem.type} stem", label_of(architecture.stem.type))}
    for number, kinds in enumerate(kinds_by_stage(architecture), start=1):
        places[f"stage {number}"] = " and ".join(map(label_of, dict.fromkeys(kinds)))
    if architecture.detector is not None:
        places["pyramid"] = label_of(architecture.detector.pyramid.type)
        places["heads"] = label_of(architecture.detector.heads.type)
    return places | {NETWORK: ""}
