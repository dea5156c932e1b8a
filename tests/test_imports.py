"""Imports point downwards only and in no circle, and light packages stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from itertools import accumulate
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("search_space", "trainers", "nas", "analysis")

RESULTS = (
    "nas.storage.ledger",
    "nas.storage.evaluation",
    "nas.evaluation.finite_values",
    "nas.storage.candidates",
    "nas.metrics",
    "nas.quantities",
    "nas.storage.accuracy_text",
)
"""What of ``nas`` says what a search found, and no more."""

TRACED_WITH = ("search_space.counts", "search_space.own_modules")
"""What tracing needs; primitives take their costs from it, so that it may not import them."""

# By the longest prefix of a module's name: the project's own modules that it may import.
ALLOWED = {
    "search_space": ("search_space",),
    "search_space.tracing": ("search_space.tracing", *TRACED_WITH),
    "trainers": ("trainers",),
    "nas": ("search_space", "trainers", "nas"),
    "nas.cli.commands": ("search_space", "trainers", "nas", "analysis"),
    "analysis": ("search_space", "analysis", *RESULTS, "nas.atomic_write"),
}
RAY_MAY_BE_IMPORTED_BY = ("nas.ray",)
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def module_name(path: Path, root: Path = ROOT) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(str(node.module))
    return names


def runs_first(path: Path, known: Iterable[str], root: Path = ROOT) -> set[str]:
    """The modules among ``known`` that run when all imports in the module at ``path`` do.

    Imports inside functions and under ``TYPE_CHECKING`` count too. Importing ``a.b.c`` runs the
    packages ``a`` and ``a.b`` first; packages that hold the module itself have begun already.
    """
    own = module_name(path, root)
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else str(node.module) for name in names}
    found -= {own}
    for name in tuple(found):
        packages = accumulate(name.split("."), lambda *parts: ".".join(parts))
        found |= {package for package in packages if not within(own, (package,))}
    return found & set(known)


def check_no_circle(root: Path, modules: Iterable[Path]) -> None:
    """Fail if modules under ``root`` import each other in a circle."""
    paths = {module_name(path, root): path for path in modules}
    graph = {name: runs_first(path, paths, root) for name, path in paths.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other in a circle: {' <- '.join(error.args[1])}")


def within(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_only_what_lies_below_it(path):
    module = module_name(path)
    prefix = max((p for p in ALLOWED if within(module, (p,))), key=len)
    own = {name for name in imported(path) if within(name, PACKAGES)}
    assert {name for name in own if not within(name, ALLOWED[prefix])} == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    check_no_circle(ROOT, MODULES)


@pytest.mark.parametrize(
    "closing",
    [
        "from package.first import FIRST",
        "def late():\n    import package.first",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from package import first",
    ],
    ids=["at module level", "inside a function", "under TYPE_CHECKING"],
)
def test_a_circle_is_found_wherever_it_is_closed(tmp_path: Path, closing: str) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "first.py").write_text("from package import second\nFIRST = 1\n")
    (package / "second.py").write_text("import math\n")
    check_no_circle(tmp_path, sorted(package.glob("*.py")))
    (package / "second.py").write_text(closing)
    with pytest.raises(pytest.fail.Exception, match=r"circle: .*package\.first"):
        check_no_circle(tmp_path, sorted(package.glob("*.py")))


def test_a_circle_through_a_package_s_init_is_found(tmp_path: Path) -> None:
    for name, text in {
        "lower/__init__.py": "from lower.part import PART\n",
        "lower/part.py": "from upper.leaf import LEAF\nPART = LEAF\n",
        "upper/__init__.py": "from lower.part import PART\n",
        "upper/leaf.py": "LEAF = 1\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(pytest.fail.Exception, match="circle"):
        check_no_circle(tmp_path, sorted(tmp_path.rglob("*.py")))


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_ray_is_imported_in_one_place(path):
    uses_ray = any(within(name, ("ray",)) for name in imported(path))
    assert not uses_ray or within(module_name(path), RAY_MAY_BE_IMPORTED_BY)


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("search_space.space.search_space", ("ray", "optuna", "matplotlib", "plotly")),
        ("trainers", ("ray", "optuna", "search_space", "kornia", "datasets", "sklearn")),
        ("nas.samplers", ("ray", "torch")),
        ("nas.cli", ("torch", "ray", "optuna")),
        ("nas.cli.commands.frontier", ("ray", "matplotlib", "plotly")),
    ],
)
def test_importing_stays_light(module, unwanted):
    code = f"import sys, {module}; print([m for m in {unwanted!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
