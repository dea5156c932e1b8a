"""A storage's URL: what it may hold, and that no file and no message repeats a password."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from nas.cli.main import main
from nas.config.files import load_config
from nas.config.search_config import SearchConfig
from nas.config.storage_url import (
    shown_words,
    sqlite_file,
    url_for_sqlalchemy,
    without_password,
)
from nas.storage.run.folder import RunFolder
from search_space.yaml_validation import ConfigError

ConfigOf = Callable[..., SearchConfig]

SERVER = "postgresql+psycopg"
LEAKING = [
    f"{SERVER}://nas@host/db?password=s3cret",
    f"{SERVER}://nas@host/db?PassWord=s3cret",
    f"{SERVER}://nas@host/db?pass%77ord=s3cret",
    f"{SERVER}://nas@host/db?sslmode=require&sslpassword=s3cret",
    f"{SERVER}://nas:other@host/db?password=s3cret",
    f"{SERVER}://nas@host/db? password =s3cret",
    f"{SERVER}://nas@host/db?password=",
    f"{SERVER}://nas@host/db?password",
    f"{SERVER}://nas@host/db?token=s3cret",
    f"{SERVER}://nas@host/db?client_secret=s3cret",
    f"{SERVER}://nas@host/db?x=1;password=s3cret",
    f"{SERVER}://nas@host/db?sslkey=x#password=s3cret",
    f"{SERVER}://nas@host/db?sslkey=x%23password=s3cret",
    "mssql+pyodbc:///?odbc_connect=UID%3Dnas%3BPWD%3Ds3cret",
    f"{SERVER}://nas:a@s3cret@host/db",
    f"{SERVER}://nas:a@s3cret/b@host/db",
    f"{SERVER}://nas:a@s3cret?b@host/db",
    f"{SERVER}://n/as:s3cret@host/db",
    f"{SERVER}://nas:s3cret",
    f"{SERVER}://nas:s3cret@host:port/db",
    f"{SERVER}://nas:s3cret@host:port,other/db",
    f"{SERVER}://nas:a@s3cret,x/b@host/db",
    f"{SERVER}://nas:a@s3cret,x?b@host/db",
    f"{SERVER}://nas:s3cret,x",
    "postgres://nas@host,other/db?password=s3cret",
    "sqlite://nas:s3cret@host/db",
    "s3cret",
    "",
    " ",
]


@pytest.fixture
def written(config_of: ConfigOf, tmp_path: Path) -> Callable[..., Path]:
    """A search's file with whatever stands at ``storage``."""

    def write(storage: object = None) -> Path:
        data = config_of().model_dump(mode="json", exclude_none=True)
        file = tmp_path / "search.yaml"
        file.write_text(yaml.safe_dump(data | ({} if storage is None else {"storage": storage})))
        return file

    return write


@pytest.mark.parametrize("url", LEAKING)
def test_a_secret_elsewhere_than_before_the_at_is_refused_and_not_repeated(
    written: Callable[..., Path], url: str
) -> None:
    for in_file, overrides in ((url, []), (None, [f"storage='{url}'"])):
        file = written(in_file)
        with pytest.raises(ConfigError) as caught:
            load_config(file, overrides)
        assert "s3cret" not in str(caught.value)
        (problem,) = caught.value.problems
        assert problem.startswith("storage: ")


@pytest.mark.parametrize("storage", [["s3cret"], {"postgresql://u": "s3cret"}, 3, True])
def test_what_is_no_text_is_not_repeated(written: Callable[..., Path], storage: object) -> None:
    with pytest.raises(ConfigError, match="storage: must be a database URL") as caught:
        load_config(written(storage))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///file:x.db?uri=true"]
)
def test_sqlite_is_a_file(written: Callable[..., Path], url: str) -> None:
    with pytest.raises(ConfigError, match="an SQLite storage is a file"):
        load_config(written(url))


@pytest.mark.parametrize(
    "word",
    [
        "storage=postgresql://nas:s3cret@host/db",
        "storage=postgresql://nas:s3 cret@host/db",
        "storage=postgresql://nas:s3cret#x@host/db",
        "storage='postgresql://nas:s3cret@host/db'",
        "storage=postgresql://nas:s3cret: x@host/db",
        "storage=[postgresql://nas:s3cret@host/db",
        "storage=postgresql://nas:${s3cret}@host/db",
        "storage=postgresql://nas:${s3cret x@host/db",
        "storage=@s3cret",
        "storage=*s3cret",
        "storage=!s3cret x",
        "storage.url=postgresql://nas:s3cret@host/db",
        "postgresql://nas:s3cret@host/db",
        "postgresql://nas:s3cret=x@host/db",
        "{storage: postgresql://nas:s3cret@host/db}",
        "seed=postgresql://nas:s3cret@host/db",
        "nosuch.key=postgresql://nas:s3cret@host/db",
    ],
)
def test_no_word_of_the_command_line_repeats_a_password(
    written: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    config_of: ConfigOf,
    word: str,
) -> None:
    """In what a run keeps of it, and in whatever the command says, with more wrong beside it."""
    monkeypatch.setattr(sys, "argv", ["nas", "search", str(written()), word, "seed=-1"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = "".join(capsys.readouterr())
    assert "error:" in said
    assert "s3" not in said
    assert "cret" not in said
    run = RunFolder.create(tmp_path / "runs", config_of())
    kept = json.loads((run.path / "environment.json").read_text())["command"]
    assert kept[-1] == "seed=-1" or kept[-1] == "seed=***"
    assert "s3" not in str(kept)
    assert "cret" not in str(kept)


@pytest.mark.parametrize(
    "words",
    [
        ["status", "run", "storage=postgresql://nas:s3 cret@host/db"],
        ["describe", "--classes", "postgresql://nas:s3cret@host/db", "resnet50"],
        ["postgresql://nas:s3cret@host/db"],
    ],
)
def test_a_wrong_command_line_is_not_repeated_with_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["nas", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = "".join(capsys.readouterr())
    assert "Error" in said
    assert "s3" not in said
    assert "cret" not in said


def test_words_without_a_secret_are_kept() -> None:
    words = ["nas", "search", "c.yaml", "seed=3", "data.path=a@b/c", "ray.address=ray://head:1"]
    words += ["storage=sqlite:////tmp/a@b.db", "storage=null", "storage=${oc.env:DATABASE}"]
    words += ["storage=postgresql://nas@host/db?sslmode=require", "name=x@y"]
    assert shown_words(words[:-1]) == words[:-1]
    assert shown_words(["storage=postgresql://u:my", "pw@h/d", "seed=3"]) == [
        "storage=***",
        "***",
        "seed=***",
    ]
    assert shown_words(["storage=postgresql://u:12", "pw@h/d"])[1] == "***"


def test_a_run_keeps_the_url_without_its_password(
    written: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DB_PASSWORD", "s3%20cret")
    url = "postgresql+psycopg://nas:${oc.env:DB_PASSWORD}@host/db?passfile=%2Fhome%2Fx&sslmode=require"
    config = load_config(written(), [f"storage={url}"])
    assert config.storage is not None
    assert "nas:s3%20cret@host" in config.storage
    run = RunFolder.create(tmp_path / "runs", config)
    text = run.config_file.read_text()
    assert "s3" not in text
    assert run.config() == config.saved
    assert str(run.config().storage).startswith("postgresql+psycopg://nas@host/db?")


NAMES = st.text("abx19.-_", min_size=1, max_size=6)
SECRETS = st.text("ab:/?#%@,& é", min_size=1, max_size=6)
PORTS = st.just("") | st.integers(1, 65535).map(lambda port: f":{port}")
HOSTS = st.sampled_from(["localhost", "10.0.0.1", "[::1]", "%2Frun%2Fpg"]) | st.from_regex(
    r"[a-z][a-z0-9.-]{0,5}", fullmatch=True
)


@settings(deadline=None)  # the first case imports the driver
@given(
    st.sampled_from(["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"]),
    NAMES,
    st.none() | SECRETS,
    st.lists(st.tuples(HOSTS, PORTS).map("".join), max_size=3),
    st.none() | NAMES,
    st.dictionaries(st.sampled_from(["sslmode", "service", "passfile"]), NAMES, max_size=2),
)
def test_every_spelling_means_what_postgresqls_library_says(
    scheme: str,
    user: str,
    password: str | None,
    hosts: list[str],
    database: str | None,
    query: dict[str, str],
) -> None:
    conninfo = pytest.importorskip("psycopg.conninfo")
    who = quote(user, safe="") + ("" if password is None else f":{quote(password, safe='')}")
    path = "" if database is None else f"/{database}"
    asked = f"?{urlencode(query)}" if query else ""
    url = f"{scheme}://{who}@{','.join(hosts)}{path}{asked}"
    meant = conninfo.conninfo_to_dict(url.replace(scheme, "postgresql"))
    for given_url, expected in (
        (url, meant),
        (without_password(url), {k: v for k, v in meant.items() if k != "password"}),
    ):
        engine = create_engine(url_for_sqlalchemy(given_url))
        _, told = engine.dialect.create_connect_args(engine.url)
        assert {k: str(v) for k, v in told.items() if k != "context"} == expected


def test_an_unset_variable_is_named(written: Callable[..., Path]) -> None:
    url = "postgresql://nas:${oc.env:NO_SUCH_VARIABLE}@host/db"
    with pytest.raises(ConfigError) as caught:
        load_config(written(url))
    assert caught.value.problems == ["storage: Environment variable 'NO_SUCH_VARIABLE' not found"]


def test_a_relative_file_is_absolute_from_then_on(
    written: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a@b?").mkdir()
    monkeypatch.chdir(tmp_path / "a@b?")
    for url in ("sqlite:///x y.db", "sqlite:///../a@b%3F/x y.db"):
        storage = load_config(written(), [f"storage={url}"]).storage
        assert storage == load_config(written(storage)).storage
    assert (
        sqlite_file(str(load_config(written("sqlite:///x.db")).storage))
        == tmp_path / "a@b?" / "x.db"
    )
