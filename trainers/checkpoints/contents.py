"""Checks, before a checkpoint is loaded, that its tensors take no more memory than its file's size.

``torch.load(weights_only=True)`` runs no code of the file's, but it inflates compressed members,
makes tensors of any size over storages of a few bytes, and calls constructors with sizes of the
file's own choosing. A file that ``torch.save`` wrote needs none of these.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple, NoReturn

ITEM_BYTES = {
    "BFloat16Storage": 2,
    "BoolStorage": 1,
    "ByteStorage": 1,
    "CharStorage": 1,
    "ComplexDoubleStorage": 16,
    "ComplexFloatStorage": 8,
    "DoubleStorage": 8,
    "FloatStorage": 4,
    "HalfStorage": 2,
    "IntStorage": 4,
    "LongStorage": 8,
    "ShortStorage": 2,
}
"""Bytes of an element, by the name of torch's storage class."""

MEMO = ("BINPUT", "LONG_BINPUT")
OPERATIONS = frozenset(
    (
        *("APPEND", "APPENDS", "BINFLOAT", "BINGET", "BININT", "BININT1", "BININT2", "BINPERSID"),
        *("BINPUT", "BINUNICODE", "BUILD", "EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "GLOBAL"),
        *("LONG1", "LONG_BINGET", "LONG_BINPUT", "MARK", "NEWFALSE", "NEWTRUE", "NONE", "PROTO"),
        *("REDUCE", "SETITEM", "SETITEMS", "STOP", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    )
)
"""Pickle's operations that ``torch.save`` uses for tensors and plain values."""


MOST_PICKLE_BYTES = 2**22
"""The largest pickle, which describes tensors and has the plain values; a byte may take 100 in
memory."""


def check_members(archive: zipfile.ZipFile, size_bytes: int) -> None:
    """Check that an archive is as ``torch.save`` writes it: nothing is compressed or overlaps.

    Args:
        archive: the content of a checkpoint.
        size_bytes: the whole file's.

    Raises:
        ValueError: it is not; with what is wrong.
    """
    members = archive.infolist()
    packed = [member.filename for member in members if member.compress_type != zipfile.ZIP_STORED]
    if packed:
        raise ValueError(f"its member {packed[0]!r} is compressed, which torch.save never does")
    unpacked_bytes = sum(member.file_size for member in members)
    if unpacked_bytes > size_bytes:
        raise ValueError(
            f"its members claim {unpacked_bytes:,} bytes in a file of {size_bytes:,} bytes"
        )
    if len({member.filename for member in members}) < len(members):
        raise ValueError("two of its members have one name")
    if archive.comment or min((member.header_offset for member in members), default=0):
        raise ValueError("it has bytes before or after its members")


def check_pickle(archive: zipfile.ZipFile) -> None:
    """Check that an archive's pickle describes plain values, and tensors within its storages.

    Raises:
        ValueError or another error of unpickling: it does not.
    """
    sizes = {member.filename: member.file_size for member in archive.infolist()}
    pickles = [name for name in sizes if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ValueError(f"it holds {len(pickles)} pickles, not one")
    if sizes[pickles[0]] > MOST_PICKLE_BYTES:
        raise ValueError(f"its pickle is over {MOST_PICKLE_BYTES:,} bytes")
    content = archive.read(pickles[0])
    for operation, argument, position in pickletools.genops(content):
        if operation.name not in OPERATIONS:
            raise ValueError(f"its pickle uses {operation.name} at byte {position}")
        if operation.name in MEMO and isinstance(argument, int) and argument > len(content):
            raise ValueError(f"its pickle counts to {argument:,} in {len(content):,} bytes")
    _Inspector(content, pickles[0].removesuffix("data.pkl"), sizes).load()


class _Storage(NamedTuple):
    """A storage that the file holds."""

    item_bytes: int
    size_bytes: int


class _Inspector(pickle.Unpickler):
    """An unpickler that makes no tensor, and calls nothing but the functions of this module."""

    def __init__(self, content: bytes, folder: str, sizes: Mapping[str, int]) -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8")
        self._folder = folder
        self._sizes = sizes

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a name in the file."""
        if module == "torch" and name in ITEM_BYTES:
            return ITEM_BYTES[name]
        known = {
            ("collections", "OrderedDict"): _OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
            ("torch._utils", "_rebuild_parameter"): _Parameter,
        }
        if (module, name) not in known:
            raise ValueError(f"it names {module}.{name}, which is no tensor or plain value")
        return known[module, name]()

    def persistent_load(self, pid: Any) -> _Storage:
        """Return a storage, which the file must hold in the size that it says."""
        match pid:
            case ("storage", int(item_bytes), str(key), str(), int(items)):
                name = f"{self._folder}data/{key}"
            case _:
                _refuse("storage", pid)
        size_bytes = self._sizes.get(name)
        if size_bytes != items * item_bytes:
            raise ValueError(
                f"its storage {name!r} has {size_bytes} bytes, not {items * item_bytes:,}"
            )
        return _Storage(item_bytes, size_bytes)


class _OrderedDict:
    """A stand-in that makes empty ones only, as in saved files: a copy could repeat a large one."""

    __slots__ = ()

    def __call__(self) -> OrderedDict[Any, Any]:
        return OrderedDict()


class _Parameter:
    """A stand-in for a parameter, whose tensor is checked by itself."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> None:
        return None


class _Tensor:
    """A check that a tensor lies within its storage, with no more elements than that has."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> None:
        match arguments[:4]:
            case (_Storage() as storage, int(offset), tuple(shape), tuple(strides)):
                pass
            case _:
                _refuse("tensor", arguments)
        numbers = (offset, *shape, *strides)
        if len(shape) != len(strides) or any(type(n) is not int or n < 0 for n in numbers):
            _refuse("tensor", arguments)
        items = prod(shape)
        steps = [(size - 1) * stride for size, stride in zip(shape, strides, strict=True)]
        held = storage.size_bytes // storage.item_bytes
        if items and max(items, offset + sum(steps) + 1) > held:
            raise ValueError(
                f"a tensor of shape {list(shape)}, strides {list(strides)} and offset {offset} "
                f"does not lie in its storage of {held:,} elements"
            )


def _refuse(what: str, arguments: Any) -> NoReturn:
    raise ValueError(f"it describes a {what} by {str(arguments)[:80]}")
