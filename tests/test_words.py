"""Docstrings begin with their subject or a verb, and no name is an empty word."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("search_space", "trainers", "nas", "analysis", "benchmarks", "tests")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

NO_BEGINNING = (
    *("Of ", "What ", "By which ", "Likewise", "How ", "Which ", "Under which ", "Then "),
    *("Such as ", "From ", "So "),
)
"""A docstring that begins so has no subject; a reader does not know what it speaks of."""

EMPTY_NAMES = {"found", "of", "at"}


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every docstring with its line: of modules, classes, functions and, below them, values."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for statement in body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                text = statement.value.value
                if isinstance(text, str):
                    yield statement.lineno, text


def bound_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every variable and parameter with its line; a class's field may be a key of a file."""
    fields = {
        id(statement.target)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
    }
    for node in ast.walk(tree):
        if id(node) in fields:
            continue
        if isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def faults(source: str) -> list[str]:
    """The lines of a module that break a rule, each with what does."""
    tree = ast.parse(source)
    return [
        *(
            f"{line}: {text[:60]!r}"
            for line, text in docstrings(tree)
            if text.startswith(NO_BEGINNING)
        ),
        *(f"{line}: {name}" for line, name in bound_names(tree) if name in EMPTY_NAMES),
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_words(path: Path) -> None:
    assert faults(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        '"""What a trial is."""',
        'def f():\n    """Of a trial."""',
        'TRIALS = 3\n"""Which trials there are."""',
        "found = 3",
        "def f(of): pass",
        "for at in (1, 2): pass",
    ],
)
def test_a_fault_is_found(source: str) -> None:
    assert len(faults(source)) == 1
