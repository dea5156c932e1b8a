"""Imports point downwards only, and light packages stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("search_space", "trainers", "nas", "analysis")

RESULTS = (
    "nas.ledger",
    "nas.evaluation_row",
    "nas.finite_values",
    "nas.front",
    "nas.metrics",
    "nas.quantities",
    "nas.valued_accuracy",
)
"""What of ``nas`` says what a search found, and no more."""

# By the longest prefix of a module's name: the project's own modules that it may import.
ALLOWED = {
    "search_space": ("search_space",),
    "trainers": ("trainers",),
    "nas": ("search_space", "trainers", "nas"),
    "nas.commands": ("search_space", "trainers", "nas", "analysis"),
    "analysis": ("search_space", "analysis", *RESULTS, "nas.whole_file"),
}
RAY_MAY_BE_IMPORTED_BY = ("nas.ray",)
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(str(node.module))
    return names


def within(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_only_what_lies_below_it(path):
    module = module_name(path)
    prefix = max((p for p in ALLOWED if within(module, (p,))), key=len)
    own = {name for name in imported(path) if within(name, PACKAGES)}
    assert {name for name in own if not within(name, ALLOWED[prefix])} == set()


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_ray_is_imported_in_one_place(path):
    uses_ray = any(within(name, ("ray",)) for name in imported(path))
    assert not uses_ray or within(module_name(path), RAY_MAY_BE_IMPORTED_BY)


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("search_space.space", ("ray", "optuna", "matplotlib", "plotly")),
        ("trainers", ("ray", "optuna", "search_space", "kornia", "datasets", "sklearn")),
        ("nas.samplers", ("ray",)),
        ("nas.cli", ("torch", "ray", "optuna")),
        ("nas.commands.frontier", ("ray", "matplotlib", "plotly")),
    ],
)
def test_importing_stays_light(module, unwanted):
    code = f"import sys, {module}; print([m for m in {unwanted!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
