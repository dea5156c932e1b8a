"""Images that are decoded while training: the same as in memory, in any number of processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from trainers import DataConfig, DataError, ImageSplits, Recipe, Training, load_splits
from trainers.augmentation.boxes import DRAWS, crop_boxes
from trainers.augmentation.draws import ImageDraws, Use
from trainers.augmentation.settings import ResizedCrop
from trainers.batches.order import epoch_order
from trainers.data.splits.picture_split import PictureSplit
from trainers.data.splits.random_crop import RandomCrop
from trainers.randomness import Stream

SIZE = (24, 20)  # height, width


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of pictures of odd sizes: JPEG (some on their side), PNG, grey, palette."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(90):
        width, height = (int(side) for side in rng.integers(30, 130, 2))
        coarse = rng.integers(0, 256, (4, 5, 3)).astype(np.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        kind = number % 5
        if kind == 1:
            picture = picture.convert("L")
        if kind == 2:
            picture = picture.convert("P")
        exif = Image.Exif()
        if kind == 3:
            exif[0x0112] = int(rng.integers(1, 9))
        file = folder / f"class{number % 3}" / f"{number}.{'png' if kind == 2 else 'jpg'}"
        file.parent.mkdir(exist_ok=True)
        picture.save(file, exif=exif)
    return folder


def loaded(folder: Path, **settings: object) -> ImageSplits:
    base = {"name": "image_folder", "path": str(folder), "image_size": list(SIZE)}
    return load_splits(DataConfig.model_validate(base | settings))


def network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(32, 3),
        )


RECIPE = Recipe.model_validate(
    {
        "epochs": 3,
        "batch_size": 12,
        "normalization_images": 6,
        "learning_rate": 0.05,
        "augmentation": {"resized_crop": {}, "horizontal_flip": True, "erasing_probability": 0.3},
        "evaluation": {"recalibration_images": 20},
    }
)


def trained(splits: ImageSplits, steps: int = 1000) -> Training:
    training = Training(network(), splits, RECIPE, seed=5)
    while not training.done:
        training.run_steps(steps)
    return training


def weights(training: Training) -> torch.Tensor:
    return torch.cat([each.flatten().double() for each in training.model.state_dict().values()])


def test_whole_pictures_are_those_in_memory(photos: Path) -> None:
    memory, disk = loaded(photos, decoding="once"), loaded(photos, decoding="each_use")
    assert isinstance(disk.train, PictureSplit)
    for one, other in ((memory.train, disk.train), (memory.test, disk.test)):
        everything = torch.arange(len(one))
        assert torch.equal(one.pixels(everything), other.pixels(everything))
        assert torch.equal(one.labels, other.labels)
    assert (disk.mean, disk.std) == (memory.mean, memory.std)  # of so few, all are measured
    both = disk.with_validation_in_train()
    order = torch.tensor([0, len(disk.train), len(both.train) - 1])
    expected = memory.with_validation_in_train().train
    assert torch.equal(both.train.pixels(order), expected.pixels(order))
    rows = torch.tensor([1, 3, len(both.train) - 1])
    assert torch.equal(both.train.rows(rows).pixels(torch.arange(3)), expected.pixels(rows))


def test_the_size_of_the_set_decides_unless_it_is_said(photos: Path) -> None:
    bytes_of_all = 90 * 3 * SIZE[0] * SIZE[1]
    for memory_gb, expected in ((bytes_of_all / 1e9, False), (bytes_of_all / 1e9 - 1e-9, True)):
        splits = loaded(photos, memory_gb=memory_gb)
        assert isinstance(splits.train, PictureSplit) == expected
    with pytest.raises(DataError, match=r"decoding=each_use needs image_size, .* got null"):
        loaded(photos, decoding="each_use", image_size=None)


def test_a_crop_at_decoding_is_the_box_of_the_whole_picture(photos: Path) -> None:
    """Against the same box, cut out of the picture decoded in full and resized by Pillow."""
    splits = loaded(photos, decoding="each_use")
    assert isinstance(splits.train, PictureSplit)
    crop = RandomCrop(ResizedCrop(area=(0.3, 1.0)), SIZE, seed=3)
    positions = torch.arange(len(splits.train))
    crops = crop.pixels(splits.train, positions, epoch=2)
    uniform = ImageDraws.of(3, 2, positions).uniform(Use.RESIZED_CROP, DRAWS + 2)
    for position in range(len(splits.train)):
        file = splits.train.pictures.file(position)
        with Image.open(file) as opened:  # type: ignore[arg-type]
            orientation = opened.getexif().get(0x0112, 1)
            whole = np.asarray(opened.convert("RGB"))
        whole = upright(whole, orientation)
        height, width = whole.shape[:2]
        x, y, box_width, box_height = crop_boxes(
            uniform[position : position + 1], crop.settings, (height, width), SIZE
        )[0].tolist()
        box = (x + 0.5 - box_width / 2, y + 0.5 - box_height / 2)
        box = (max(box[0], 0), max(box[1], 0))
        ends = (min(box[0] + box_width, width), min(box[1] + box_height, height))
        expected = Image.fromarray(whole).resize(
            SIZE[::-1], Image.Resampling.BILINEAR, box=(*box, *ends)
        )
        difference = crops[position].permute(1, 2, 0).float() - torch.tensor(np.array(expected))
        # a JPEG file that is decoded at half its size differs a little
        name = splits.train.pictures.name(position)
        assert difference.abs().mean() < (8 if name.endswith("jpg") else 1e-9), name


@pytest.mark.parametrize("mode", ["1", "L", "I;16", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_a_crop_of_the_whole_picture_is_converted_as_one_is(mode: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for number in range(8):
        colours = rng.integers(0, 256, (30, 30, 4)).astype(np.uint8)
        picture = Image.fromarray(colours)
        if mode == "I;16":
            picture = Image.fromarray(rng.integers(0, 2**16, (30, 30)).astype(np.uint16))
        file = tmp_path / f"class{number % 2}" / f"{number}.{'tif' if mode == 'CMYK' else 'png'}"
        file.parent.mkdir(exist_ok=True)
        (picture if mode == "I;16" else picture.convert(mode)).save(file)
    settings = {"validation_images": 0, "test_images": 0, "decoding": "each_use"}
    train = loaded(tmp_path, image_size=[20, 20], **settings).train
    assert isinstance(train, PictureSplit)
    everything = ResizedCrop(area=(1.0, 1.0), ratio=(1.0, 1.0))
    crops = RandomCrop(everything, (20, 20), seed=3).pixels(train, torch.arange(8), epoch=0)
    assert torch.equal(crops, train.pixels(torch.arange(8)))


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn pixels by the table of the EXIF standard."""
    turns = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, 1),
    }
    return np.ascontiguousarray(turns[orientation](pixels))


def test_processes_and_breaks_change_no_bit(photos: Path) -> None:
    undisturbed = trained(loaded(photos, decoding="each_use", loader_processes=0))
    for processes in (1, 3):
        other = trained(loaded(photos, decoding="each_use", loader_processes=processes), steps=2)
        assert torch.equal(weights(other), weights(undisturbed))
    splits = loaded(photos, decoding="each_use", loader_processes=2)
    training = Training(network(), splits, RECIPE, seed=5)
    while not training.done:  # another object after each step
        training.run_steps(1)
        state = training.state_dict()
        training = Training(network(), splits, RECIPE, seed=5)
        training.load_state_dict(state)
    assert torch.equal(weights(training), weights(undisturbed))
    for one, other in zip(training.curve, undisturbed.curve, strict=True):
        assert (one.train_loss, one.validation) == (other.train_loss, other.validation)


def test_no_process_is_left_behind(photos: Path) -> None:
    def children() -> int:
        return len(psutil.Process().children())

    before = children()
    training = Training(network(), loaded(photos, decoding="each_use"), RECIPE, seed=5)
    training.run_steps(1)
    assert children() > before
    del training
    assert children() == before


def test_a_damaged_picture_is_named(photos: Path, tmp_path: Path) -> None:
    for number in range(12):
        target = tmp_path / f"class{number % 2}" / f"{number}.jpg"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((photos / "class0" / "0.jpg").read_bytes())
    splits = loaded(tmp_path, decoding="each_use", validation_images=0, test_images=0)
    (tmp_path / "class1" / "7.jpg").write_bytes(b"\xff\xd8\xff no picture")
    recipe = RECIPE.model_copy(update={"batch_size": 12})
    training = Training(network(), splits, recipe, seed=0, evaluate_on="none")
    with pytest.raises(DataError, match=r"^class1/7.jpg cannot be used: ") as caught:
        training.run_epoch()
    assert "\n" not in str(caught.value)


KILLING_PROGRAM = """
import os, signal, sys, threading
import psutil
from torch import nn
from trainers import DataConfig, LoaderLost, Recipe, Training, load_splits

data = DataConfig(
    name="image_folder", path=sys.argv[1], image_size=(24, 20), decoding="each_use",
    loader_processes=1,
)
splits = load_splits(data)
model = nn.Sequential(nn.Conv2d(3, 4, 8, 8), nn.Flatten(), nn.Linear(24, 3))
recipe = Recipe(epochs=10_000, batch_size=4, learning_rate=0.01)
training = Training(model, splits, recipe, seed=5)
training.run_steps(1)
(loader,) = psutil.Process().children()
threading.Timer(0.5, os.kill, (loader.pid, signal.SIGKILL)).start()
try:
    while not training.done:
        training.run_epoch()
except LoaderLost as error:
    print(error)
"""


def test_a_process_that_dies_is_not_the_data_s_fault(photos: Path) -> None:
    """In a process of its own: PyTorch interrupts the main thread, wherever that is."""
    done = subprocess.run(
        [sys.executable, "-c", KILLING_PROGRAM, str(photos)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("a process that decodes images died: ") == 1, done.stdout


@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 3), st.integers(0, 9))
def test_an_order_is_a_permutation_by_seed_and_epoch(
    images: int, block: int, epoch: int, seed: int
) -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return epoch_order(
            images, seed=seed, stream=Stream.ORDER, epoch=epoch, block_images=block
        ).tolist()

    assert sorted(order(seed, epoch)) == list(range(images))
    assert order(seed, epoch) == order(seed, epoch)
    if images > 20:
        assert order(seed, epoch) != order(seed, epoch + 1)
        assert order(seed, epoch) != order(seed + 1, epoch)


def test_blocks_are_read_near_each_other() -> None:
    order = epoch_order(100_000, seed=0, stream=Stream.ORDER, epoch=0, block_images=100)
    blocks_in_a_window = [len(set((part // 100).tolist())) for part in order.split(6400)]
    assert max(blocks_in_a_window) <= 65  # 64, and where one window ends within a block
    assert len(set((order[:64] // 100).tolist())) > 20  # and mixed


MEMORY_PROGRAM = """
import os, sys
from pathlib import Path
import psutil, torch
from torch import nn
from trainers import DataConfig, Recipe, Training, load_splits

def anonymous_mb():
    processes = [psutil.Process(), *psutil.Process().children()]
    kilobytes = 0
    for each in processes:
        status = Path(f"/proc/{each.pid}/status").read_text()
        kilobytes += int(status.split("RssAnon:")[1].split()[0])
    return kilobytes / 1000

torch.set_num_threads(1)
folder, picture = Path(sys.argv[1]), Path(sys.argv[2])
linked = 0
for images in (1000, 1000, 8000):  # the first to have everything imported
    for number in range(linked, images):
        target = folder / f"class{number % 2}" / f"{number}.jpg"
        target.parent.mkdir(exist_ok=True)
        os.link(picture, target)
    linked = images
    data = DataConfig(
        name="image_folder", path=str(folder), image_size=(64, 64), memory_gb=0.01,
        loader_processes=1, validation_images=20, test_images=20,
    )
    recipe = Recipe(epochs=1, batch_size=100, learning_rate=0.1)
    model = nn.Sequential(nn.Conv2d(3, 4, 8, 8), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(256, 2))
    splits = load_splits(data)
    training = Training(model, splits, recipe, seed=0, evaluate_on="none")
    most = 0
    while not training.done:
        training.run_steps(5)
        most = max(most, anonymous_mb())
    print(len(splits.train), round(most, 1))
    del training, splits
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(photos: Path, tmp_path: Path) -> None:
    """Seven thousand more images, 86 MB decoded and 8 times the bound, take under 12 MB more."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_PROGRAM, str(tmp_path), str(photos / "class0" / "0.jpg")],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    _, few, many = (tuple(map(float, line.split())) for line in done.stdout.splitlines())
    assert (few[0], many[0]) == (960, 7960)
    assert many[1] - few[1] < 12, done.stdout
