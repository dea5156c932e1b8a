"""A table of detectors: their average precision under its own name, and searched as any table."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import yaml

from nas.benchmark.csv_table import read_cells
from nas.benchmark.tabulation import all_costs, all_entries, table_text, write_table
from nas.benchmark.tabulation_reader import read_tabulated
from nas.cli.commands.tools.tabulate import _assignment, _summary, run_tabulate_command
from nas.cli.output import Output
from nas.config.tabulation import load_tabulation
from nas.ray.tabulate import _row
from nas.storage.run.journal import open_journal
from search_space.yaml_validation import ConfigError
from tests.nas.tiny_detectors import DATA, RECIPE, SPACE, TASK
from tests.nas.words_of_detectors import wrong_words

CONV = {"type": "conv", "kernel": 3}
STAGES = [stage | {"width": 8, "primitive": [CONV]} for stage in SPACE["stages"]]
HEADS = [{"type": "conv", "kernel": [1, 3]}]
TWO = SPACE | {"stages": STAGES, "detector": SPACE["detector"] | {"width": 8, "heads": HEADS}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A tabulation of two detectors with one seed."""
    path = tmp_path / "two.yaml"
    content = {"name": "two", "space": TWO, "data": DATA, "recipe": RECIPE, "seeds": [0]}
    path.write_text(yaml.safe_dump(content))
    return path


def test_detectors_are_tabulated_by_their_average_precision(file: Path) -> None:
    config = load_tabulation(file)
    assert config.metric == "average_precision"
    out = file.with_name("two.csv.gz")
    with open_journal(file.with_name("journal"), config, "nas tabulate two.yaml") as journal:
        texts = [entry.architecture.canonical_json() for entry in all_entries(config)]
        for text, invented in zip(texts, (0.25, 0.5), strict=True):
            row = _row(text, 0, _assignment(config, TASK), texts[0])
            ((epoch, last),) = row["curve"]  # no KeyError: it has not raised
            assert 0 <= row["val_accuracy"] == last <= 1
            # of trainings so short it is 0, and a table of zeros is refused
            journal.add(row | {"val_accuracy": invented, "curve": [[epoch, invented]]})
        write_table(out, table_text(config, journal, all_costs(config, TASK)))
    table = read_cells(out)
    assert table.header[-3:] == ["val_map_seed0", "train_seconds_seed0", "val_map_seed0_epoch1"]
    assert wrong_words(" ".join(table.header)) == []
    assert "mean validation mAP" in _summary(out, config)
    read = read_tabulated(out)
    assert read.maximised_name == "val_map"
    assert sorted(read.maximised) == [0.25, 0.5]
    assert read.curves is not None
    assert read.curves[:, -1].tolist() == read.maximised.tolist()


def test_images_of_another_task_are_refused(file: Path) -> None:
    digits = ["data.name=digits", "data.parameters=null"]
    with pytest.raises(ConfigError) as caught:
        run_tabulate_command(Output(file=io.StringIO()), file, digits, file.with_name("x.csv.gz"))
    assert caught.value.problems == [
        "space: is of detectors, and data set 'digits' has a label for each image"
    ]
