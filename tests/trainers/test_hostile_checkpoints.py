"""Loading a checkpoint takes about twice its file's size in memory, whatever it claims."""

from __future__ import annotations

import ctypes
import gc
import io
import random
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from trainers import CheckpointError, load_checkpoint
from trainers.checkpoints.checkpoint import checkpoint_bytes, read_checkpoint

pytestmark = pytest.mark.many_cases

CONTENT = checkpoint_bytes(
    {
        "weights": torch.nn.Linear(3, 5).state_dict(),
        "half": torch.ones(4, dtype=torch.bfloat16)[1:3],
        "empty": torch.zeros(0, 7),
        "curve": [{"loss": 0.5, "none": None, "yes": True, "large": -(10**30), "text": "é"}],
    }
)


def changed(change: Callable[[str, bytes], bytes], **kind: Any) -> bytes:
    """The archive with each member's content changed, and packed anew."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(CONTENT)) as archive,
        zipfile.ZipFile(packed, "w", **kind) as anew,
    ):
        for name in archive.namelist():
            anew.writestr(name, change(name, archive.read(name)))
    return packed.getvalue()


def with_pickle(pickled: bytes) -> bytes:
    return changed(lambda name, content: pickled if name.endswith("data.pkl") else content)


def status_bytes(field: str) -> int:
    """A field of this process's status: VmRSS is its memory now, VmHWM the most since the reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


@contextmanager
def growth_below(most_bytes: float) -> Iterator[None]:
    """Fails if this process, PyTorch's allocations included, grows by more at any time within."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = status_bytes("VmRSS")
    yield
    assert status_bytes("VmHWM") - before < most_bytes


def refusal(content: bytes) -> str:
    with growth_below(50e6), pytest.raises(CheckpointError) as caught:
        read_checkpoint(content, "x.pt")
    return str(caught.value)


def test_memory_of_tensors_is_seen_by_what_measures_it_here() -> None:
    with pytest.raises(AssertionError), growth_below(50e6):
        torch.ones(20_000_000)


def test_loading_takes_twice_the_size_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "x.pt"
    file.write_bytes(checkpoint_bytes({"weights": torch.ones(20_000_000)}))
    with growth_below(2.1 * file.stat().st_size):
        assert load_checkpoint(file)["weights"].sum() == 20_000_000


def test_what_was_saved_is_read_also_when_packed_anew() -> None:
    for content in (CONTENT, changed(lambda _, content: content)):
        payload = read_checkpoint(content, "x.pt")
        assert payload["curve"][0]["large"] == -(10**30)
        assert payload["half"].shape == (2,)
        assert payload["weights"]["weight"].shape == (5, 3)


def test_a_member_that_inflates() -> None:
    def grown(name: str, content: bytes) -> bytes:
        return bytes(6 * 10**7) if name.endswith("data/0") else content

    content = changed(grown, compression=zipfile.ZIP_DEFLATED)
    assert len(content) < 10**6
    assert "is compressed, which torch.save never does" in refusal(content)


def test_members_that_share_their_bytes() -> None:
    content = checkpoint_bytes({"weights": torch.zeros(25_000)})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members, start = len(archive.infolist()), archive.start_dir
    entries = re.split(b"(?=PK\x01\x02|PK\x05\x06|PK\x06\x06)", content[start:])[1 : members + 1]
    (shared,) = (entry for entry in entries if b"data/0" in entry)
    entries += [shared] * 2000
    directory = b"".join(entries)
    sizes = (len(entries), len(entries), len(directory), start, 0)
    end = b"PK\x05\x06" + bytes(4) + struct.pack("<HHIIH", *sizes)
    message = refusal(content[:start] + directory + end)
    assert re.search(r"x\.pt .* its members claim 200,\d+,\d+ bytes in a file of \d+,\d+", message)


@pytest.mark.parametrize("put", [b"PK", CONTENT])
def test_bytes_before_the_archive(put: bytes) -> None:
    message = refusal(put + CONTENT)
    assert "x.pt" in message
    assert "it has bytes before or after its members" in message


TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
"""The pickle of 15 weights, whole but for the size, a tuple's end and BINPERSID."""


def tensor(
    shape: bytes, strides: bytes, *, items: bytes = b"K\x0f", offset: bytes = b"K\x00"
) -> bytes:
    storage = STORAGE + items + b"tQ"
    rest = b"\x89ccollections\nOrderedDict\n)R"
    return b"\x80\x02" + TENSOR + b"(" + storage + offset + shape + strides + rest + b"tR."


HUGE = b"\x8a\x06" + (2**40).to_bytes(6, "little")


@pytest.mark.parametrize(
    ("pickled", "problem"),
    [
        (tensor(HUGE + b"\x85", b"K\x01\x85"), "does not lie in its storage of 15 elements"),
        (tensor(HUGE + b"\x85", b"K\x00\x85"), "does not lie in its storage of 15 elements"),
        (tensor(b"K\x03\x85", HUGE + b"\x85"), "does not lie in its storage of 15 elements"),
        (tensor(b"K\x03\x85", b"K\x01\x85", offset=b"K\x0d"), "does not lie in its storage"),
        (tensor(b"K\x03\x85", b"K\x01\x85", items=HUGE), "has 60 bytes, not 4,398,046,511,104"),
        (tensor(b"J\xff\xff\xff\xff\x85", b"K\x01\x85"), "describes a tensor by"),
        (tensor(b"K\x03K\x05\x86", b"K\x01\x85"), "describes a tensor by"),
        (b"\x80\x02ctorch\nFloatTensor\n" + HUGE + b"\x85R.", "it names torch.FloatTensor"),
        (b"\x80\x02c__builtin__\nbytearray\n" + HUGE + b"\x85R.", "names __builtin__.bytearray"),
        (b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.", "it names os.system"),
        (b"\x80\x02ccollections\nOrderedDict\n]\x85R.", "damaged"),
        (b"\x80\x02Nr\xff\xff\xff\x7f.", "its pickle counts to 2,147,483,647"),
        (b"\x80\x05\x96" + (2**40).to_bytes(8, "little") + b".", "damaged"),
        (b"\x80\x02" + b"]" * 2**22 + b".", "its pickle is over 4,194,304 bytes"),
        (b"\x80\x02}.", "is no checkpoint of a training run"),
        (b"", "damaged"),
    ],
)  # fmt: skip
def test_a_pickle_that_would_take_memory_or_act(pickled: bytes, problem: str) -> None:
    assert problem in refusal(with_pickle(pickled))


def test_any_mutated_checkpoint_is_read_or_one_message() -> None:
    rng = random.Random(0)
    with zipfile.ZipFile(io.BytesIO(CONTENT)) as archive:
        pickled = next(archive.read(n) for n in archive.namelist() if n.endswith("data.pkl"))
    refused = 0
    for number in range(400):
        source = bytearray(CONTENT if number % 4 == 0 else pickled)
        for _ in range(rng.randrange(1, 4)):
            start = rng.randrange(len(source))
            match rng.randrange(3):
                case 0:
                    source[start] = rng.randrange(256)
                case 1:
                    del source[start : start + rng.randrange(1, 9)]
                case 2:
                    source[start:start] = source[start : start + rng.randrange(1, 9)]
        try:
            read_checkpoint(bytes(source) if number % 4 == 0 else with_pickle(source), "x.pt")
        except CheckpointError:
            refused += 1
    assert 300 < refused < 400
