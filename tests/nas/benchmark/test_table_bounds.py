"""A table is read only up to its bounds, however large it inflates."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from nas.benchmark import csv_table
from nas.benchmark.csv_table import read_cells
from nas.benchmark.nas_bench_macro import read_nas_bench_macro
from nas.benchmark.table import TableError


def problem(path: Path) -> str:
    with pytest.raises(TableError) as caught:
        read_cells(path)
    return str(caught.value).removeprefix(str(path))


def test_no_more_is_decompressed_than_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_table, "MOST_BYTES", 2**20)
    file = tmp_path / "bomb.csv.gz"
    file.write_bytes(gzip.compress(b"a,b\n" * 10**7))
    tracemalloc.start()
    assert problem(file) == ": holds over 1,048,576 bytes"
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()
    file.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert read_cells(file).rows == [["1", "2"]]


@pytest.mark.parametrize("line", ["1,2\n", "1,2\r", '"1","2"\r\n'])
def test_rows_and_cells_are_counted_before_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    file = tmp_path / "many.csv"
    file.write_text("a,b\n" + line * 50)
    monkeypatch.setattr(csv_table, "MOST_ROWS", 49)
    assert problem(file) == ": has over 49 lines"
    monkeypatch.setattr(csv_table, "MOST_ROWS", 100)
    monkeypatch.setattr(csv_table, "MOST_CELLS", 49)
    assert problem(file) == ": has over 49 cells"


def test_json_tables(tmp_path: Path) -> None:
    file = tmp_path / "macro.json"
    for text, told in (
        ("[" * 10**5, "is not JSON: nested too deeply"),
        ('{"a": 1, "a": 2}', "is not JSON: the key 'a' stands twice"),
        ('{"a": ' + "9" * 5000 + "}", "is not JSON: "),
    ):
        file.write_text(text)
        with pytest.raises(TableError, match=told):
            read_nas_bench_macro(file)


def test_paths_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    assert problem(tmp_path / "a.csv" / "b.csv") == ": Not a directory"
    assert problem(tmp_path / ("x" * 300 + ".csv")) == ": File name too long"
