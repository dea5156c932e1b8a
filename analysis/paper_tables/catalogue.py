"""The tables of the two papers, by the key that a person types."""

from __future__ import annotations

from typing import NamedTuple


class Paper(NamedTuple):
    """A paper that has tables."""

    short: str
    title: str
    authors: str
    arxiv_id: str


class TableEntry(NamedTuple):
    """A table of a paper; ``note`` explains its rows."""

    paper: Paper
    number: int
    caption: str
    note: str = ""

    @property
    def dataset(self) -> str:
        """The data set of its accuracies, as ``data.name`` calls it."""
        names = {"CIFAR-100": "cifar100", "COCO": "coco"}
        return next((name for word, name in names.items() if word in self.caption), "imagenet")


AACN = Paper(
    "AACN", "Attention Augmented Convolutional Networks", "Bello et al. 2019", "1904.09925"
)
SASA = Paper(
    "SASA",
    "Stand-Alone Self-Attention in Vision Models",
    "Ramachandran et al. 2019",
    "1906.05909",
)

CONVOLUTIONAL = (
    "Counted at 640 x 640, with 90 classes, P6 from P5 and six anchors a position: all "
    "convolutional rows match so. With nine anchors, the field's default, ResNet-50 would have "
    "34.05 M and 193.4 G."
)
KEY_DEPTHS = " AA is counted without a least key depth of a head, the nearest to what is printed."
ATTENTIONAL = (
    " Attention in heads + FPN is counted as A.3 says: in place of every 3x3 convolution, the "
    "heads' last included, before a pointwise one."
)
ATTENTION_PART = (
    "A stage's row is one of its 4, 6 or 3 layers; the other rows are all layers, for inference "
    "with the largest memory alone. The memory is that of the attention maps in bfloat16. 190 and "
    "390 are read as printed to two digits."
)

_ENTRIES = (
    TableEntry(AACN, 1, "Wide-ResNet-28-10 on CIFAR-100"),
    TableEntry(AACN, 2, "forms of attention in ResNet-50 on ImageNet"),
    TableEntry(AACN, 3, "ResNets on ImageNet"),
    TableEntry(AACN, 4, "MnasNets on ImageNet"),
    TableEntry(AACN, 5, "RetinaNet on COCO, by backbone", CONVOLUTIONAL + KEY_DEPTHS),
    TableEntry(AACN, 6, "AA-ResNet-50 on ImageNet, by share of attention channels"),
    TableEntry(AACN, 7, "position encodings on ImageNet"),
    TableEntry(
        AACN,
        8,
        "position encodings on COCO, RetinaNet with AA-ResNet-50",
        f"No cost is printed. {CONVOLUTIONAL}{KEY_DEPTHS}",
    ),
    TableEntry(AACN, 9, "the attention of AA-ResNet-50, for one image", ATTENTION_PART),
    TableEntry(SASA, 1, "ResNets of 26, 38 and 50 layers on ImageNet"),
    TableEntry(
        SASA,
        2,
        "RetinaNet on COCO, by heads + FPN and backbone",
        CONVOLUTIONAL + ATTENTIONAL,
    ),
    TableEntry(SASA, 3, "layer groups that attend, ImageNet validation set"),
    TableEntry(SASA, 4, "spatial extent of the attention, ImageNet"),
    TableEntry(SASA, 5, "position encodings, ImageNet validation set"),
    TableEntry(SASA, 6, "terms of the logits, ImageNet"),
    TableEntry(SASA, 7, "forms of the attention stem, ImageNet"),
)

CATALOGUE: dict[str, TableEntry] = {
    f"{entry.paper.short.lower()}{entry.number}": entry for entry in _ENTRIES
}
"""The tables by key, such as ``aacn3``."""
