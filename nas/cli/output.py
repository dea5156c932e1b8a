"""The one place that prints: what a command says, its tables and its JSON.

Every text is printed as it stands. Names of runs, spaces and classes, paths, overrides and errors
come from the user or from a stranger's files. Square brackets in them are not markup, ``:key:`` is
not an emoji, and control characters are shown instead of being sent to the terminal. Emphasis is
given beside the text, as a pair of a text and a Rich style::

    output.say("run ", (run.name, "bold"), f" is in {run.path}")

No other module makes a Rich console or parses markup; ``tests/nas/cli/test_output.py`` holds it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from typing import Self, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.segment import Segment
from rich.text import Text

from nas.storage.strict_json import json_text

PIPED_COLUMNS = 120
"""Width of tables where messages do not go to a terminal and COLUMNS is not set."""

WIDEST_COLUMNS = 1000
"""No table is measured wider."""

_CONTROL_CODES = [code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) != "\n"]
_VISIBLE = {code: f"\\x{code:02x}" for code in _CONTROL_CODES}


class Output:
    """Where a command prints; use it as a context manager where the command can print JSON.

    With ``as_json``, standard output receives the command's JSON and nothing else. Messages and
    progress go to standard error, and so does, inside the context, what any library prints.

    Args:
        as_json: the command was asked for JSON.
        stderr: print messages to standard error, as for progress and errors.
        file: takes the place of standard output.
        width: columns of tables; None for the terminal's.
    """

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
        # Standard output itself, whatever takes its place later.
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
        """Print a message. Only the terminal wraps it, so that a command or path can be copied.

        Args:
            parts: texts, or pairs of a text and a Rich style such as ``("run-1", "bold")``.
        """
        self._messages.print(Text.assemble(*parts), soft_wrap=True)

    def show(self, shown: RenderableType, *, columns: int = 0) -> None:
        """Print a table, or a group of tables and texts.

        Args:
            shown: strings in it are printed as they stand.
            columns: how many it needs; a narrower terminal then breaks its lines, and nothing is
                cut off.
        """
        usual = self.columns
        self._messages.width = max(usual, columns)
        self._messages.print(shown)
        self._messages.width = usual

    def columns_of(self, shown: RenderableType) -> int:
        """How many columns a table needs so that nothing in it is cut off."""
        options = self._messages.options.update(width=WIDEST_COLUMNS)
        return self._messages.measure(shown, options=options).maximum

    def show_json(self, data: object) -> None:
        """Print the command's result as JSON, see :func:`nas.storage.strict_json.json_text`."""
        self._results.out(json_text(data), highlight=False)

    def live(self) -> Live:
        """A display that is replaced in place."""
        return Live(console=self._messages, auto_refresh=False)


class LogMessages(logging.Handler):
    """Prints what is logged on standard error as any other message."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record, with its level before it."""
        said = Output(stderr=True)
        said.say((f"{record.levelname.lower()}:", "bold yellow"), f" {record.getMessage()}")


class _PlainConsole(Console):
    """Prints every string as it stands, and shows control characters as ``\\x1b``."""

    def __init__(self, *, file: TextIO | None, width: int | None = None) -> None:
        super().__init__(file=file, width=width, markup=False, emoji=False, highlight=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            # A control segment is Rich's own, such as one that moves the cursor.
            yield (
                segment
                if segment.control
                else segment._replace(text=segment.text.translate(_VISIBLE))
            )
