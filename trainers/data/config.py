"""Which images to train on, and how many."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from trainers.settings import Settings

DataName = Literal["digits", "cifar10", "cifar100", "image_folder", "parquet", "hub"]


def _list_to_tuple(value: object) -> object:
    """YAML and JSON have lists only; strict validation wants the tuple itself."""
    return tuple(value) if isinstance(value, list) else value


Pixels = Annotated[int, Field(ge=1)]
ImageSize = Annotated[tuple[Pixels, Pixels], BeforeValidator(_list_to_tuple)]


class DataConfig(Settings):
    """A data set and its split; :func:`trainers.load_splits` reads it.

    ``None`` for a count means what is natural; :mod:`trainers.data.split` has the rules.
    """

    name: DataName
    # image_folder: a folder; parquet: a file or folder; hub: the id of a data set, or a folder
    # made with datasets.save_to_disk; cifar10, cifar100: such a folder instead of the hub
    path: str | None = None
    # the split depends on this alone, never on a run's seed
    split_seed: int = Field(default=0, ge=0, lt=2**32)
    # images in each split
    train_images: int | None = Field(default=None, ge=2)
    validation_images: int | None = Field(default=None, ge=0)
    test_images: int | None = Field(default=None, ge=0)
    # [height, width] in pixels to resize every image to; needed where sizes are mixed
    image_size: ImageSize | None = None
    # columns of the table, where they cannot be told from their types
    image_column: str | None = None
    label_column: str | None = None

    @model_validator(mode="after")
    def _fits_the_name(self) -> Self:
        if self.name in ("image_folder", "parquet", "hub") and not self.path:
            raise ValueError(f"data {self.name!r} needs a path, got path={self.path!r}")
        if self.name == "digits":
            for field in ("path", "image_size", "image_column", "label_column"):
                if getattr(self, field) is not None:
                    raise ValueError(
                        f"data 'digits' comes with scikit-learn as 8 x 8 images and takes no "
                        f"{field}, got {field}={getattr(self, field)!r}"
                    )
        return self
