"""Printing of messages, tables and JSON, for all commands.

Every text is printed literally. Names of runs, spaces and classes, paths, overrides and errors
come from the user or from a stranger's files. Square brackets in them are not markup, ``:key:`` is
not an emoji, and control characters are shown instead of being sent to the terminal. Emphasis is a
pair of a text and a Rich style::

    output.say("run ", (run.name, "bold"), f" is in {run.path}")

No other module makes a Rich console or parses markup; ``tests/nas/cli/test_output.py`` holds it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from typing import ClassVar, Self, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.segment import Segment
from rich.text import Text

from nas.storage.strict_json import json_text

PIPED_COLUMNS = 120
"""Width of tables if messages do not go to a terminal and COLUMNS is not set."""

WIDEST_COLUMNS = 1000
"""Tables are measured up to this width."""

_CONTROL_CODES = [code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) != "\n"]
_VISIBLE = {code: f"\\x{code:02x}" for code in _CONTROL_CODES}


class Output:
    """Print a command's output; use it as a context manager if the command can print JSON.

    With ``as_json``, standard output receives the command's JSON and nothing else. Messages and
    progress go to standard error, and inside the context so does all that libraries print.

    Args:
        as_json: the command was asked for JSON, or for another text that a program reads.
        stderr: print messages to standard error, as for progress and errors.
        file: replaces standard output.
        width: columns of tables; None for the terminal's.

    Attributes:
        is_quiet: whether ``nas --quiet`` was given, for all outputs of this process.
    """

    is_quiet: ClassVar[bool] = False

    def __init__(
        self,
        *,
        as_json: bool = False,
        stderr: bool = False,
        file: TextIO | None = None,
        width: int | None = None,
    ) -> None:
        self.as_json = as_json
        to_stderr = as_json or stderr
        self._messages = _PlainConsole(file=sys.stderr if to_stderr else file, width=width)
        # Standard output itself, even if it is redirected later.
        self._results = _PlainConsole(file=file or sys.stdout)
        if width is None and not self.is_terminal and "COLUMNS" not in os.environ:
            self._messages.width = PIPED_COLUMNS
        self._strays = redirect_stdout(sys.stderr)

    def __enter__(self) -> Self:
        if self.as_json:
            self._strays.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        if self.as_json:
            self._strays.__exit__(None, None, None)

    @property
    def is_terminal(self) -> bool:
        """Whether messages go to a terminal."""
        return self._messages.is_terminal

    @property
    def columns(self) -> int:
        """Width of the terminal, or of tables in a file."""
        return self._messages.width

    def say(self, *parts: str | tuple[str, str]) -> None:
        """Print a message; only the terminal wraps it, so that a command or path can be copied.

        Args:
            parts: texts, or pairs of a text and a Rich style such as ``("run-1", "bold")``.
        """
        self._messages.print(Text.assemble(*parts), soft_wrap=True)

    def say_progress(self, text: str) -> None:
        """Print what the command does at present, unless ``nas --quiet`` was given."""
        if not self.is_quiet:
            self.say(text)

    def pass_on(self, text: str) -> None:
        """Print a piece of another program's output, which may end within a line, as it is."""
        self._messages.print(Text(text), soft_wrap=True, end="")

    def show(self, shown: RenderableType, *, columns: int = 0) -> None:
        """Print a table, or a group of tables and texts.

        Args:
            shown: the table; strings in it are printed literally.
            columns: its width; a narrower terminal breaks its lines, and nothing is cut off.
        """
        usual = self.columns
        self._messages.width = max(usual, columns)
        self._messages.print(shown)
        self._messages.width = usual

    def columns_of(self, shown: RenderableType) -> int:
        """Return the columns that a table needs so that nothing in it is cut off."""
        options = self._messages.options.update(width=WIDEST_COLUMNS)
        return self._messages.measure(shown, options=options).maximum

    def show_json(self, data: object) -> None:
        """Print the command's result as JSON, see :func:`nas.storage.strict_json.json_text`."""
        self._results.out(json_text(data), highlight=False)

    def show_text(self, text: str) -> None:
        """Print the command's result as a text for another program, such as CSV."""
        self._results.out(text, highlight=False, end="")

    def live(self) -> Live:
        """Return a display that is updated in place."""
        return Live(console=self._messages, auto_refresh=False)


class LogMessages(logging.Handler):
    """Print log records on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record after its level."""
        said = Output(stderr=True)
        said.say((f"{record.levelname.lower()}:", "bold yellow"), f" {record.getMessage()}")


class _PlainConsole(Console):
    """A console that prints every string literally, with control characters as ``\\x1b``."""

    def __init__(self, *, file: TextIO | None, width: int | None = None) -> None:
        super().__init__(file=file, width=width, markup=False, emoji=False, highlight=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            # Rich makes control segments, for example to move the cursor.
            yield (
                segment
                if segment.control
                else segment._replace(text=segment.text.translate(_VISIBLE))
            )
