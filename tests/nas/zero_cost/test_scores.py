"""Scores of untrained networks: against naive references, and as features of the sampler."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from math import inf, isfinite, log
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from analysis.fidelity.ranks import rank_correlation
from analysis.fidelity.score_ranking import score_rankings, weighted_correlations
from nas.benchmark.csv_table import read_csv_table
from nas.benchmark.replay import replay
from nas.benchmark.specs import parse_spec, sampler_of
from nas.benchmark.tabulation_reader import read_tabulated
from nas.cli.application import app
from nas.config.search_config import SearchConfig
from nas.evaluation.evaluate import EvaluationResult
from nas.samplers import BayesianOptimizationSampler, build_sampler
from nas.samplers.bayesian_optimization import RANKED_AMONG, RESCORED
from nas.samplers.choice_space import NoCosts
from nas.samplers.prior_scores import ScoreColumns, ScoredEncoder
from nas.samplers.product_space import ProductSpace
from nas.search.problem import space_of
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from nas.zero_cost import (
    NETWORK_SCORES,
    SCORES,
    Batch,
    batch_of,
    grad_norm,
    jacob_cov,
    naswot,
    synflow,
    zero_cost_scores,
)
from nas.zero_cost.source import NetworkScores
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from search_space.layers.attention_stem import AttentionStem2d
from search_space.layers.augmented_convolution import AugmentedConvolution2d
from search_space.layers.local_attention import LocalAttention2d
from search_space.networks import build
from search_space.space import SearchSpace
from search_space.yaml_validation import ConfigError
from search_space.zoo import network
from tests.hand_driven import HandDriven
from trainers import DataConfig, load_splits

TASK = Task(dataset="digits", input_shape=(1, 8, 8), classes=10)
DATA = DataConfig(name="digits", train_images=100, validation_images=100, test_images=100)
CONV_STEM = {"type": "conv", "kernel": 3, "stride": 1, "pool": False, "width": 4}
CONV = {"type": "conv", "kernel": 3}
LOCAL = {"type": "local_attention", "extent": 3, "heads": 2}
AUGMENTED = {"type": "augmented_conv", "kappa": 0.5, "upsilon": 0.5, "heads": 2} | {
    "min_key_depth_per_head": 1
}
STEMS_AND_PRIMITIVES = {
    "convolution": (CONV_STEM, CONV),
    "local attention": (CONV_STEM, LOCAL),
    "augmented convolution": (CONV_STEM, AUGMENTED),
    "attention stem": (
        {"type": "attention", "block": 2, "heads": 2, "mixtures": 2, "width": 4},
        CONV,
    ),
}


def architecture_of(kind: str) -> Architecture:
    stem, primitive = STEMS_AND_PRIMITIVES[kind]
    stages = [{"depth": 2, "width": 8, "primitive": [primitive], "stride": 2}]
    space = {"name": kind, "block": "bottleneck", "expansion": 1, "stem": [stem], "stages": stages}
    (only,) = SearchSpace.from_mapping(space).architectures()
    return only


every_kind = pytest.mark.parametrize("kind", STEMS_AND_PRIMITIVES)


@pytest.fixture(scope="module")
def batch() -> Batch:
    return batch_of(load_splits(DATA), seed=0, images=12)


@pytest.fixture
def small() -> Batch:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(5, 2, 4, 4, generator=generator, dtype=torch.float64)
    return Batch(images, torch.tensor([0, 1, 2, 1, 0]))


def small_network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True)]
        layers += [nn.Conv2d(3, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(3, 3)]
        return nn.Sequential(*layers).double()


def test_a_batch_is_of_distinct_normalised_train_images() -> None:
    splits = load_splits(DATA)
    chosen = batch_of(splits, seed=3, images=40)
    pixels = chosen.images * splits.std[0] + splits.mean[0]
    train = splits.train.images.float() / 255
    rows = [int((train - image).abs().amax((1, 2, 3)).argmin()) for image in pixels]
    assert len(set(rows)) == 40
    assert torch.allclose(pixels, train[rows], atol=1e-5)
    assert torch.equal(chosen.labels, splits.train.labels[rows])
    assert torch.equal(chosen.images, batch_of(splits, seed=3, images=40).images)
    assert not torch.equal(chosen.images, batch_of(splits, seed=4, images=40).images)
    assert len(batch_of(splits, seed=0, images=1000).labels) == 100


def test_naswot_counts_equal_units_image_by_image(small: Batch) -> None:
    conv, norm, _, second, *_ = model = small_network()
    x = conv(small.images)
    scale = (x.var((0, 2, 3), unbiased=False) + norm.eps).sqrt()
    first = (x - x.mean((0, 2, 3))[:, None, None]) / scale[:, None, None]
    codes = torch.cat([part.flatten(1) for part in (first, second(first.relu()))], dim=1) > 0
    assert naswot(model, small) == pytest.approx(_log_determinant(codes))


@every_kind
def test_naswot_of_every_primitive(kind: str, batch: Batch) -> None:
    model = build(architecture_of(kind), TASK, seed=0)
    codes: list[Tensor] = []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda _, inputs, out: codes.append(out.flatten(1) > 0))
    model.train()(batch.images)
    expected = _log_determinant(torch.cat(codes, dim=1))
    score = naswot(build(architecture_of(kind), TASK, seed=0), batch)
    assert isfinite(score)
    assert score == pytest.approx(expected)


def _log_determinant(codes: Tensor) -> float:
    """Return the log-determinant of the kernel of units minus Hamming distances, by loops."""
    count, units = codes.shape
    kernel = np.empty((count, count))
    for i in range(count):
        for j in range(count):
            kernel[i, j] = units - int((codes[i] != codes[j]).sum())
    return float(np.log(np.linalg.det(kernel)))


def test_naswot_where_there_is_nothing_to_tell_apart(small: Batch) -> None:
    with pytest.raises(
        ValueError, match="naswot compares the codes of ReLUs, and the model ran no"
    ):
        naswot(nn.Sequential(nn.Flatten(), nn.Linear(32, 3)).double(), small)
    twice = small._replace(images=small.images[[0, 0, 1, 2, 3]])
    assert naswot(small_network(), twice) == -inf


def test_jacob_cov_by_one_image_at_a_time(small: Batch) -> None:
    model = nn.Sequential(*(layer for layer in small_network() if not _is_norm(layer)))
    rows = []
    for image in small.images:
        pixels = image[None].clone().requires_grad_()
        model(pixels).sum().backward()
        assert pixels.grad is not None
        rows.append(pixels.grad.flatten().numpy())
    values = np.linalg.eigvalsh(np.corrcoef(np.array(rows)))
    expected = -sum(log(value + 1e-5) + 1 / (value + 1e-5) for value in values)
    assert jacob_cov(model, small) == pytest.approx(expected)
    nn.init.zeros_(model[-1].weight)
    assert jacob_cov(model, small) == -inf


def _is_norm(layer: nn.Module) -> bool:
    return isinstance(layer, nn.BatchNorm2d)


def test_grad_norm_by_differences(small: Batch) -> None:
    model = small_network()
    expected = 0.0
    for layer in (model[0], model[3], model[6]):
        weight = layer.weight.detach().view(-1)
        gradient = []
        for index in range(len(weight)):
            losses = []
            for step in (1e-6, -1e-6):
                weight[index] += step
                loss = nn.functional.cross_entropy(model(small.images), small.labels)
                losses.append(loss.item())
                weight[index] -= step
            gradient.append((losses[0] - losses[1]) / 2e-6)
        expected += float(np.linalg.norm(gradient))
    assert grad_norm(small_network(), small) == pytest.approx(expected, rel=1e-6)


def test_synflow_of_a_linear_network_in_closed_form(small: Batch) -> None:
    """Each of two layers passes on all of R = 1' |W2| |W1| 1."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(32, 4, bias=False), nn.Linear(4, 3, bias=False))
    first, second = (layer.weight.detach().double().abs().numpy() for layer in model[1:])
    assert synflow(model, small) == pytest.approx(log(2 * (second @ first).sum()))


@every_kind
def test_synflow_of_every_primitive(kind: str, batch: Batch) -> None:
    """As with query weights of zero, by differences of R = R(log |w|)."""
    model = build(architecture_of(kind), TASK, seed=0)
    score = synflow(model, batch)
    absolute = model.double().eval()
    with torch.no_grad():
        for parameter in absolute.parameters():
            parameter.abs_()
        for queries, channels in _query_layers(absolute):
            queries.weight[:channels] = 0
            if queries.bias is not None:
                queries.bias[:channels] = 0
    ones = torch.ones(1, *TASK.input_shape, dtype=torch.float64)
    total = 0.0
    with torch.no_grad():
        for layer in absolute.modules():
            if not isinstance(layer, nn.Conv2d | nn.Linear):
                continue
            kept = layer.weight.clone()
            ends = []
            for factor in (1 + 1e-5, 1 - 1e-5):  # all derivatives of a layer have one sign
                layer.weight.copy_(kept * factor)
                ends.append(float(absolute(ones).sum()))
            layer.weight.copy_(kept)
            total += (ends[0] - ends[1]) / 2e-5
    assert score == pytest.approx(log(total), rel=1e-6)


def _query_layers(model: nn.Module) -> list[tuple[nn.Conv2d, int]]:
    """Projections that make queries, which are their first channels, and how many."""
    projections = []
    for module in model.modules():
        if isinstance(module, AttentionStem2d):
            projections.append((module.query_key, module.query_key.out_channels // 2))
        elif isinstance(module, AugmentedConvolution2d):
            projections.append((module.qkv, module.key_depth))
        elif isinstance(module, LocalAttention2d):
            projections.append((module.qkv, module.qkv.out_channels // module.projections))
    return projections


@pytest.mark.parametrize("name", ["aa_resnet50_k025@0.25", "sasa_resnet26@0.25"])
def test_synflow_of_deep_attention_does_not_overflow(name: str) -> None:
    """With the logits as they are it does, or is the rounding of the softmax's gradient."""
    task = Task(input_shape=(3, 32, 32), classes=10)
    images = Batch(torch.zeros(2, *task.input_shape), torch.zeros(2, dtype=torch.int64))
    plain, other = (
        synflow(build(network(each), task, seed=0), images) for each in ("resnet50@0.25", name)
    )
    assert 0.3 * plain < other < 1.2 * plain


@every_kind
def test_scores_follow_from_the_seed_and_leave_everything_as_it_was(
    kind: str, batch: Batch
) -> None:
    architecture = architecture_of(kind)
    before = torch.get_rng_state()
    scores = zero_cost_scores(architecture, TASK, batch, SCORES, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert list(scores) == list(SCORES)
    assert all(isfinite(value) for value in scores.values())
    one_by_one = {
        name: zero_cost_scores(architecture, TASK, batch, [name], seed=0)[name]
        for name in reversed(SCORES)
    }
    assert one_by_one == scores
    other = zero_cost_scores(architecture, TASK, batch, SCORES, seed=1)
    assert all(other[name] != scores[name] for name in NETWORK_SCORES)
    costs = network_costs(architecture, TASK)
    assert (other["params"], other["macs"]) == (costs.params, costs.macs)

    model = build(architecture, TASK, seed=0)
    model.eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        assert {name: score(model, batch) for name, score in NETWORK_SCORES.items()} == {
            name: scores[name] for name in NETWORK_SCORES
        }
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not any(module.training for module in model.modules())
    assert not any(module._forward_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_scores_that_are_not_numbers_or_not_known_are_refused(batch: Batch) -> None:
    architecture = architecture_of("convolution")
    spoilt = batch._replace(images=batch.images * torch.nan)
    with pytest.raises(ValueError, match=f"grad_norm of {architecture.arch_id} .* is not a number"):
        zero_cost_scores(architecture, TASK, spoilt, ["grad_norm"], seed=0)
    with pytest.raises(ValueError, match="no score is called 'snip'; known: synflow, naswot"):
        zero_cost_scores(architecture, TASK, batch, ["snip"], seed=0)
    with pytest.raises(ValueError, match="each score may be named once, got naswot, naswot"):
        zero_cost_scores(architecture, TASK, batch, ["naswot", "naswot"], seed=0)


def test_a_source_scores_what_the_proxy_trains(config_of: Callable[..., SearchConfig]) -> None:
    config = config_of(fidelity={"resolution": 4, "width": 0.5})
    scores = NetworkScores(config.data, config.fidelity, seed=3)(["params", "synflow"])
    architecture = list(space_of(config).architectures())[5]
    narrow = config.fidelity.network(architecture)
    small_task = TASK.replace(input_shape=(1, 4, 4))
    images = Batch(torch.zeros(1, 1, 4, 4), torch.zeros(1, dtype=torch.int64))
    expected = zero_cost_scores(narrow, small_task, images, scores.names, seed=3)
    assert scores.of(architecture) == expected


class Known:
    """Figures from a table, which notes what was asked."""

    names = ("hint",)

    def __init__(self, figures: Mapping[Any, float]) -> None:
        self.figures, self.asked = figures, list[Any]()

    def of(self, architecture: Any) -> dict[str, float]:
        self.asked.append(architecture)
        return {"hint": self.figures[architecture]}


def test_scores_count_by_rank() -> None:
    values = [3.0, -inf, 1e30, 7.0, inf]
    space = ProductSpace("five", {"x": [0, 1, 2, 3, 4]})
    columns = ScoreColumns(space, Known({(i,): value for i, value in enumerate(values)}))
    vectors = np.arange(5)[:, None]
    encoder = ScoredEncoder(space.parameters, NoCosts().columns(vectors), columns, vectors[:4])
    column = encoder(vectors, NoCosts().columns(vectors)).costs[:, 0]
    assert np.argsort(column).tolist() == [1, 0, 3, 2, 4]
    assert np.isfinite(column).all()
    assert column[:4].mean() == pytest.approx(0)
    with pytest.raises(ValueError, match="not a number"):
        ScoreColumns(space, Known({(0,): float("nan")}))(vectors[:1])


def test_a_score_that_tells_is_used(
    small_space: SearchSpace, accuracy: Callable[..., float]
) -> None:
    """The accuracy is a hash, of which choices tell nothing; the hint is its cube."""
    worths = {a: accuracy(a) for a in small_space.architectures()}
    hints = Known({a: (worth - 0.7) ** 3 for a, worth in worths.items()})
    ranks = {a: rank for rank, a in enumerate(sorted(worths, key=lambda a: -worths[a]))}

    def found(**options: Any) -> list[int]:
        sampler = BayesianOptimizationSampler(small_space, seed=0, **options)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        proposed = []
        for _ in range(40):
            trial = study.ask()
            architecture = small_space.decode(
                small_space.walk(
                    lambda p, t=trial: p.choices.index(t.suggest_categorical(p.name, p.choices))
                )
            )
            study.tell(trial, worths[architecture])
            proposed.append(ranks[architecture])
        return proposed

    with_hints, without = found(scores=hints), found()
    assert with_hints[:8] == without[:8]  # the random beginning
    assert np.median(with_hints[8:]) < 0.5 * np.median(without[8:])
    assert len(hints.asked) == len(set(hints.asked)) <= RANKED_AMONG + 8 + 32 * RESCORED
    assert found(scores=hints) == with_hints


def test_the_option_names_scores_of_a_source(small_space: SearchSpace) -> None:
    source = NetworkScores(DATA, seed=0)

    def make(names: Any, **settings: Any) -> Any:
        return build_sampler("default", {"scores": names}, small_space, **settings)(0)

    assert make(["synflow", "naswot"], score_source=source).scores.names == ("synflow", "naswot")
    assert make([]).scores is None
    for names, settings, said in (
        ("synflow", {"score_source": source}, "scores: must be a list of names, such as"),
        (["synflw"], {"score_source": source}, "scores: no score is called 'synflw'"),
        (["synflow"], {}, "scores: this search has no scores of candidates"),
    ):
        with pytest.raises(ConfigError, match=said):
            make(names, **settings)


def test_a_search_with_scores_resumes_to_the_same_proposals(
    config_of: Callable[..., SearchConfig],
    in_memory: Callable[[SearchConfig], Ledger],
    propose_from: Callable[..., HandDriven],
    finish: Callable[..., None],
    tiny_description: dict[str, Any],
) -> None:
    options = {"initial_trials": 2, "scores": ["synflow", "params"]}
    config = config_of(sampler={"name": "default", "options": options}, space=tiny_description)

    def proposed(restarts: bool) -> list[str]:
        ledger = in_memory(config)
        proposals = propose_from(config, ledger)
        for _ in range(5):
            finish(proposals, proposals.propose())
            proposals = propose_from(config, ledger) if restarts else proposals
        return [row.arch_id for row in ledger.evaluations("search")]

    straight = proposed(restarts=False)
    assert len(set(straight)) == 5
    assert proposed(restarts=True) == straight


def test_columns_of_any_table_are_scores(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    worths = rng.random(60)
    lines = [f"{i % 6},{i // 6},{w},{rng.random()},{w + 1}" for i, w in enumerate(worths)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a,b,acc,cost,hint", *lines]))
    table = read_csv_table(path, choices=["a", "b"], maximise="acc", minimise="cost")
    ends = {}
    for text in ("default:initial_trials=8", "default:initial_trials=8:scores=[hint]"):
        make = sampler_of(parse_spec(text), table, seed=0)
        ended = replay(table, make, budget=20, workers=1).ended
        ends[text] = np.mean([worths[e.row] for e in ended[8:]])
    plain, with_hint = ends.values()
    assert with_hint > plain
    columns = ["--choices", "a,b", "--maximize", "acc", "--minimize", "cost"]
    strategies = ["--samplers", "random,default:scores=[hint,hunt]"]  # the comma splits no list
    refused = CliRunner().invoke(app, ["benchmark", "--csv", str(path), *columns, *strategies])
    assert "t.csv: there is no column 'hunt'; did you mean 'hint'?" in str(refused.exception)


def test_a_table_of_nas_tabulate_is_scored_on_its_data(tmp_path: Path) -> None:
    space = {
        "name": "two",
        "stem": [CONV_STEM],
        "stages": [{"depth": 1, "width": 8, "primitive": [CONV, LOCAL]}],
    }
    lines = [
        f"# space description: {json.dumps(space)}",
        f"# data: {DATA.model_dump_json(exclude_none=True)}",
        "stage1.type,arch_id,params,macs,activations,val_accuracy_seed0,train_seconds_seed0",
        "conv,aaaa,10,100,5,0.5,2",
        "local_attention,bbbb,20,90,6,0.8,6",
    ]
    path = tmp_path / "own.csv"
    path.write_text("\n".join(lines))
    table = read_tabulated(path)
    batch = batch_of(load_splits(DATA), seed=0)
    assert table.scores is not None
    for architecture in table.rows:
        expected = zero_cost_scores(architecture, TASK, batch, ["grad_norm"], seed=0)
        assert table.scores(["grad_norm"]).of(architecture) == expected
    path.write_text("\n".join([lines[0], *lines[2:]]))
    assert read_tabulated(path).scores is None


def test_rankings_have_intervals() -> None:
    rng = np.random.default_rng(0)
    worth = rng.random(40)
    scores = {
        "same": [-inf if w == worth.min() else w**3 for w in worth],
        "opposite": list(-worth),
        "noisy": list(worth + 0.2 * rng.standard_normal(40)),
        "constant": [1.0] * 40,
    }
    same, opposite, noisy, constant = score_rankings(
        scores, worth.tolist(), {"noisy": 2.0}, resamples=100
    )
    assert same.correlation.kendall_tau == pytest.approx(1)
    assert same.spearman_bounds == pytest.approx((1, 1))
    assert opposite.correlation.spearman_rho == pytest.approx(-1)
    assert constant.correlation.spearman_rho is constant.kendall_bounds is None
    low, high = noisy.spearman_bounds or (0, 0)
    assert low < (noisy.correlation.spearman_rho or 0) < high < 1
    assert high - low == pytest.approx(4 * (1 - 0.85**2) / 40**0.5, rel=0.6)
    assert (noisy.score_ms, same.score_ms) == (2.0, None)


def test_correlations_of_samples_with_repetitions() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(6, size=(2, 15)).astype(float)
    counts = rng.multinomial(15, [1 / 15] * 15, size=5)
    taus, rhos = weighted_correlations(first, second, counts)
    for tau, rho, count in zip(taus, rhos, counts, strict=True):
        expected = rank_correlation(first.repeat(count), second.repeat(count))
        assert (tau, rho) == pytest.approx((expected.kendall_tau, expected.spearman_rho))


def test_the_command_ranks_a_runs_trials(
    runs: Path,
    config_of: Callable[..., SearchConfig],
    start: Callable[[SearchConfig], tuple[RunFolder, Ledger]],
    propose_from: Callable[..., HandDriven],
    finish: Callable[..., None],
    trained: Callable[..., EvaluationResult],
) -> None:
    config = config_of()
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    command = ["zero-cost", run.name, "--runs", str(runs)]
    refused = CliRunner().invoke(app, command)
    assert "0 architectures of 'first' were trained to the end" in str(refused.exception)
    for _ in range(6):
        finish(proposals, proposals.propose())

    done = CliRunner().invoke(app, [*command, "--scores", "naswot,params", "--json"])
    printed = json.loads(done.stdout)
    assert (printed["n"], printed["training_ms"]) == (6, 1500)
    rows = [row.architecture for row in ledger.evaluations("search")]
    expected = score_rankings(
        {
            "naswot": [
                NetworkScores(config.data, seed=3).of(a, ["naswot"])["naswot"] for a in rows
            ],
            "params": [network_costs(a, TASK).params for a in rows],
        },
        [trained(a, 3).metrics["val_accuracy"] for a in rows],
        {},
        seed=3,
    )
    assert printed["scores"][0]["score_ms"] > 0
    for row, ranking in zip(printed["scores"], expected, strict=True):
        assert row | {"score_ms": None} == ranking.to_json()

    shown = CliRunner().invoke(app, [*command, "--scores", "synflow"])
    assert "synflow" in shown.stdout
    assert "a training takes 1,500 ms on average" in shown.stdout
    wrong = CliRunner().invoke(app, [*command, "--scores", "snip"])
    assert "--scores: no score is called 'snip'" in str(wrong.exception)


@pytest.mark.slow
def test_the_benchmark_runs_as_its_head_says(tmp_path: Path) -> None:
    root, file = Path(__file__).parents[3], tmp_path / "figures.json"
    command = [sys.executable, "benchmarks/zero_cost.py", "--quick", "--json", str(file)]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text())
    assert [row["score"] for row in figures["scores"]] == list(SCORES)
    assert all(row["score"] in done.stdout for row in figures["scores"])
    assert {row["n"] for row in figures["search"]} == {2}
    assert all(row["mean"] >= 0 for row in figures["search"])
