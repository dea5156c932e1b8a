"""Texts are printed literally: no markup, no emoji, no control characters."""

from __future__ import annotations

import ast
import io
import json
import logging
import sys

import pytest
from rich.table import Table

from nas.cli.output import LogMessages, Output
from nas.cli.progress import LineDisplay
from tests.test_imports import MODULES, imported, module_name

HOSTILE = ["a [x]", "[/bold]", "[link=http://a.b]c", "[red]r[/]", "\\[x]", ":key:", "  two  blanks"]
PRINTING_CALLS = {"Console", "echo", "from_markup", "print", "print_json", "secho"}
PRINTING_MODULES = {"rich.live", "rich.markup", "rich.progress", "rich.prompt", "rich.status"}


def printed(width: int = 200) -> tuple[Output, io.StringIO]:
    file = io.StringIO()
    return Output(file=file, width=width), file


@pytest.mark.parametrize("text", HOSTILE)
def test_a_message_is_printed_as_it_stands(text: str) -> None:
    output, file = printed()
    output.say("run ", (text, "bold"), f" in {text}/front.png")
    assert file.getvalue() == f"run {text} in {text}/front.png\n"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_holds_strings_as_they_stand(text: str) -> None:
    output, file = printed()
    table = Table(text, title=f"title {text}", caption=f"caption {text}")
    table.add_column("more", footer=f"footer {text}")
    table.show_footer = True
    table.add_row(f"cell {text}", "")
    output.show(table)
    for place in ("title", "caption", "footer", "cell"):
        assert f"{place} {text}" in file.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_progress_and_errors_are_printed_as_they_stand(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nas.cli.main import main  # noqa: PLC0415

    output, file = printed()
    with LineDisplay(output, lambda: text):
        pass
    assert file.getvalue() == f"{text}\n"
    monkeypatch.setattr(sys, "argv", ["nas", "status", text, "--runs", "."])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert text in capsys.readouterr().err


def test_a_message_is_not_broken_into_lines() -> None:
    output, file = printed(width=20)
    command = f"nas search {'x' * 50} name=a --resume"
    output.say("continue with: ", command)
    assert command in file.getvalue()


def test_control_characters_are_shown_and_not_sent() -> None:
    output, file = printed()
    output.say("a\x1b[31mred\x9b2Jb\nc")
    table = Table("\x1b]0;title")
    output.show(table)
    assert file.getvalue().startswith("a\\x1b[31mred\\x9b2Jb\nc\n")
    assert "\\x1b]" in file.getvalue()
    assert "\x1b" not in file.getvalue()


def test_what_is_logged_is_printed_as_any_message(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("nas", logging.WARNING, "", 1, "%s is [x]", ("a\x1b[31m",), None)
    LogMessages().handle(record)
    assert capsys.readouterr() == ("", "warning: a\\x1b[31m is [x]\n")


def test_a_table_wider_than_the_terminal_is_not_cut_off() -> None:
    output, file = printed(width=20)
    table = Table()
    table.add_column("x" * 50, no_wrap=True)
    output.show(table, columns=output.columns_of(table))
    assert "x" * 50 in file.getvalue()
    assert output.columns == 20


def test_with_json_nothing_else_is_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with Output(as_json=True) as output:
        output.say("a message")
        output.show(Table("a table"))
        with LineDisplay(output, lambda: "progress"):
            print("a library's own line")
        output.show_json({"accuracy": float("nan"), "name": "é [x] \x1b", "limits": [float("inf")]})
    print("after it")
    captured = capsys.readouterr()
    assert captured.out.endswith("}\nafter it\n")
    values = json.loads(captured.out.removesuffix("after it\n"))
    assert values == {"accuracy": None, "name": "é [x] \x1b", "limits": [None]}
    for text in ("a message", "a table", "progress", "a library's own line"):
        assert text in captured.err


def test_one_module_prints() -> None:
    """No other module makes a Rich console, parses markup or prints."""
    printing = {}
    for path in MODULES:
        tree = ast.parse(path.read_text())
        calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        prints = {call for call in calls if call.rpartition(".")[2] in PRINTING_CALLS}
        printing[module_name(path)] = prints | (set(imported(path)) & PRINTING_MODULES)
    assert printing.pop("nas.cli.output")
    assert {name: uses for name, uses in printing.items() if uses} == {}
