"""Select rows of a ledger on a database server, by SQLAlchemy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from nas.config.storage_url import url_for_sqlalchemy, without_password
from nas.storage.database.connection import network_settings, unreachable


class ServerSelection:
    """A database server; see :class:`nas.storage.database.selection.Selection`.

    Args:
        url: of the database.

    Raises:
        RunError: the URL names a driver that is not installed.
    """

    def __init__(self, url: str) -> None:
        self.place = without_password(url)
        self._url = url
        try:
            self._engine = create_engine(
                url_for_sqlalchemy(url),
                connect_args=network_settings(url),
                execution_options={"postgresql_readonly": True},
            )
        except (SQLAlchemyError, ImportError, ValueError) as error:
            raise unreachable(url, self.place, error) from error

    def rows(self, query: str, **values: Any) -> Sequence[Sequence[Any]]:
        """Return the rows that a query selects."""
        try:
            with self._engine.connect() as connection:
                return connection.execute(text(query), values).all()
        except (SQLAlchemyError, UnicodeError) as error:
            raise unreachable(self._url, self.place, error) from error

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
