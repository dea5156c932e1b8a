"""The random changes of train images that a recipe can ask for."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from trainers.settings import GrowingSettings, Settings, list_to_tuple

Share = Annotated[float, Field(gt=0, le=1)]
Ratio = Annotated[float, Field(gt=0)]
Factor = Annotated[float, Field(ge=0.05, le=20)]


class RandAugment(Settings):
    """RandAugment (Cubuk et al. 2020): some operations in a row, all of one magnitude."""

    name: Literal["rand_augment"] = "rand_augment"
    operations: int = Field(default=2, ge=1)
    """Operations on each image, drawn with replacement. Unit: operations."""
    magnitude: int = Field(default=9, ge=0, le=30)
    """Strength of all operations, of 30."""


class TrivialAugment(Settings):
    """TrivialAugment (Müller and Hutter 2021, "wide"): one operation of a random magnitude."""

    name: Literal["trivial_augment"] = "trivial_augment"


Policy = Annotated[RandAugment | TrivialAugment, Field(discriminator="name")]


class ResizedCrop(Settings):
    """A random part of the image, resized to the network's size (Szegedy et al. 2015)."""

    area: Annotated[tuple[Share, Share], BeforeValidator(list_to_tuple)] = (0.08, 1.0)
    """Smallest and largest share of the image's area."""
    ratio: Annotated[tuple[Ratio, Ratio], BeforeValidator(list_to_tuple)] = (3 / 4, 4 / 3)
    """Smallest and largest ratio of width to height."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        for name, (low, high) in (("area", self.area), ("ratio", self.ratio)):
            if low > high:
                raise ValueError(f"{name} must rise, got [{low}, {high}]")
        return self


class ScaleJitter(Settings):
    """The image in a random size, of which the network sees a part of its own size.

    It keeps its ratio, and just fits into the network's size times a factor. What is larger than
    the network's size is cut at random; what is smaller lies at the upper left, and the rest is
    black. As in the detectors of Lin et al. (2017), https://arxiv.org/abs/1708.02002.
    """

    factor: Annotated[tuple[Factor, Factor], BeforeValidator(list_to_tuple)] = (0.8, 1.2)
    """Smallest and largest factor, between which all are equally likely; `[0.8, 1.2]` is 512 to 768
    pixels for a network of 640."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.factor[0] > self.factor[1]:
            raise ValueError(f"factor must rise, got {list(self.factor)}")
        return self


Crop = ResizedCrop | ScaleJitter


class Augmentation(GrowingSettings):
    """Random changes of train images; the default changes nothing.

    Each image draws its own values, uniformly from the ranges given. The draws are a function of
    the training's seed, the epoch and the image, whatever batch it is in. The changes are applied
    in the order of these keys. What is shifted in from outside an image is black (0).
    """

    LATER_KEYS: ClassVar[tuple[str, ...]] = ("scale_jitter",)

    resized_crop: ResizedCrop | None = None
    """A random part of the image, resized: the Inception crop; null takes the whole image."""
    scale_jitter: ScaleJitter | None = None
    """The image in a random size, and a part of it of the network's size, as detectors are trained;
    null leaves the size as it is. Not with `resized_crop`."""
    horizontal_flip: bool = False
    """Mirror every second image, left for right."""
    crop_padding_pixels: int = Field(default=0, ge=0)
    """Largest shift by whole pixels, in either direction: CIFAR's padding and random crop. Unit:
    pixels."""
    rotation_degrees: float = Field(default=0, ge=0, le=180)
    """Largest rotation, in either direction. Unit: degrees."""
    translation_fraction: float = Field(default=0, ge=0, le=1)
    """Largest shift, as a fraction of height and width, in either direction."""
    scale_fraction: float = Field(default=0, ge=0, lt=1)
    """Zoom by a factor between 1 - fraction and 1 + fraction."""
    shear_degrees: float = Field(default=0, ge=0, lt=90)
    """Largest shear along each axis, in either direction. Unit: degrees."""
    policy: Policy | None = None
    """Operations drawn from a list; null for none."""
    contrast_fraction: float = Field(default=0, ge=0, le=1)
    """Multiply the distance from the image's mean by a factor between 1 - fraction and 1 +
    fraction."""
    brightness_fraction: float = Field(default=0, ge=0, le=1)
    """Multiply brightness by a factor between 1 - fraction and 1 + fraction."""
    saturation_fraction: float = Field(default=0, ge=0, le=1)
    """Multiply the distance from the grey image by a factor between 1 - fraction and 1 + fraction;
    for colour images."""
    hue_fraction: float = Field(default=0, ge=0, le=0.5)
    """Largest turn of the hue, as a fraction of the whole circle, in either direction; for colour
    images."""
    noise_std: float = Field(default=0, ge=0)
    """Standard deviation of Gaussian noise, for pixel values from 0 to 1."""
    erasing_probability: float = Field(default=0, ge=0, le=1)
    """Fraction of images in which a rectangle of 2 % to 33 % of the area becomes black (Zhong et
    al. 2017)."""
    mixup_alpha: float = Field(default=0, ge=0)
    """Both parameters of the Beta distribution of mixup (Zhang et al. 2018); 0 does not mix."""
    cutmix_alpha: float = Field(default=0, ge=0)
    """Both parameters of the Beta distribution of cutmix (Yun et al. 2019); 0 does not cut. With
    mixup too, every group of images draws one of them, at even odds."""

    @model_validator(mode="after")
    def _one_crop(self) -> Self:
        if self.resized_crop is not None and self.scale_jitter is not None:
            raise ValueError("resized_crop and scale_jitter are two crops; give one, got both")
        return self

    @property
    def crop(self) -> Crop | None:
        """The random crop of another size than the network's; None takes the whole image."""
        return self.resized_crop or self.scale_jitter

    def without_crop(self) -> Self:
        """Return the changes that are left for images that were cropped as they were decoded."""
        return self.model_copy(update={"resized_crop": None, "scale_jitter": None})

    def check_fits(self, channels: int) -> None:
        """Refuse images of so many channels that some change is not defined for them.

        Raises:
            ValueError: saturation or hue is to change, or a policy is given, and the images have
                no colour, or neither 1 nor 3 channels.
        """
        for key in ("saturation_fraction", "hue_fraction"):
            if getattr(self, key) and channels != 3:
                raise ValueError(
                    f"augmentation.{key} needs colour images of 3 channels, got "
                    f"{key}={getattr(self, key)}, channels={channels}"
                )
        if self.policy is not None and channels not in (1, 3):
            raise ValueError(
                f"augmentation.policy needs images of 1 or 3 channels, got "
                f"policy={self.policy.name}, channels={channels}"
            )

    def check_objects(self) -> None:
        """Refuse to augment images whose labels are objects in them, by what mixes classes.

        Raises:
            ValueError: the settings mix images.
        """
        if self.mixes:
            raise ValueError(
                "augmentation.mixup_alpha and cutmix_alpha mix the classes of images, and must be "
                f"0 for objects in images, got mixup_alpha={self.mixup_alpha:g}, "
                f"cutmix_alpha={self.cutmix_alpha:g}"
            )

    @property
    def mixes(self) -> bool:
        """Whether it mixes images with each other, and so their labels."""
        return bool(self.mixup_alpha or self.cutmix_alpha)
