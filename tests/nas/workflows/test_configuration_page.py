"""The page of every configuration key is current and true."""

from __future__ import annotations

import re
from pathlib import Path

import optuna
import pytest
import yaml
from pydantic import Field

from nas.config.search_config import SearchConfig
from nas.config.sections import SearchSettings
from nas.config.tabulation import TabulationConfig
from nas.samplers import OPTUNA_SAMPLERS, SAMPLERS
from nas.workflows.configuration_page import DATA_EXAMPLES, keys_of, page
from nas.workflows.configuration_parts import anchor
from search_space.values import Value
from search_space.yaml_validation import validate
from trainers import DataConfig
from trainers.data.generated.task_settings import TASK_SETTINGS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "configuration.md").read_text()
NAMES = (
    "digits",
    "pathfinder",
    "pointer_value_retrieval",
    "cifar10",
    "cifar100",
    "imagenet",
    "image_folder",
    "tar_shards",
    "parquet",
    "hub",
)


class Example(Value):
    """A model of every kind of field."""

    images: int = Field(default=3, ge=1)
    """Images to
    read. Unit: images."""
    share: float | None = Field(default=None, gt=0, le=1)
    """Share of them."""
    names: tuple[str, ...]
    """Their names."""


class Undocumented(Example):
    """One field has no docstring."""

    extra: int = 0


def test_the_page_is_current() -> None:
    assert page() == PAGE, "run: python -m nas.workflows.configuration_page > docs/configuration.md"


def test_type_default_unit_and_meaning_of_a_key() -> None:
    images, share, names = keys_of(Example, "example.")
    assert images == ("example.images", "integer ≥ 1", "`3`", "images", "Images to read.")
    assert share == (
        "example.share",
        "number > 0, ≤ 1 or null",
        "`null`",
        "",
        "Share of them.",
    )
    assert names[1:3] == ("list of text", "")


def test_a_field_without_a_docstring_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Undocumented\.extra needs a docstring"):
        keys_of(Undocumented)


def test_every_section_and_sampler_is_there() -> None:
    lines = PAGE.splitlines()
    for name in {*SearchConfig.model_fields, *TabulationConfig.model_fields}:
        assert any(line.startswith(f"| `{name}` |") for line in lines)
    for name in SearchSettings.model_fields:
        assert any(line.startswith(f"| `search.{name}` |") for line in lines)
    assert {f"### `sampler.name: {name}`" for name in SAMPLERS} < set(lines)
    for key in ("sampler.options.accuracy_share", "sampler.options.population_size"):
        assert f"| `{key}` |" in PAGE


def test_every_link_leads_to_a_heading() -> None:
    headings = {anchor(line.lstrip("# ")) for line in PAGE.splitlines() if line.startswith("#")}
    links = set(re.findall(r"\]\(#([^)]+)\)", PAGE))
    assert {"recipe", "recipe-optimizername-sgd", "augmentation-policyname-rand_augment"} <= links
    assert links <= headings


def test_each_kind_of_a_mapping_has_its_keys() -> None:
    _, _, section = PAGE.partition("### recipe: `schedule.name: steps`\n")
    keys = re.findall(r"^\| `(schedule\.\w+)` \|", section.partition("\n### ")[0], re.MULTILINE)
    shared = ["schedule.warmup_epochs", "schedule.warmup_fraction"]
    assert keys == [*shared, "schedule.at_epochs", "schedule.factor"]
    assert '`{name: "cosine", warmup_fraction: 0.05}`' in PAGE


def test_each_generated_task_has_its_parameters() -> None:
    for task, settings in TASK_SETTINGS.items():
        _, _, section = PAGE.partition(f"### data: `name: {task}`\n")
        keys = re.findall(
            r"^\| `parameters\.(\w+)` \|", section.partition("\n### ")[0], re.MULTILINE
        )
        assert keys == list(settings.model_fields)


def test_options_of_optunas_samplers_have_no_words_of_a_version_of_it() -> None:
    for name, option in (("nsga2", "population_size"), ("tpe", "n_startup_trials")):
        _, _, section = PAGE.partition(f"### `sampler.name: {name}`\n")
        line = next(each for each in section.splitlines() if f".{option}`" in each)
        link = f"optuna.samplers.{OPTUNA_SAMPLERS[name].__name__}.html"
        assert re.fullmatch(rf"\| .* \| `\d+` \|  \| See \[Optuna\]\(.*{link}\)\. \|", line)
    assert optuna.__version__ not in PAGE


def test_every_source_of_data_has_an_example_that_is_valid() -> None:
    sources = [yaml.safe_load(line)["data"] for line in DATA_EXAMPLES.splitlines()]
    for source in sources:
        validate(DataConfig, source, "example")
    assert {source["name"] for source in sources} == set(NAMES) - {"cifar100"}
    assert DATA_EXAMPLES in PAGE
    assert DATA_EXAMPLES in (ROOT / "README.md").read_text()
