"""Make standard output and error accept every text, even on a terminal with only ASCII."""

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
"""Replacements for characters that a terminal cannot show."""

BRAILLE = range(0x2800, 0x2900)
"""The characters of Rich's spinner."""

ERRORS = "nas.plain"


def take_every_text() -> None:
    """Let standard output and error replace characters that they cannot encode.

    A terminal's encoding may be ASCII, and a path may hold bytes that are not UTF-8. Without this,
    either would raise in the middle of a command's output, perhaps after a search of hours.
    """
    codecs.register_error(ERRORS, _in_plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERRORS)


def _in_plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    characters = error.object[error.start : error.end]
    return "".join(map(_plain, characters)), error.end


def _plain(character: str) -> str:
    if ord(character) in BRAILLE:
        return "*"
    return PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode()
