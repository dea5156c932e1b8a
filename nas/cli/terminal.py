"""Standard output and error that take every text, also on a terminal that knows only ASCII."""

from __future__ import annotations

import codecs
import io
import sys

PLAIN = {
    "\N{PLUS-MINUS SIGN}": "+/-",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
}
"""What is written for a character that a terminal cannot show, where there is a good one."""

BRAILLE = range(0x2800, 0x2900)
"""Rich's spinner."""

ERRORS = "nas.plain"


def take_every_text() -> None:
    """Write what standard output or error cannot encode in another way, instead of raising.

    A terminal's encoding may be ASCII, and a path may hold bytes that are not UTF-8. Both are found
    out in the middle of a command's output, after a search of hours.
    """
    codecs.register_error(ERRORS, _in_plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERRORS)


def _in_plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    found = error.object[error.start : error.end]
    return "".join(map(_plain, found)), error.end


def _plain(character: str) -> str:
    if ord(character) in BRAILLE:
        return "*"
    return PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode()
