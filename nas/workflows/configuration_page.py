"""The page of every configuration key, docs/configuration.md.

``python -m nas.workflows.configuration_page > docs/configuration.md`` makes it. Types, bounds and
defaults come from the pydantic models, meanings from the docstrings under their fields, whose last
sentence may be ``Unit: ...``. Options of samplers come from their constructors; those of Optuna's
samplers are listed with their defaults and a link to Optuna's page.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from nas.config.search_config import SearchConfig
from nas.config.tabulation import TabulationConfig
from nas.config.trace import PublishedPoints, TraceConfig, TraceFamily
from nas.samplers import ARCHITECTURE_SAMPLERS, OPTUNA_SAMPLERS, SAMPLERS
from nas.samplers.registry import OPTION_TYPES, options_of
from nas.workflows.configuration_parts import Part, is_one_of_several, parts_of, tag_of
from search_space.primitives.channel_attention import CHANNEL_ATTENTION_DESCRIPTIONS
from search_space.primitives.registry import DESCRIPTIONS
from search_space.primitives.stem_types import STEMS
from search_space.space.config import DetectorConfig, SpaceConfig, StageConfig
from trainers import Recipe
from trainers.augmentation.settings import Augmentation
from trainers.data.generated.task_settings import TASK_SETTINGS

HEAD = """# Configuration keys

<!-- made by `python -m nas.workflows.configuration_page > docs/configuration.md`; do not edit -->

A configuration is a YAML file. On the command line, `section.key=value` changes a key:
`nas search configs/searches/digits.yaml search.n_trials=100 limits.params=20k`. A key without a
default must be given. Fractions and probabilities are from 0 to 1 and have no unit. An unknown key
is an error that names the nearest known one.
"""

DATA_EXAMPLES = """\
data: {name: digits}                        # 1,797 images that come with scikit-learn
data: {name: pathfinder}                    # drawn from data.split_seed: does a path join two dots?
data: {name: pointer_value_retrieval, parameters: {pixels: 24}}  # a digit points to another one
data: {name: cifar10}                       # from the Hugging Face hub; so is cifar100
data: {name: cifar10, path: /data/cifar10}  # from a folder made by datasets.save_to_disk
data: {name: imagenet, path: /data/imagenet, image_size: [224, 224]}  # its usual folder
data: {name: image_folder, path: /data/flowers, image_size: [64, 64]}  # a folder for each class
data: {name: parquet, path: /data/flowers.parquet, image_column: image, label_column: label}
data: {name: tar_shards, path: /data/flowers}   # in WebDataset's form
data: {name: hub, path: owner/name}         # any data set of images and labels on the hub
"""
"""Each line is a ``data`` section; the README has them too."""

TYPES = {
    "integer": "integer",
    "number": "number",
    "boolean": "true or false",
    "string": "text",
    "object": "mapping",
    "null": "null",
}
"""The page's words for the types of a JSON schema."""

OPTION_WORDS = {"int": "integer", "float": "number", "bool": "true or false", "str": "text"}
"""The page's words for the annotations of samplers' options."""

BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
SHARED = {
    "Recipe": "recipe",
    "Augmentation": "augmentation",
    "StageConfig": "stage",
    "DetectorConfig": "detector",
    "TraceFamily": "families",
    "PublishedPoints": "published",
}
"""The sections of models that are the value of several keys."""

PARTS_OF_RECIPE = [*parts_of("recipe", Recipe, frozenset(SHARED))]
PARTS_OF_AUGMENTATION = [*parts_of("augmentation", Augmentation, frozenset(SHARED))]

LINKS = (
    {model: f"[{section}](#{section})" for model, section in SHARED.items()}
    | {
        field.annotation.__name__: f"[{name}](#{name})"
        for name, field in SearchConfig.model_fields.items()
        if isinstance(field.annotation, type)
        and issubclass(field.annotation, BaseModel)
        and field.annotation is not Recipe
    }
    | {part.model.__name__: part.link for part in (*PARTS_OF_RECIPE, *PARTS_OF_AUGMENTATION)}
)
"""The link to the keys of each model."""

UNIT = re.compile(r"\s*Unit: (.*)\.$", re.DOTALL)
ROLE = re.compile(r":\w+:`~?(?:[\w.]*\.)?(\w+)`|``([^`]*)``")
"""A cross-reference or literal of reStructuredText."""


class Key(NamedTuple):
    """One line of a table."""

    name: str
    type: str
    default: str
    unit: str
    meaning: str


def page() -> str:
    """Return the whole page as Markdown."""
    parts = [
        HEAD,
        "## A search\n\nThe file of `nas search`; its sections follow.\n",
        *_sections(SearchConfig),
        _section("recipe", "The keys of `proxy`, `retrain` and a tabulation's `recipe`", Recipe),
        *map(_part, PARTS_OF_RECIPE),
        _section("augmentation", "The keys of a recipe's `augmentation`", Augmentation),
        *map(_part, PARTS_OF_AUGMENTATION),
        _section("space", "The keys of `space`, or of its own file", SpaceConfig, "## "),
        _section("stage", "The keys of each of a space's `stages`", StageConfig),
        _section("detector", "The keys of a space's `detector`", DetectorConfig),
        *_types("stem", STEMS),
        *_types("primitive", DESCRIPTIONS),
        *_types("recalibration", CHANNEL_ATTENTION_DESCRIPTIONS),
        "## A tabulation\n\nThe file of `nas tabulate`. `data`, `resources` and `ray` have the "
        "same keys as in a search.\n",
        _table(keys_of(TabulationConfig)),
        "## A trace\n\nThe file of `nas trace`.\n",
        _table(keys_of(TraceConfig)),
        _section("families", "The keys of each of a trace's `families`", TraceFamily),
        _section("published", "The keys of a trace's `published`", PublishedPoints),
    ]
    return "\n".join(parts)


def keys_of(model: type[BaseModel], prefix: str = "") -> list[Key]:
    """Return the keys of a model, each after ``prefix``.

    Raises:
        ValueError: a field has no docstring.
    """
    schema = model.model_json_schema()
    meanings = _docstrings(model)
    keys = []
    for name, field in model.model_fields.items():
        if "const" in schema["properties"][name]:
            continue  # a type's own name, which is in the section's heading
        if name not in meanings:
            raise ValueError(f"{model.__name__}.{name} needs a docstring, its meaning on the page")
        meaning, unit = meanings[name], UNIT.search(meanings[name])
        keys.append(
            Key(
                prefix + name,
                _type(schema["properties"][name]),
                _default(field),
                unit[1] if unit else "",
                UNIT.sub("", meaning),
            )
        )
    return keys


def _sections(model: type[BaseModel]) -> Iterator[str]:
    """Yield a table of a model's own keys, then one for each of its sections."""
    yield _table(keys_of(model))
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel) and inner is not Recipe:
            yield f"### {name}\n\n{_summary(inner)}\n\n{_table(keys_of(inner, f'{name}.'))}"
        if name == "data":
            yield f"One line for each source:\n\n```yaml\n{DATA_EXAMPLES}```\n"
            for task, settings in TASK_SETTINGS.items():
                table = _table(keys_of(settings, "parameters."))
                yield f"### data: `name: {task}`\n\n{_summary(settings)}\n\n{table}"
        if name == "sampler":
            yield from map(_sampler, SAMPLERS)


def _section(title: str, where: str, model: type[BaseModel], level: str = "### ") -> str:
    return f"{level}{title}\n\n{where}. {_summary(model)}\n\n{_table(keys_of(model))}"


def _part(part: Part) -> str:
    keys = keys_of(part.model, part.prefix)
    table = _table(keys) if keys else "It has no other keys.\n"
    return f"### {part.heading}\n\n{_summary(part.model)}\n\n{table}"


def _types(place: str, types: Mapping[str, type[BaseModel]]) -> Iterator[str]:
    """Yield a table for each type that a place may have."""
    for name, model in types.items():
        keys = keys_of(model)
        table = _table(keys) if keys else "It has no keys.\n"
        yield f"### {place}: `type: {name}`\n\n{_summary(model)}\n\n{table}"


def _sampler(name: str) -> str:
    """Return the section of a sampler, with the options that a configuration can give it."""
    is_optunas = name in OPTUNA_SAMPLERS
    constructor: Any = OPTUNA_SAMPLERS[name] if is_optunas else ARCHITECTURE_SAMPLERS[name]
    meanings = {} if is_optunas else _arguments(constructor)
    keys = []
    for option in options_of(name).values():
        kind = str(option.annotation).removesuffix(" | None")
        if kind not in OPTION_TYPES and option.name != "scores":
            continue  # a function or an object, which a file cannot hold
        shown = OPTION_WORDS.get(kind, "list of text")  # scores
        shown += " or null" if option.default is None and option.name != "scores" else ""
        default = json.dumps([] if option.name == "scores" else option.default)
        keys.append(
            Key(
                f"sampler.options.{option.name}",
                shown,
                f"`{default}`",
                "",
                f"See [Optuna]({_optuna_page(name)})." if is_optunas else meanings[option.name],
            )
        )
    summary = f"Optuna's `{constructor.__name__}`." if is_optunas else _summary(constructor)
    table = _table(keys) if keys else "It has no options.\n"
    return f"### `sampler.name: {name}`\n\n{summary}\n\n{table}"


def _optuna_page(name: str) -> str:
    """Return Optuna's page of a sampler; quoted words would change with Optuna's version."""
    folder = "https://optuna.readthedocs.io/en/stable/reference/samplers/generated"
    return f"{folder}/optuna.samplers.{OPTUNA_SAMPLERS[name].__name__}.html"


def _type(entry: Mapping[str, Any]) -> str:
    """Return a JSON schema's type in words, such as ``integer ≥ 1 or null``."""
    if "$ref" in entry:
        return LINKS[entry["$ref"].rpartition("/")[2]]
    if choices := entry.get("anyOf") or entry.get("oneOf"):
        return " or ".join(dict.fromkeys(map(_type, choices)))
    if "enum" in entry or "const" in entry:
        return ", ".join(f"`{each}`" for each in entry.get("enum", [entry.get("const")]))
    kind = entry.get("type")
    if kind == "array":
        inner = entry.get("items") or entry["prefixItems"][0]
        return f"list of {_type(inner)}"
    bounds = [f"{sign} {_number(entry[name])}" for name, sign in BOUNDS.items() if name in entry]
    return " ".join([TYPES[str(kind)], ", ".join(bounds)]).strip()


def _number(value: float) -> str:
    return f"2^{int(value).bit_length() - 1}" if value >= 2**32 else f"{value:,}"


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "" if field.default_factory_takes_validated_data else "`{}`"
    if field.default is PydanticUndefined:
        return ""
    if isinstance(field.default, BaseModel):
        return _default_mapping(field.default)
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{json.dumps(value)}`"


def _default_mapping(default: BaseModel) -> str:
    """Return a mapping's default in YAML, as far as it differs from that of each key."""
    values = default.model_dump(mode="json", exclude_defaults=True)
    if is_one_of_several(type(default)):
        values = {"name": tag_of(type(default))} | values
    if not values:
        return "its own defaults"
    return f"`{{{', '.join(f'{key}: {json.dumps(value)}' for key, value in values.items())}}}`"


def _summary(kind: type) -> str:
    """Return the first sentence of a class's docstring."""
    return _first_sentence(inspect.getdoc(kind) or "")


def _first_sentence(text: str) -> str:
    words = " ".join(text.split("\n\n", maxsplit=1)[0].split())
    sentence = re.split(r"(?<=\.)\s+(?=[A-Z])", words)[0]
    sentence = ROLE.sub(lambda match: f"`{match[1] or match[2]}`", sentence)
    return sentence[:1].upper() + sentence[1:]


def _arguments(kind: type) -> dict[str, str]:
    """Return the first sentence about each argument in the docstrings of a class and its bases."""
    meanings: dict[str, str] = {}
    for owner in reversed(kind.__mro__):
        _, args, text = inspect.cleandoc(owner.__doc__ or "").partition("\nArgs:\n")
        if args:
            described = re.split(r"^    (\w+):", text, flags=re.MULTILINE)[1:]
            pairs = zip(described[::2], described[1::2], strict=True)
            meanings |= {name: _first_sentence(meaning) for name, meaning in pairs}
    return meanings


@cache
def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstrings under the fields of a model and its bases."""
    docstrings: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        module = inspect.getmodule(owner)
        if issubclass(owner, BaseModel) and owner is not BaseModel and module is not None:
            docstrings |= _docstrings_in(module).get(owner.__name__, {})
    return docstrings


@cache
def _docstrings_in(module: ModuleType) -> dict[str, dict[str, str]]:
    """Return the docstrings under the fields of each class in a module."""
    classes = [n for n in ast.parse(inspect.getsource(module)).body if isinstance(n, ast.ClassDef)]
    return {each.name: dict(_documented(each)) for each in classes}


def _documented(owner: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for statement, following in zip(owner.body, owner.body[1:], strict=False):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                value=ast.Constant(value=str(text))
            ):
                yield name, " ".join(text.split())


def _table(keys: list[Key]) -> str:
    rows = [
        Key("key", "type", "default", "unit", "meaning"),
        Key(*["---"] * 5),
        *(key._replace(name=f"`{key.name}`") for key in keys),
    ]
    return "".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in rows
    )


if __name__ == "__main__":
    sys.stdout.write(page())
