"""``nas report``: a file for any run that can be read, one error each, and the live page."""

from __future__ import annotations

import html
import http.client
import io
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from nas.cli.commands.query.report import write_report
from nas.cli.commands.query.report_run import _spend
from nas.cli.commands.query.report_server import LOOPBACK, LiveReport, handler_of, serve_report
from nas.cli.commands.train.export import run_export_command
from nas.cli.commands.train.retrain import run_retrain_command
from nas.cli.commands.train.train import run_train_command
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.errors import CommandError, RunError
from nas.quantities import parse_duration
from nas.storage.ledger import ledger_of
from nas.storage.run.data_file import note_images
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import load_data
from search_space.yaml_validation import dump_yaml
from tests.browser import chromium, opened
from tests.hand_driven import HandDriven
from tests.nas.cli.conftest import Begin
from tests.nas.cli.trained_here import TrainedHere
from tests.nas.conftest import TINY_SPACE


@pytest.fixture
def config(config_of: Callable[..., SearchConfig]) -> SearchConfig:
    return config_of(space=TINY_SPACE, sampler={"name": "random"})


@pytest.fixture
def searched(config: SearchConfig, begun: Begin) -> RunFolder:
    run, _ = begun(config, trials=4)
    note_images(run, [load_data(config).fingerprint])
    return run


def report(names: list[str], runs: Path, file: Path) -> str:
    printed = io.StringIO()
    write_report(Output(file=printed), names, runs, html=file)
    assert str(file) in printed.getvalue()
    return file.read_text()


def sections(page: str) -> list[str]:
    return re.findall(r'<section id="(\w+)"', page)


def test_a_run_and_a_copy_of_its_folder_have_the_same_report(
    searched: RunFolder, runs: Path, tmp_path: Path
) -> None:
    page = report([searched.name], runs, tmp_path / "report.html")
    assert {"summary", "front", "hypervolume", "outcomes", "reproduce"} <= set(sections(page))
    assert f"nas retrain {searched.name} --pick knee-or-best --baseline" in page
    copy = tmp_path / "elsewhere" / searched.name
    shutil.copytree(searched.path, copy)
    shutil.rmtree(searched.path)
    assert report([str(copy)], tmp_path / "none", tmp_path / "copy.html") == page


def test_networks_that_were_trained_in_full_stand_beside_plain_ones(
    searched: RunFolder, runs: Path, tmp_path: Path, here: TrainedHere
) -> None:
    run_retrain_command(Output(file=io.StringIO()), searched.name, runs, pick="best", baseline=True)
    page = report([searched.name], runs, tmp_path / "report.html")
    assert "retrained" in sections(page)
    table = page.partition('<section id="retrained"')[2]
    assert "found" in table
    assert "plain" in table
    assert f"nas ablate {searched.name}" in page
    # all networks of this space are plain ones themselves
    assert " less " not in table.partition("</section>")[0]


def test_networks_without_a_search_have_a_report(
    config: SearchConfig, runs: Path, tmp_path: Path, here: TrainedHere
) -> None:
    file = tmp_path / "search.yaml"
    file.write_text(dump_yaml(config.model_dump(mode="json")))
    for network in ("resnet20@0.25", "se_resnet34@0.125"):
        run_train_command(Output(file=io.StringIO()), network, file, [], runs, seeds=2)
    page = report(["first"], runs, tmp_path / "report.html")
    assert sections(page) == ["summary", "retrained", "reproduce"]
    assert "2 networks trained in full; nothing was searched" in page
    assert "Without a search" in page
    ledger = ledger_of(RunFolder(runs / "first"))[1]
    accuracies: dict[str, list[float]] = {}
    for row in ledger.evaluations("retrain"):
        accuracies.setdefault(row.arch_id, []).append(row.metrics["test_accuracy"])
    best = max(accuracies, key=lambda arch_id: sum(accuracies[arch_id]))
    assert f"nas export first --pick {best}" in page
    printed = io.StringIO()
    run_export_command(
        Output(file=printed),
        *("first", runs),
        pick=best,
        file_format="safetensors",
        precision="float32",
        to=None,
        licence=None,
        trust=False,
    )
    assert best in printed.getvalue()


def test_json_has_what_the_first_screen_says(
    searched: RunFolder, runs: Path, tmp_path: Path
) -> None:
    printed = io.StringIO()
    file = tmp_path / "report.html"
    with Output(file=printed, as_json=True) as output:
        write_report(output, [searched.name], runs, html=file)
    told = json.loads(printed.getvalue())
    assert (told["file"], told["bytes"]) == (str(file), file.stat().st_size)
    assert told["runs"] == [{"name": searched.name, "state": "interrupted"}]
    assert [each["question"] for each in told["answers"]] == [
        *("What was found", "How sure it is", "What it cost")
    ]
    page = html.unescape(file.read_text())
    assert all(answer["lead"] in page for answer in told["answers"])
    assert told["next_commands"][0]["text"].endswith("--resume")


@pytest.mark.parametrize(
    ("seconds", "spend"), [(20, "1m"), (7.5 * 60, "2m"), (3600, "15m"), (40 * 3600, "10h")]
)
def test_a_share_of_the_search_is_proposed_for_further_seeds(seconds: float, spend: str) -> None:
    assert _spend(seconds) == spend
    assert parse_duration(spend) <= max(60, 0.3 * seconds)


@pytest.mark.parametrize("name", ["report.txt", "report"])
def test_the_file_is_a_page(searched: RunFolder, runs: Path, name: str) -> None:
    with pytest.raises(CommandError, match=r"--output must end in .html"):
        report([searched.name], runs, Path(name))


def test_an_unknown_run_is_named_with_the_nearest(searched: RunFolder, runs: Path) -> None:
    with pytest.raises(RunError, match=f"no run '{searched.name}x'.*{searched.name}"):
        report([f"{searched.name}x"], runs, runs / "report.html")


def test_a_file_that_cannot_be_written_is_one_error(searched: RunFolder, runs: Path) -> None:
    with pytest.raises(RunError, match=r"cannot write .*nowhere/report.html: No such file"):
        report([searched.name], runs, runs / "nowhere" / "report.html")


def test_a_run_without_a_finished_trial_is_one_error(
    config: SearchConfig, begun: Begin, runs: Path
) -> None:
    run, _ = begun(config, trials=0)
    with pytest.raises(CommandError, match=f"no trial of '{run.name}' has finished"):
        report([run.name], runs, runs / "report.html")


@pytest.fixture
def served(searched: RunFolder) -> Iterator[Callable[..., tuple[int, str]]]:
    server = ThreadingHTTPServer((LOOPBACK, 0), handler_of(LiveReport([searched], trust=False)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def ask(path: str, host: str = "") -> tuple[int, str]:
        port = server.server_address[1]
        connection = http.client.HTTPConnection(LOOPBACK, port)
        connection.request("GET", path, headers={"Host": host or f"{LOOPBACK}:{port}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    ask.address = f"http://{LOOPBACK}:{server.server_address[1]}/"  # type: ignore[attr-defined]
    yield ask
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_served_page_is_made_anew_when_a_trial_ends(
    searched: RunFolder,
    served: Callable[..., tuple[int, str]],
    propose_from: Callable[..., HandDriven],
    finish: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nas.cli.commands.query.report_server.READ_EVERY_SECONDS", 0.0)
    status, page = served("/")
    assert status == 200
    assert "live" in sections(page)
    assert f"optuna-dashboard sqlite:///{searched.ledger_file.resolve()}" in page
    _, version = served("/version")
    assert f'data-version="{version}"' in page
    assert served("/version")[1] == version
    config, ledger = ledger_of(searched, writes=True)
    proposals = propose_from(config, ledger)
    finish(proposals, proposals.propose())
    assert served("/version")[1] != version
    assert served("/")[1] != page


@pytest.mark.slow
def test_a_browser_shows_the_new_page_with_the_same_networks_pinned(
    searched: RunFolder,
    served: Callable[..., tuple[int, str]],
    propose_from: Callable[..., HandDriven],
    finish: Callable[..., None],
) -> None:
    _, page = served("/")
    before = re.search(r'data-version="(\w+)"', page)
    assert before is not None
    with chromium() as browser, opened(browser, served.address) as shown:  # type: ignore[attr-defined]
        shown.locator("button[data-pin]").first.click()
        config, ledger = ledger_of(searched, writes=True)
        proposals = propose_from(config, ledger)
        finish(proposals, proposals.propose())
        shown.wait_for_function(f"document.body.dataset.version !== '{before[1]}'")
        shown.wait_for_selector("body[data-ready]")
        assert "compare=" in shown.url
        assert shown.locator('.card button:text("unpin")').count() == 1


def test_a_stranger_s_name_for_this_machine_is_refused(
    served: Callable[..., tuple[int, str]],
) -> None:
    assert served("/", "evil.example:80") == (403, "only for this machine\n")
    assert served("/other")[0] == 404


def test_a_run_without_a_finished_trial_is_waited_for(config: SearchConfig, begun: Begin) -> None:
    run, _ = begun(config, trials=0)
    page = LiveReport([run], trust=False).page()
    assert sections(page) == ["live"]
    assert "nothing to report yet" in page


def test_runs_of_one_name_are_told_apart_by_their_folders(
    searched: RunFolder, runs: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy" / searched.name
    shutil.copytree(searched.path, copy)
    page = report([searched.name, str(copy)], runs, tmp_path / "report.html")
    assert f"<title>{searched.path}, {copy}</title>" in page


def test_a_port_that_is_taken_is_one_error(searched: RunFolder, runs: Path) -> None:
    with ThreadingHTTPServer((LOOPBACK, 0), handler_of(LiveReport([searched], trust=False))) as one:
        taken = one.server_address[1]
        with pytest.raises(CommandError, match=f"--port {taken}: Address already in use"):
            serve_report(Output(file=io.StringIO()), [searched.name], runs, port=taken)
