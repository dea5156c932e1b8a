"""Tables of benchmarks: reading, messages with the place, and scores of replays."""

from __future__ import annotations

import gzip
import json
import os
import pickle
from pathlib import Path
from typing import Any

import moocore
import numpy as np
import pytest

from nas.benchmark.csv_table import read_csv_table
from nas.benchmark.nas_bench_macro import read_nas_bench_macro
from nas.benchmark.replay import replay
from nas.benchmark.results import checkpoints
from nas.benchmark.specs import build_schedule, parse_spec, sampler_of
from nas.benchmark.statistics import Score, interval
from nas.benchmark.table import BenchmarkTable, TableError, space_of_rows
from nas.benchmark.tabulation_reader import read_tabulated
from nas.cli.commands.tools.benchmark_source import Source, read_source

COLUMNS: dict[str, Any] = {"choices": ["stem", "kind"], "maximise": "acc", "minimise": "cost"}
HEADER = "stem,kind,acc,cost,note"
ROWS = [HEADER, "conv,,0.5,100,a", "conv,k,0.75,200,b", "attention,k,0.7,150,c"]

TABULATED = """\
# nas tabulate two.yaml
# space description: {"name": "two", "stem": [{"type": "conv", "width": 4}], "stages": [\
{"depth": 1, "width": 4, "primitive": [{"type": "conv", "kernel": 3}, \
{"type": "local_attention", "extent": [3, 5], "heads": 2}]}]}
stage1.type,stage1.local_attention.extent,arch_id,params,macs,activations,\
val_accuracy_seed0,train_seconds_seed0,val_accuracy_seed0_epoch3,val_accuracy_seed0_epoch12,\
val_accuracy_seed1,train_seconds_seed1,val_accuracy_seed1_epoch3,val_accuracy_seed1_epoch12
conv,,aaaa,10,100,5,0.5,2,0.2,0.5,0.7,4,0.4,0.7
local_attention,5,bbbb,20,90,6,0.8,6,0.5,0.8,0.9,6,0.7,0.9
local_attention,3,cccc,15,95,7,0.7,1,0.5,0.7,0.7,1,0.5,0.7
"""


def written(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["any.csv", "any.csv.gz"])
def test_a_csv_of_any_benchmark(tmp_path: Path, name: str) -> None:
    text = "\n".join(["# made elsewhere", *ROWS, ""])
    table = read_csv_table(written(tmp_path / name, text), **COLUMNS)
    assert table.name == "any"
    assert table.rows == [("conv", ""), ("conv", "k"), ("attention", "k")]  # not the full product
    assert {p.name: p.choices for p in table.space.parameters} == {
        "stem": ("attention", "conv"),
        "kind": ("", "k"),
    }
    assert table.losses.tolist() == [[-0.5, 100], [-0.75, 200], [-0.7, 150]]
    assert table.seconds.mean() == pytest.approx(3600)
    assert table.seconds[1] == pytest.approx(2 * table.seconds[0])


@pytest.mark.parametrize("name", ["default", "pareto_local_search", "random"])
def test_the_order_of_rows_does_not_matter(tmp_path: Path, name: str) -> None:
    lines = [f"{a},{b},{(a * b) % 7},{a + b}" for a in range(4) for b in (2, 10, 3)]
    evaluated = []
    for number, rows in enumerate((lines, lines[::-1])):
        path = written(tmp_path / f"{number}.csv", "\n".join(["a,b,acc,cost", *rows]))
        table = read_csv_table(path, choices=["a", "b"], maximise="acc", minimise="cost")
        options = "" if name == "random" else ":initial_trials=2"
        done = replay(table, sampler_of(parse_spec(name + options), table, seed=0), budget=6)
        evaluated.append([table.rows[ended.row] for ended in done.ended])
    assert evaluated[0] == evaluated[1]


def test_what_a_cell_may_hold(tmp_path: Path) -> None:
    """Unicode's line ends do not end a CSV's line; blanks around columns' names are removed."""
    text = "a, b ,acc, cost\r\nu\u2028v,\x85\x0b\x0c,1,2\r\nw,,2,1\r\n"
    path = written(tmp_path / "any.csv", text)
    table = read_csv_table(path, choices=["a", "b"], maximise="acc", minimise="cost")
    assert table.rows == [("u\u2028v", "\x85\x0b\x0c"), ("w", "")]


def test_processes_are_given_the_columns_that_are_asked_for(tmp_path: Path) -> None:
    lines = ["a,acc,cost,size,note", "u,1,1,7,left_out", "v,2,2,8,left_out"]
    path = written(tmp_path / "any.csv", "\n".join(lines))
    table = read_csv_table(path, choices=["a"], maximise="acc", minimise="cost")
    assert table.scores is not None
    assert table.scores(["size"]).of(("v",)) == {"size": 8}
    path.unlink()
    sent = pickle.dumps(table)
    assert b"left_out" not in sent
    there = pickle.loads(sent).scores
    assert there(["size"]).of(("u",)) == {"size": 7}


def test_a_column_of_seconds(tmp_path: Path) -> None:
    text = "a,acc,cost,s\n10,1,1,7\n9,2,0,8\n"
    path = written(tmp_path / "t.csv", text)
    table = read_csv_table(path, choices=["a"], maximise="acc", minimise="cost", seconds="s")
    assert table.seconds.tolist() == [7, 8]
    assert table.space.parameters[0].choices == ("9", "10")  # as numbers
    without = read_csv_table(path, choices=["a"], maximise="acc", minimise="cost")
    with pytest.raises(TableError, match="need it to be positive, got 0; name a column of seconds"):
        without.check_clock()


def test_a_table_of_nas_tabulate_is_a_mean_over_seeds(tmp_path: Path) -> None:
    path = written(tmp_path / "own.csv.gz", TABULATED)
    table = read_tabulated(path)
    assert table.name == "two"
    assert [table.space.params_of(row) for row in table.rows[:2]] == [
        {"stage1.type": "conv"},
        {"stage1.type": "local_attention", "stage1.local_attention.extent": 5},
    ]
    assert table.maximised == pytest.approx([0.6, 0.85, 0.7])
    assert table.minimised.tolist() == [10, 20, 15]
    assert table.costs.of(table.rows[1]) == {"params": 20, "macs": 90, "activations": 6}
    assert table.seconds.tolist() == [3, 6, 1]
    assert table.epochs == (3, 12)
    assert table.curves == pytest.approx(np.array([[0.3, 0.6], [0.6, 0.85], [0.5, 0.7]]))
    assert read_tabulated(path, minimise="macs").minimised.tolist() == [100, 90, 95]


def test_the_table_that_ships_is_replayed_without_a_source() -> None:
    table = read_source(Source(None, None, None, choices="", maximize="", minimize="", seconds=""))
    assert (table.name, len(table.rows)) == ("digits_tabular", 480)
    assert build_schedule(parse_spec("asha"), table) is not None
    assert Score(table).best > 0.95


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# space", "# spice", "no line at its head begins with '# space description: '"),
        ('{"name"', '"name"', "space description: is not JSON"),
        ("conv,,aaaa", "conv,3x,aaaa", "line 4, column stage1.local_attention.extent: must be one"),
        ("attention,5,bbbb", "attention,,bbbb", "line 5: two: parameter stage1.local_attention"),
        ("attention,3,cccc", "attention,5,cccc", "must hold all 3 architectures of 'two', got 2"),
        ("stage1.type,", "stage9.type,", "there is no column 'stage1.type'"),
        ("train_seconds", "seconds", "no column is train_seconds_seed"),
        ("0.9,6", "x,6", "line 5, column val_accuracy_seed1: must be a finite number, got 'x'"),
        ("0.9,6,0.7,0.9", ",,,", "line 5: the training of bbbb with seed 1 failed, as its head"),
    ],
)
def test_a_table_of_nas_tabulate_that_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in TABULATED
    path = written(tmp_path / "own.csv", TABULATED.replace(old, new, 1 + (old == "train_seconds")))
    with pytest.raises(TableError) as caught:
        read_tabulated(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "changes", "message"),
    [
        ([], {}, "{path}: needs a header and rows, got 0 lines"),
        ([HEADER], {}, "{path}: needs a header and rows, got 1 lines"),
        (["# nothing"], {}, "{path}: needs a header and rows, got 0 lines"),
        (ROWS[:2], {}, "any: a benchmark needs two rows or more, got 1"),
        (
            [*ROWS, "conv,k,1,1,d"],
            {},
            "{path} line 5: has the same choices as line 3, stem=conv, kind=k",
        ),
        (
            ["# head", *ROWS, "conv,x,high,1,d"],
            {},
            "{path} line 6, column acc: must be a finite number, got 'high'",
        ),
        (
            [*ROWS, "conv,x,1,nan,d"],
            {},
            "{path} line 5, column cost: must be a finite number, got 'nan'",
        ),
        (
            [*ROWS, "conv,x,,1,d"],
            {},
            "{path} line 5, column acc: must be a finite number, got ''",
        ),
        ([*ROWS, "conv,x,1"], {}, "{path} line 5: must have 5 cells, got 3"),
        ([*ROWS, 'conv,"x,1,1'], {}, "{path} line 5: unexpected end of data"),
        (
            ROWS,
            {"maximise": "accuracy"},
            "{path}: there is no column 'accuracy'; known: stem, kind, acc, cost, note",
        ),
        (
            ROWS,
            {"choices": ["stem", "size"]},
            "{path}: there is no column 'size'; known: stem, kind, acc, cost, note",
        ),
        (ROWS, {"choices": ["acc"]}, "{path}: column 'acc' is named for two things"),
        (
            ["a,a,acc,cost", "1,2,3,4"],
            {"choices": ["a"]},
            "{path}: there are several columns 'a'",
        ),
        (
            [HEADER, "a,b,1,5,", "a,c,1,6,"],
            {},
            "any: acc is 1 in every row",
        ),
        (
            ROWS,
            {"seconds": "note"},
            "{path} line 2, column note: must be a finite number, got 'a'",
        ),
    ],
)
def test_a_csv_that_is_refused(
    tmp_path: Path, lines: list[str], changes: dict[str, Any], message: str
) -> None:
    path = written(tmp_path / "any.csv", "\n".join(lines))
    with pytest.raises(TableError) as caught:
        read_csv_table(path, **(COLUMNS | changes))
    assert str(caught.value) == message.format(path=path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("any.csv.gz", b"stem,kind", "Not a gzipped file"),
        ("any.csv.gz", gzip.compress(b"stem,kind\n" * 99, mtime=0)[:-9], "ended before"),
        ("any.csv.gz", gzip.compress(b"", mtime=0)[:10] + b"\xff" * 20, "invalid block type"),
        ("any.csv", b"\xff\xfe\x00", "is not UTF-8 text"),
        ("any.txt", b"", "must end in .csv or .csv.gz"),
        ("none.csv", None, "No such file or directory"),
    ],
)
def test_a_file_that_is_no_csv(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TableError) as caught:
        read_csv_table(path, **COLUMNS)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON: nested too deeply"),
        ("[]", "must be a JSON object"),
        ("{}", "must be a JSON object with a key of 8 digits a network"),
        ('{"00000000": {"mean_acc": 9%s}}' % ("0" * 400), "mean_acc: is too large a number"),
        ('{"012": {}}', "a key must be 8 digits, one a layer, got '012'"),
        ('{"00000000": {"mean_acc": "90"}}', "00000000.mean_acc: must be a number, got '90'"),
        ('{"00000000": {"mean_acc": 90}}', "00000000.flops: must be a number, got None"),
        ('{"00000000": 3}', "00000000.mean_acc: must be a number, got None"),
    ],
)
def test_a_file_that_is_not_nas_bench_macro(tmp_path: Path, content: str, message: str) -> None:
    path = written(tmp_path / "macro.json", content)
    with pytest.raises(TableError) as caught:
        read_nas_bench_macro(path)
    assert message in str(caught.value)


def test_nas_bench_macro() -> None:
    path = os.environ.get("NAS_BENCH_MACRO")
    if not path:
        pytest.skip("NAS_BENCH_MACRO does not name the file nas-bench-macro_cifar10.json")
    table = read_nas_bench_macro(Path(path))
    best = table.rows[int(table.maximised.argmax())]
    assert ("".join(map(str, best)), len(table.rows)) == ("22212220", 6561)
    assert int(moocore.is_nondominated(table.losses).sum()) == 35
    assert table.minimised[table.index[tuple("00000000")]] == 7.71328
    everything = np.stack([table.maximised, table.minimised], axis=1)
    score = Score(table)
    assert score.hypervolumes(everything)[-1] == pytest.approx(1)
    assert score.regrets(everything)[-1] == 0


@pytest.fixture
def diagonal() -> BenchmarkTable:
    """21 rows of worth i and cost i, none better than another; scaled, they are 1/19 apart."""
    number = np.arange(21)
    rows = [(str(i),) for i in number]
    return BenchmarkTable(
        "diagonal",
        rows=rows,
        space=space_of_rows("diagonal", ["i"], rows),
        maximised=number,
        minimised=number,
        maximised_name="worth",
        minimised_name="cost",
        seconds=np.ones(21),
    )


def test_hypervolume_and_regret_by_hand(diagonal: BenchmarkTable) -> None:
    """In units of 1/19, row i is at (20 - i, i); the whole front has a volume of 1 + ... + 17."""
    score = Score(diagonal)
    evaluations = np.array([[1, 1], [10, 10], [10, 12], [14, 14], [13, 15], [20, 20]])
    volumes = [0, 81, 81, 81 + 20, 81 + 20, 81 + 20]  # the first and last are beyond (1, 1)
    assert score.hypervolumes(evaluations) == pytest.approx(np.array(volumes) / 153)
    assert score.regrets(evaluations).tolist() == [19, 10, 10, 6, 6, 0]
    assert len(score.hypervolumes(np.empty((0, 2)))) == 0


def test_hypervolume_step_by_step_is_that_of_all_so_far(diagonal: BenchmarkTable) -> None:
    score = Score(diagonal)
    evaluations = np.random.default_rng(0).uniform(0, 20, (60, 2))
    points = np.stack([20 - evaluations[:, 0], evaluations[:, 1]], axis=1) / 19
    whole = [moocore.hypervolume(points[: n + 1], ref=[1.0, 1.0]) * 361 / 153 for n in range(60)]
    assert score.hypervolumes(evaluations) == pytest.approx(np.array(whole))


def test_what_cannot_be_scaled_is_refused() -> None:
    worths = np.array([1.0] * 39 + [0])
    rows = [(str(i),) for i in range(40)]
    with pytest.raises(TableError, match="worth cannot be scaled: 95 % of the rows or more have"):
        Score(
            BenchmarkTable(
                "flat",
                rows=rows,
                space=space_of_rows("flat", ["i"], rows),
                maximised=worths,
                minimised=np.arange(1, 41),
                maximised_name="worth",
                minimised_name="cost",
            )
        )


def test_a_table_with_no_row_better_than_the_reference_point() -> None:
    rows = [(str(i),) for i in range(4)]
    table = BenchmarkTable(
        "corner",
        rows=rows,
        space=space_of_rows("corner", ["i"], rows),
        maximised=np.array([1, 0, 0, 0]),
        minimised=np.array([3, 1, 1, 1]),  # of which 2.7 is the 95th percentile
        maximised_name="worth",
        minimised_name="cost",
    )
    with pytest.raises(
        TableError, match=r"the reference point, 0 of worth and 2\.7 of cost: the values"
    ):
        Score(table)


def test_confidence_interval() -> None:
    """The values 1, 2, 3 have deviation 1; the t quantile of 2 degrees of freedom is 4.3027."""
    estimate = interval([1, 2, 3])
    assert estimate.mean == 2
    assert estimate.half_width == pytest.approx(4.302653 / 3**0.5)
    assert interval([5]) == (5, None)
    with pytest.raises(ValueError, match="a value or more"):
        interval([])


@pytest.mark.parametrize(
    ("budget", "numbers"),
    [
        (300, [50, 100, 200, 300]),
        (100, [10, 20, 50, 100]),
        (250, [50, 100, 200, 250]),
        (1000, [200, 300, 500, 1000]),
        (3, [3]),
    ],
)
def test_where_figures_are_given(budget: int, numbers: list[int]) -> None:
    assert checkpoints(budget) == numbers


def test_macro_json_of_a_few_networks(tmp_path: Path) -> None:
    data = {
        "00000000": {"mean_acc": 80.5, "flops": 7_000_000, "params": 1},
        "00000002": {"mean_acc": 81.5, "flops": 9_500_000, "params": 2},
    }
    table = read_nas_bench_macro(written(tmp_path / "macro.json", json.dumps(data)))
    assert table.losses.tolist() == [[-80.5, 7], [-81.5, 9.5]]
