"""The URL of a storage: check it, and remove its password for files and messages.

No message repeats a secret, nor a URL that cannot be parsed, since it may hold a password.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_plus, urlencode

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

SECRET_WORDS = ("pass", "pwd", "secret", "token")
"""A key of the URL's query whose name contains one of these holds a secret."""

PASSWORD_FILE = "passfile"
"""The exception, which holds no secret: in PostgreSQL's library it names a file of passwords."""

HIDDEN = "***"

POSTGRESQL = "postgresql+psycopg://"
"""PostgreSQL and the driver that this project is tested with, as SQLAlchemy names them."""

_POSTGRESQL_URL = re.compile(
    r"postgres(?:ql)?(?:\+psycopg2?)?://(?P<authority>[^/?]*)(?P<rest>.*)", re.DOTALL
)
"""The spellings of PostgreSQL's library and of SQLAlchemy, for one driver."""

_HOST = re.compile(r"(?P<name>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>\d*))?")

PASSWORD_WAYS = (
    "a password is kept out of the run's files: give it in ~/.pgpass, in the environment variable "
    "PGPASSWORD, or in a file like ~/.pgpass that PGPASSFILE names"
)

_NO_VALUE = re.compile(r"|null|~|\$\{oc\.env:\w+\}")
"""Values in place of a URL that hold no secret: null, or the name of an environment variable."""


def check_storage_url(value: Any) -> Any:
    """Refuse a value that is no database URL, or has a secret elsewhere than before the ``@``.

    Raises:
        ValueError: it is refused; the message has the rule and no part of the value.
    """
    if value is not None:
        _parsed(value)
    return value


def without_password(url: str) -> str:
    """Return the URL without its password, to save and show it.

    Raises:
        ValueError: see :func:`check_storage_url`.
    """
    parsed = _parsed(url)
    if parsed.password is None:
        return url
    from sqlalchemy.engine import URL  # noqa: PLC0415 - imported where there is a URL

    bare = URL.create(
        parsed.drivername,
        username=parsed.username,
        host=parsed.host,
        port=parsed.port,
        database=parsed.database,
        query=parsed.query,
    )
    return bare.render_as_string()


def place_of(url: str | None, file: Path) -> str:
    """Return the name of a storage in messages: its URL without the password, or its file."""
    return str(file) if url is None else without_password(url)


def has_password(url: str) -> bool:
    """Return whether the URL has a password."""
    return _parsed(url).password is not None


def url_for_sqlalchemy(url: str) -> str:
    """Return the URL as SQLAlchemy takes it, with its password.

    Raises:
        ValueError: see :func:`check_storage_url`.
    """
    return _parsed(url).render_as_string(hide_password=False)


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite database; None if the URL names a server."""
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    assert parsed.database is not None
    return Path(parsed.database)


def with_absolute_path(url: str) -> str:
    """Make the path of an SQLite URL absolute, so that the working folder may change."""
    file = sqlite_file(url)
    if file is None or file.is_absolute():
        return url
    return _parsed(url).set(database=str(file.resolve())).render_as_string(hide_password=False)


def shown_words(words: Sequence[str]) -> list[str]:
    """Remove URLs' passwords from the words of a command line, to save and show it.

    A URL that cannot be parsed is hidden whole. So are the words after it that may belong to it,
    since the shell splits a URL with a blank in it.
    """
    shown: list[str] = []
    after_url = hidden = False
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or "://" in key:
            key, equals, value = "", "", word
        if "://" in value or "storage" in key.lower():
            value = _shown(value)
            after_url, hidden = True, value == HIDDEN
        elif hidden or (after_url and "@" in value):
            value = HIDDEN
        shown.append(f"{key}{equals}{value}")
    return shown


def hide_in(message: str, words: Sequence[str]) -> str:
    """Remove the passwords of the command line from a message, which may repeat them."""
    for word, shown in zip(words, shown_words(words), strict=True):
        if word != shown:
            message = message.replace(word, shown)
            key, _, value = word.partition("=")
            if "://" in value and "://" not in key:
                message = message.replace(value, shown.partition("=")[2])
    return message


def _shown(value: str) -> str:
    if _NO_VALUE.fullmatch(value):
        return value
    try:
        return without_password(value)
    except ValueError:
        return HIDDEN


def _parsed(url: Any) -> URL:
    if not isinstance(url, str):
        raise ValueError(
            "must be a database URL, a text such as postgresql+psycopg://user@host/name (what "
            "stands there is not shown, since it may hold a password)"
        )
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - imported where there is a URL
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        parsed = make_url(_sqlalchemys_spelling(url))
    except (SQLAlchemyError, ValueError):
        # not raised from the error, which may repeat a part of the URL
        raise ValueError(
            "not a database URL such as postgresql+psycopg://user@host/name (it is not shown, "
            "since it may hold a password)"
        ) from None
    if parsed.get_backend_name() == "sqlite":
        _check_is_file(parsed)
    else:
        _check_no_secret(url, parsed)
    return parsed


def _sqlalchemys_spelling(url: str) -> str:
    """Return a URL of PostgreSQL's library as SQLAlchemy has it; any other as it is.

    SQLAlchemy takes a list of hosts, and the folder of a socket, as a part of the query alone.
    Source: https://www.postgresql.org/docs/current/libpq-connect.html, "Connection URIs".

    Raises:
        ValueError: a host or port is not valid.
    """
    match = _POSTGRESQL_URL.fullmatch(url)
    if match is None:
        return url
    user, sign, listed = match["authority"].rpartition("@")
    rest = match["rest"]
    if not ({",", "%"} & set(listed)) and not listed.endswith(":"):
        return f"{POSTGRESQL}{match['authority']}{rest}"
    hosts = [_HOST.fullmatch(each) for each in listed.split(",")]
    if "@" in rest or None in hosts:
        raise ValueError("not a list of hosts")
    names = [unquote(each["name"]).strip("[]") for each in hosts if each]
    ports = [each["port"] or "" for each in hosts if each]
    parts = {"host": ",".join(names)} | ({"port": ",".join(ports)} if any(ports) else {})
    path, _, query = rest.partition("?")
    joined = "&".join([*([query] if query else []), urlencode(parts)])
    return f"{POSTGRESQL}{user}{sign}{path or '/'}?{joined}"


def _check_is_file(parsed: URL) -> None:
    name = parsed.database
    is_server = any((parsed.host, parsed.username, parsed.password))
    if is_server or not name or name == ":memory:" or name.startswith("file:"):
        raise ValueError("an SQLite storage is a file, such as sqlite:////folder/name.db")


def _check_no_secret(url: str, parsed: URL) -> None:
    after = url.partition("://")[2]
    if parsed.password is not None:
        after = after.partition("@")[2]
    if "@" in (after if parsed.password is not None else f"{parsed.host}{parsed.database}"):
        raise ValueError("an @ in the user or password of the URL is written %40, a / %2F")
    # A value may be a list of keys itself, as in ODBC. SQLAlchemy does not end a query at a #.
    parts = re.split(r"[&;?#]", unquote_plus(after.partition("?")[2]))
    keys = [part.partition("=")[0].lower() for part in parts]
    for word in SECRET_WORDS:
        if any(word in key and key != PASSWORD_FILE for key in keys):
            raise ValueError(
                f"no secret may stand in the query of the URL, and a key there has {word!r} in "
                f"its name; {PASSWORD_WAYS}"
            )
