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

LAYERS = {
    "search_space": (
        "values bounds digest nearest counts families attention_forms own_modules yaml_schema "
        "validation_problems yaml_validation json_reading",
        "tracing",
        "attention",
        "layers",
        "primitives",
        "detector architecture scaling depth_scaling",
        "space",
        "networks",
        "cost",
        "baseline",
        "swaps",
        "zoo",
    ),
    "nas": (
        "errors metrics quantities atomic_write random_streams",
        "evaluation",
        "schedulers",
        "costs",
        "zero_cost",
        "samplers",
        "config",
        "storage",
        "latency",
        "search",
        "benchmark",
        "ray",
        "workflows",
        "cli",
    ),
}
"""The layers of each package, bottom to top: a layer imports only itself and what lies below it.

A layer is a package, or several modules.
"""

ANALYSED = "latency"
"""The highest layer of ``nas`` that ``analysis`` may import: it reads results."""

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
    """Return the modules among ``known`` that all imports in the module at ``path`` run.

    Imports inside functions and under ``TYPE_CHECKING`` count too. Importing ``a.b.c`` runs the
    packages ``a`` and ``a.b`` first; packages that hold the module itself have begun already.
    """
    own = module_name(path, root)
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            modules |= {name if name in known else str(node.module) for name in names}
    modules -= {own}
    for name in tuple(modules):
        packages = accumulate(name.split("."), lambda *parts: ".".join(parts))
        modules |= {package for package in packages if not within(own, (package,))}
    return modules & set(known)


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


def allowed(module: str) -> tuple[str, ...]:
    """Return the project's own modules that ``module`` may import, by their prefixes."""
    package = module.partition(".")[0]
    if package == "analysis":
        return "analysis", "search_space", *layers_up_to("nas", ANALYSED)
    if package == "trainers" or module in LAYERS:
        return (package,)
    below = {"search_space": (), "nas": ("search_space", "trainers")}[package]
    above_all = ("analysis",) if within(module, ("nas.cli",)) else ()
    return *below, *above_all, *layers_up_to(package, module.split(".")[1])


def layers_up_to(package: str, last: str) -> tuple[str, ...]:
    """The modules and packages of ``package`` up to the layer of ``last``."""
    names: list[str] = []
    for layer in LAYERS[package]:
        names += [f"{package}.{name}" for name in layer.split()]
        if last in layer.split():
            return tuple(names)
    return pytest.fail(f"{package}.{last} is in no layer")


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_only_what_lies_below_it(path):
    module = module_name(path)
    own = {name for name in imported(path) if within(name, PACKAGES)}
    assert {name for name in own if not within(name, allowed(module))} == set()


def test_an_import_from_a_higher_layer_is_found() -> None:
    assert not within("nas.storage.ledger", allowed("nas.samplers.grid"))
    assert within("nas.costs.limits", allowed("nas.samplers.grid"))
    assert not within("analysis.front.queries", allowed("nas.workflows.checks"))
    assert not within("nas.search.loop", allowed("analysis.front.picture"))


@pytest.mark.parametrize("package", LAYERS)
def test_every_layer_is_there_once(package: str) -> None:
    there = {
        path.stem
        for path in (ROOT / package).iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert sorted(" ".join(LAYERS[package]).split()) == sorted(there - {"__init__"})


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


READING_NEEDS_NOT = ("torch", "ray", "optuna", "scipy", "pandas", "matplotlib", "plotly", "psutil")
"""Packages that take long to import, and that no question about a run needs."""


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("search_space.space.search_space", ("torch", "ray", "optuna", "matplotlib", "plotly")),
        ("nas.samplers", ("ray", "torch")),
        ("trainers", ("torch", "numpy")),
        ("search_space.cost", ("torch", "numpy")),
        ("nas.samplers", ("optuna", "scipy")),
        ("nas.config.search_config", (*READING_NEEDS_NOT, "sqlalchemy")),
        ("nas.cli.application", (*READING_NEEDS_NOT, "pydantic", "numpy", "sqlalchemy")),
        ("nas.storage.ledger_reader", (*READING_NEEDS_NOT, "sqlalchemy")),
        ("nas.cli.commands.query.frontier", (*READING_NEEDS_NOT, "sqlalchemy")),
    ],
)
def test_importing_stays_light(module: str, unwanted: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print([m for m in {unwanted!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
