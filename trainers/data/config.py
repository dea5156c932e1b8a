"""The images to train on, and their number."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticKnownError

from trainers.data.generated.task_settings import TASK_SETTINGS
from trainers.settings import GrowingSettings, list_to_tuple

SOURCES = (
    *("digits", *TASK_SETTINGS, "cifar10", "cifar100", "imagenet"),
    *("image_folder", "tar_shards", "parquet", "hub", "coco"),
)
NEED_A_PATH = ("image_folder", "tar_shards", "parquet", "hub", "coco")

_OWN_FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def _known_or_own(name: str) -> str:
    if name not in SOURCES and ":" not in name:
        raise PydanticKnownError("literal_error", {"expected": ", ".join(map(repr, SOURCES))})
    if ":" in name and not _OWN_FUNCTION.fullmatch(name):
        raise ValueError(f"a function of your own is like my_package.module:function, got {name!r}")
    return name


DataName = Annotated[
    str,
    AfterValidator(_known_or_own),
    WithJsonSchema({"enum": [*SOURCES, "module:function"], "type": "string"}),
]
TestPart = Literal["test", "validation"]
BoxFormat = Literal["xywh", "xyxy"]
Decoding = Literal["auto", "once", "each_use"]

LOADING = ("decoding", "memory_gb", "cache", "loader_processes", "block_images")
OF_PICTURES = frozenset(
    {
        *("path", "test_part", "image_size", "skip_damaged"),
        *("image_column", "label_column", "box_format", *LOADING),
    }
)
"""Keys of sources that have pictures to find and decode."""

Pixels = Annotated[int, Field(ge=1)]
ImageSize = Annotated[tuple[Pixels, Pixels], BeforeValidator(list_to_tuple)]


class DataConfig(GrowingSettings):
    """A data set and its split into train, validation and test images.

    :func:`trainers.load_splits` reads it.

    ``None`` for a count means what is natural; :mod:`trainers.data.splits.choice` has the rules.
    """

    LATER_KEYS: ClassVar[tuple[str, ...]] = ("box_format",)

    name: DataName
    """The source: `digits` comes with scikit-learn; `pathfinder`, `pointer_value_retrieval` and
    `shapes` are generated; `cifar10`, `cifar100` and `imagenet` come from the Hugging Face hub;
    `image_folder`, `tar_shards`, `parquet`, `hub` and `coco` need `path`;
    `my_package.module:function` is a function of your own. The images of `shapes` and `coco` have
    objects in boxes, and so may those of `parquet` and `hub`."""
    parameters: dict[str, Any] | None = None
    """Parameters of a generated task, each with its default where it is not given; or arguments of
    a function of your own, beside the seed."""
    path: str | None = None
    """For `image_folder` a folder; for `tar_shards` and `parquet` a file or folder; for `hub` the
    id of a data set, or a folder made by `datasets.save_to_disk`; for `coco` a folder of images and
    annotations, or one file of annotations beside its images; for `cifar10` and `cifar100` a folder
    as for `hub`, in place of the hub; for `imagenet` that, its usual folder, or one of its Parquet
    files."""
    split_seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the split into train, validation and test images, which depends on nothing else; for
    a generated task, of its images."""
    train_images: int | None = Field(default=None, ge=2)
    """Train images; null for all that remain, and for 8,000 of a generated task. Unit: images."""
    validation_images: int | None = Field(default=None, ge=0)
    """Validation images; null for all of the source's own validation part, else for a fifth of the
    train part (for what `train_images` leave, if those are given), and for 2,000 of a generated
    task. A search needs at least one. Unit: images."""
    test_images: int | None = Field(default=None, ge=0)
    """Test images; null for all of the source's own test part, else for a fifth of the train part,
    and for 2,000 of a generated task. Unit: images."""
    test_part: TestPart = "test"
    """The source's part that test images come from. With `validation` its own test part, if any, is
    not used, and validation images come from its train part, as is the custom for ImageNet: for
    `imagenet` it is `validation` unless given."""
    image_size: ImageSize | None = None
    """`[height, width]` of the network's input, to which every image is resized; needed where sizes
    differ, and by `pixels.crop_fraction` of a recipe. Unit: pixels."""
    decoding: Decoding = "auto"
    """When pictures are decoded. `once`: before training, to uint8 images in memory, of which
    training cuts its crops. `each_use`: beside the training, in processes of their own; a random
    crop is cut out of the picture as it is stored. `auto` is `once` if the images take at most
    `memory_gb` or there is a `cache`, else `each_use`."""
    memory_gb: float = Field(default=4, gt=0)
    """Memory that images may take with `decoding: auto`, whatever memory the machine has, so that
    a run computes the same everywhere. Unit: 10^9 bytes."""
    cache: str | None = None
    """A folder in which images that are decoded once are kept, in a file that is mapped into memory
    in place of memory of its own; for sets larger than memory whose decoding takes longest. Null
    keeps none."""
    loader_processes: int | None = Field(default=None, ge=0)
    """Processes that decode beside a training; null is one for each of its CPUs, 0 decodes in the
    training itself. Their number changes no result. Unit: processes."""
    block_images: int = Field(default=1, ge=1)
    """Images that lie beside each other and are read near each other in time, for disks that read
    slowly at random; the images of 64 such blocks are shuffled together. It changes the order of
    the images. 1 shuffles all images. Unit: images."""
    skip_damaged: bool = False
    """Leave out images that cannot be decoded, and objects whose box or class cannot be used, and
    say how many; false for an error that names them. All images are decoded first, so that counts
    and splits are of those that can be."""
    image_column: str | None = None
    """Column of the images, where several could be meant."""
    label_column: str | None = None
    """Column of the labels, or of objects in boxes, where several could be meant."""
    box_format: BoxFormat = "xywh"
    """The four numbers of a box in a column of objects. `xywh`: left, top, width, height, as COCO
    has them; `xyxy`: left, top, right, bottom. Unit: pixels."""

    @model_validator(mode="before")
    @classmethod
    def _imagenets_custom(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("name") == "imagenet":
            return {"test_part": "validation"} | values
        return values

    @field_validator("parameters")
    @classmethod
    def _of_the_task(
        cls, parameters: dict[str, Any] | None, info: ValidationInfo
    ) -> dict[str, Any] | None:
        name = info.data.get("name")
        settings = TASK_SETTINGS.get(name or "")
        if settings is not None and parameters is not None:
            known = settings.model_fields
            if unknown := sorted(set(parameters) - set(known)):
                raise ValueError(
                    f"data {name!r} has no parameter {unknown[0]!r}; it has {', '.join(known)}"
                )
            settings.model_validate(parameters)
        return parameters

    @model_validator(mode="after")
    def _fits_the_name(self) -> Self:
        if self.name in NEED_A_PATH and not self.path:
            raise ValueError(f"data {self.name!r} needs a path, got path={self.path!r}")
        if self.is_own:
            self._takes_no(
                set(type(self).model_fields) - {"name", "parameters", "split_seed"},
                "is a function that gives all splits",
            )
        elif not self.is_generated:
            self._takes_no({"parameters"}, "is no function of your own")
        if self.name == "coco":
            columns = {"image_column", "label_column", "box_format"}
            self._takes_no(columns, "has annotations, and no columns,")
        if self.name == "digits":
            self._takes_no(OF_PICTURES, "comes with scikit-learn as 8 x 8 images")
        if self.is_generated:
            self._takes_no(OF_PICTURES, "is generated, at the size that its parameters give,")
        return self

    @property
    def is_own(self) -> bool:
        """Whether the images come from a function of the user's own."""
        return ":" in self.name

    @property
    def is_generated(self) -> bool:
        """Whether the images are drawn from the seed, by one of this project's tasks."""
        return self.name in TASK_SETTINGS

    @property
    def is_in_memory(self) -> bool:
        """Whether the source gives pixels, and no pictures to decode."""
        return self.is_own or self.is_generated or self.name == "digits"

    def _takes_no(self, fields: AbstractSet[str], reason: str) -> None:
        for field in sorted(fields):
            if getattr(self, field) != type(self).model_fields[field].default:
                raise ValueError(
                    f"data {self.name!r} {reason} and takes no {field}, got "
                    f"{field}={getattr(self, field)!r}"
                )

    def __hash__(self) -> int:
        return hash(self.model_dump_json())
