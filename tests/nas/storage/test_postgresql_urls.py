"""Every usual spelling of a PostgreSQL URL reaches a real server; a wrong one leaves nothing."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from nas.cli.main import main
from nas.config.search_config import SearchConfig
from nas.config.storage_url import without_password
from nas.storage.ledger import Ledger, check_free
from nas.storage.run.folder import RunFolder
from tests.end_to_end.ray_nodes import free_port
from tests.postgresql_server import DATABASE, PASSWORD, USER, PostgreSQLServer, running_server

pytestmark = pytest.mark.many_cases

ConfigOf = Callable[..., SearchConfig]

NAMES = (f"spelt-{number}" for number in itertools.count())

ENCODED = quote(PASSWORD, safe="")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQLServer]:
    with running_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def private(file: Path, content: str) -> Path:
    file.write_text(content)
    file.chmod(0o600)
    return file


SPELLINGS = {
    "sqlalchemy": "postgresql+psycopg://{user}:{password}@127.0.0.1:{port}/{database}",
    "psycopg2": "postgresql+psycopg2://{user}:{password}@127.0.0.1:{port}/{database}",
    "libpq": "postgresql://{user}:{password}@127.0.0.1:{port}/{database}",
    "short": "postgres://{user}:{password}@127.0.0.1:{port}/{database}?sslmode=prefer",
    "list": "postgresql://{user}:{password}@127.0.0.1:{closed},127.0.0.1:{port}/{database}",
    "list in the query": (
        "postgresql+psycopg://{user}:{password}@/{database}?host=127.0.0.1:{closed}"
        "&host=127.0.0.1:{port}"
    ),
    "socket in the query": "postgresql://{user}:{password}@/{database}?host={socket}&port={port}",
    "socket": "postgresql://{user}:{password}@{encoded_socket}:{port}/{database}",
}


def keeps_a_ledger(config_of: ConfigOf, runs: Path, url: str, password: str) -> None:
    """A run's ledger is made by way of ``url``, and read by what the run's folder keeps."""
    config = config_of(name=next(NAMES), storage=url)
    check_free(config, runs)
    run = RunFolder.create(runs, config)
    Ledger.create(config, run).close()
    assert password not in run.config_file.read_text()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSWORD", PASSWORD)
        ledger = Ledger.read(run.config(), run)
        assert ledger.evaluations("search") == []
        ledger.close()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_reaches_the_server(
    config_of: ConfigOf, runs: Path, server: PostgreSQLServer, spelling: str
) -> None:
    url = SPELLINGS[spelling].format(
        user=USER,
        password=ENCODED,
        port=server.port,
        closed=free_port(),
        database=DATABASE,
        socket=server.socket_folder,
        encoded_socket=quote(str(server.socket_folder), safe=""),
    )
    keeps_a_ledger(config_of, runs, url, ENCODED)


@pytest.mark.parametrize("way", ["PGPASSWORD", "PGPASSFILE", "passfile", "~/.pgpass", "service"])
def test_without_a_password_in_the_url(
    config_of: ConfigOf,
    runs: Path,
    server: PostgreSQLServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    way: str,
) -> None:
    url = without_password(server.url)
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    line = f"127.0.0.1:{server.port}:*:{USER}:{escaped}\n"
    if way == "PGPASSWORD":
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
    elif way == "~/.pgpass":
        private(tmp_path / ".pgpass", line)
    elif way == "service":
        lines = [f"host=127.0.0.1\nport={server.port}\nuser={USER}\ndbname={DATABASE}"]
        services = private(tmp_path / "services", "[searches]\n" + "\n".join(lines))
        monkeypatch.setenv("PGSERVICEFILE", str(services))
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        url = "postgresql://?service=searches"
    else:
        file = private(tmp_path / "passwords", line)
        if way == "PGPASSFILE":
            monkeypatch.setenv("PGPASSFILE", str(file))
        else:
            url += f"?passfile={file}"
    keeps_a_ledger(config_of, runs, url, PASSWORD)


WRONG = {
    "password": ("postgresql://{user}:Pelikan@127.0.0.1:{port}/{database}", "authentication"),
    "no password": ("postgresql://{user}@127.0.0.1:{port}/{database}", "PGPASSWORD"),
    "user": ("postgresql://nobody:Pelikan@127.0.0.1:{port}/{database}", "authentication"),
    "database": ("postgresql://{user}:{password}@127.0.0.1:{port}/Pelikan2", "does not exist"),
    "port": ("postgresql://{user}:Pelikan@127.0.0.1:{closed}/{database}", "cannot be reached"),
    "hosts": ("postgres://{user}:Pelikan@127.0.0.1:{closed},h:x/{database}", "not a database URL"),
    "key": ("postgres://{user}:Pelikan@127.0.0.1:{port}/{database}?no_such=1", "no_such"),
    "sslmode": ("postgres://{user}:Pelikan@127.0.0.1:{port}/{database}?sslmode=x", "sslmode"),
    "service": ("postgresql://{user}:Pelikan@/?service=no_such", "no_such"),
    "scheme": ("postgre://{user}:Pelikan@127.0.0.1:{port}/{database}", "postgre"),
    "driver": ("postgresql+asyncpg://{user}:Pelikan@127.0.0.1:{port}/{database}", "asyncpg"),
    "encoding": ("postgresql://{user}:Pelikan%zz@127.0.0.1:{port}/{database}", "authentication"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_url_is_one_clear_error_and_leaves_no_run(
    config_of: ConfigOf,
    runs: Path,
    tmp_path: Path,
    server: PostgreSQLServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wrong: str,
) -> None:
    url, told = WRONG[wrong]
    url = url.format(
        user=USER, password=ENCODED, port=server.port, closed=free_port(), database=DATABASE
    )
    file = tmp_path / "search.yaml"
    file.write_text(yaml.safe_dump(config_of().model_dump(mode="json", exclude_none=True)))
    words = ["nas", "search", str(file), f"storage={url}", "--runs", str(runs)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    said = "".join(capsys.readouterr())
    assert ended.value.code == 1, said
    assert said.startswith("error: ")
    assert said.count("error:") == 1
    assert told in said
    assert "Traceback" not in said
    assert "Pelikan" not in said.replace("Pelikan2", "")
    assert not runs.exists()
