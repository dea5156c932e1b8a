"""The papers' tables beside the counts, as text, as JSON and on the command line."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analysis.paper_tables.catalogue import CATALOGUE, CONVOLUTIONAL
from analysis.paper_tables.comparison import ComparedTable, compared_table, summary_of
from analysis.paper_tables.plain_data import tables_data
from analysis.paper_tables.rendering import TABLE_COLUMNS, shown_ending, shown_table
from nas.cli.application import app
from nas.cli.output import Output
from search_space.zoo import ZOO

COMPARED = {key: compared_table(key) for key in CATALOGUE}


def rendered(tables: list[ComparedTable]) -> list[str]:
    printed = io.StringIO()
    output = Output(file=printed, width=TABLE_COLUMNS)
    for table in tables:
        output.show(shown_table(table))
    output.show(shown_ending(tables, summary_of(tables)))
    return [line.rstrip() for line in printed.getvalue().splitlines()]


def secondary(*keys: str) -> str:
    """The number of matching rows from a secondary source, which no test expects."""
    tally = summary_of([COMPARED[key] for key in keys]).secondary
    return f"{tally.matching} of {tally.compared}."


@pytest.mark.parametrize("key", CATALOGUE)
def test_a_table_fits_and_loses_nothing(key: str) -> None:
    table = COMPARED[key]
    entry = table.printed.entry
    lines = rendered([table])
    text = "\n".join(lines)
    assert max(map(len, lines)) <= TABLE_COLUMNS
    assert "…" not in text
    assert lines[0].startswith(f"{entry.paper.short} Table {entry.number}: ")
    assert f"arXiv {entry.paper.arxiv_id}" in lines[0]
    for row in table.rows:
        mark = " *" if row.printed.is_secondary else ""
        starts = f"{row.printed.name}{mark} "
        (line,) = (line for line in lines if line.startswith(starts))
        for cost in row.printed.costs.values():
            assert f"{cost.value:f}" in line
        for cell in row.printed.results.values():
            assert cell in line
        if row.counted:
            assert f" {row.counted.costs['params']:,} " in line
    assert ("secondary source" in text) == any(row.printed.is_secondary for row in table.rows)


def test_the_second_count_stands_below_its_row() -> None:
    lines = rendered([COMPARED["aacn3"]])
    number = next(n for n, line in enumerate(lines) if line.startswith("AA-ResNet-50 "))
    assert lines[number].split()[-5:] == ["77.7", "93.8", "FLOPs:", "footnote", "a"]
    assert lines[number + 1].split() == ["counted", "as", "in", "a", "8.305", "+0.005"]
    ending = lines.index(
        "4 of 7 rows printed in the paper match; from a secondary source: " + secondary("aacn3")
    )
    assert lines[ending + 1] == "These have footnotes:"
    names = lines[ending + 2].removeprefix("  aacn3: ").split("; ")
    assert names[:3] == ["AA-ResNet-34", "AA-ResNet-50", "AA-ResNet-101"]
    assert all(name.endswith(" *") for name in names[3:])


def test_without_secondary_rows_only_sourced_ones_are_summed() -> None:
    assert rendered([COMPARED["sasa3"]])[-1] == "8 of 8 rows printed in the paper match."
    assert "in the paper match" not in "".join(rendered([COMPARED["aacn8"]]))


def test_json_has_it_all() -> None:
    tables = list(COMPARED.values())
    data = tables_data(tables, summary_of(tables))
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert [table["table"] for table in data["tables"]] == list(CATALOGUE)
    row = data["tables"][2]["rows"][2]
    recount = COMPARED["aacn3"].rows[2].flops_as_the_paper
    assert recount is not None
    assert row | {"footnotes": None} == {
        "row": "AA-ResNet-34",
        "network": "aa_resnet34",
        "part": None,
        "arch_id": ZOO["aa_resnet34"].at_width(1.0).arch_id,
        "source": "paper",
        "params_m_printed": 20.7,
        "params_m_difference": 0.051024,
        "params_verdict": "truncated",
        "gflops_printed": 7.1,
        "gflops_difference": pytest.approx(row["flops_paper"] / 1e9 - 7.1),
        "flops_paper_verdict": "differs",
        "flops_paper_as_the_paper_seems_to_count": recount,
        "gflops_difference_as_the_paper_seems_to_count": pytest.approx(recount / 1e9 - 7.1),
        "params": 20_751_024,
        "flops_paper": 2 * 3_650_229_568,
        "top1_percent": 74.7,
        "top5_percent": 92.0,
        "verdict": "FLOPs: footnote a (params truncated)",
        "footnotes": None,
    }
    assert row["footnotes"] == {"a": COMPARED["aacn3"].footnotes["a"]}
    detection = data["tables"][4]
    assert detection["note"].startswith(CONVOLUTIONAL)
    assert detection["rows"][0]["map_percent"] == 36.8
    assert detection["rows"][0]["params"] == 33_397_364
    assert list(data["summary"]) == ["paper", "secondary"]
    for tally in data["summary"].values():
        assert list(tally) == ["rows_compared", "rows_matching", "rows_footnoted"]
    paper = data["summary"]["paper"]
    assert (paper["rows_compared"], paper["rows_matching"]) == (63, 44)
    rows = [row for table in data["tables"] for row in table["rows"] if row["verdict"]]
    secondary_rows = sum(row["source"] == "secondary" for row in rows)
    assert data["summary"]["secondary"]["rows_compared"] == secondary_rows


def test_command_prints_json() -> None:
    result = CliRunner().invoke(app, ["tables", "sasa3", "SASA3", "--json"])
    assert result.exit_code == 0, result.output
    (table,) = json.loads(result.stdout)["tables"]
    assert (table["table"], len(table["rows"])) == ("sasa3", 8)
    assert table["arxiv_id"] == "1906.05909"
    assert {row["verdict"] for row in table["rows"]} == {"matches", "matches (params truncated)"}


def test_command_prints_all_tables_whatever_the_width() -> None:
    result = CliRunner().invoke(app, ["tables"], env={"COLUMNS": "60"})
    assert result.exit_code == 0, result.output
    assert [line.split(":")[0] for line in result.stdout.splitlines() if " Table " in line] == [
        f"{entry.paper.short} Table {entry.number}" for entry in CATALOGUE.values()
    ]
    others = secondary(*CATALOGUE)
    sums = f"44 of 63 rows printed in the paper match; from a secondary source: {others}"
    assert sums in result.stdout.splitlines()
    assert "…" not in result.stdout


def test_an_unknown_table_is_one_clear_error() -> None:
    program = (
        "import sys; sys.argv = ['nas', 'tables', 'aacn10']; from nas.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "error: no table is called 'aacn10'; did you mean 'aacn1'?\n"


def test_the_readme_has_the_same_sum() -> None:
    tally = summary_of(list(COMPARED.values())).paper
    readme = " ".join((Path(__file__).parents[2] / "README.md").read_text().split())
    rows = f"Of the {tally.compared} rows with costs that are printed in the papers, "
    assert f"{rows}{tally.matching} match" in readme
