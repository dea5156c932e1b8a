"""A search's configuration: reading, overriding, and saying all that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from nas.config.files import differences, load_config, load_saved_config, save_config
from nas.config.search_config import SearchConfig
from nas.config.sections import RaySettings
from nas.samplers import SAMPLERS, build_sampler
from nas.search.problem import space_of
from search_space.architecture import Task
from search_space.space import SearchSpace
from search_space.yaml_validation import ConfigError
from tests.hand_driven import check_search

CONFIGS = Path(__file__).parents[3] / "configs"


@pytest.fixture
def written(tmp_path: Path, small_description: dict[str, Any]) -> Callable[..., Path]:
    """Writes a search's file, with its space and recipes beside it, and gives its path."""

    def write(**changes: Any) -> Path:
        recipe = {"epochs": 2, "batch_size": 16, "learning_rate": 0.1, "label_smoothing": 0.25}
        for name, content in (
            ("spaces/small.yaml", small_description),
            ("recipes/proxy.yaml", recipe),
            ("recipes/full.yaml", recipe | {"epochs": 4}),
        ):
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(yaml.safe_dump(content))
        data = {
            "name": "first",
            "space": "../spaces/small.yaml",
            "data": {"name": "digits"},
            "proxy": "../recipes/proxy.yaml",
            "retrain": "../recipes/full.yaml",
        } | changes
        file = tmp_path / "searches" / "search.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.safe_dump({k: v for k, v in data.items() if v is not None}))
        return file

    return write


def problems_of(file: Path, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(file, overrides)
    return caught.value.problems


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("searches/*.yaml")), ids=lambda f: f.stem)
def test_every_shipped_search_is_whole(file: Path) -> None:
    config = load_config(file)
    assert space_of(config).size > 1
    build_sampler(config.sampler.name, config.sampler.options, space_of(config))


def test_files_are_found_beside_the_file_that_names_them(
    written: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for folder in (tmp_path, elsewhere):
        monkeypatch.chdir(folder)
        config = load_config(file)
        assert space_of(config).name == "small"
        assert (config.proxy.epochs, config.retrain.epochs) == (2, 4)


def test_a_file_in_an_override_is_found_from_the_working_folder(
    written: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fast.yaml").write_text("{epochs: 1, batch_size: 4, learning_rate: 0.5}")
    config = load_config(file, ["proxy=fast.yaml"])
    assert (config.proxy.epochs, config.proxy.batch_size) == (1, 4)
    # the other file's label_smoothing of 0.25 is gone with it
    assert config.proxy.label_smoothing == 0
    assert config.retrain.label_smoothing == 0.25


def test_an_override_repairs_a_file_that_is_missing(
    written: Callable[..., Path], tmp_path: Path
) -> None:
    file = written(space="../spaces/none.yaml")
    given = tmp_path / "spaces" / "small.yaml"
    assert space_of(load_config(file, [f"space={given}"])).name == "small"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml:\n  no such file"):
        load_config(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "search.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"search\.yaml:\n  .*a mapping is needed"):
        load_config(file)


def test_what_is_no_yaml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "search.yaml"
    file.write_text("name: [first\n")
    with pytest.raises(ConfigError, match=r"search\.yaml:\n  not YAML: .*line 2"):
        load_config(file)


def test_yaml_makes_no_objects(tmp_path: Path) -> None:
    marker = tmp_path / "made"
    file = tmp_path / "search.yaml"
    file.write_text(f"name: !!python/object/apply:pathlib.Path.touch [{marker}]\n")
    with pytest.raises(ConfigError, match=r"line 1, column 7: the tag .*apply.* is not read"):
        load_config(file)
    assert not marker.exists()


@pytest.mark.parametrize("section", ["space", "proxy", "retrain"])
def test_a_missing_file_of_a_section_is_named(
    written: Callable[..., Path], tmp_path: Path, section: str
) -> None:
    (problem,) = problems_of(written(**{section: "../none.yaml"}))
    missing = tmp_path / "searches" / ".." / "none.yaml"
    assert problem == f"{section}: {missing}: no such file"


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("nmae=x", "nmae: unknown key; did you mean 'name'?"),
        ("search.n_trails=3", "search.n_trails: unknown key; did you mean 'n_trials'?"),
        ("limits.parms=3", "limits.parms: unknown key; did you mean 'params'?"),
        ("latency.treads=3", "latency.treads: unknown key; did you mean 'threads'?"),
        ("proxy.epoch=3", "proxy.epoch: unknown key; did you mean 'epochs'?"),
        ("retrain.augmentation.noise=1", "retrain.augmentation.noise: unknown key; did you mean"),
        ("data.train_image=9", "data.train_image: unknown key; did you mean 'train_images'?"),
        ("sampler.option.a=1", "sampler.option: unknown key; did you mean 'options'?"),
        ("space.stems=[]", "space.stems: unknown key; did you mean 'stem'?"),
        ("ray.zzz=1", "ray.zzz: unknown key; known: address"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(
    written: Callable[..., Path], override: str, problem: str
) -> None:
    (message,) = problems_of(written(), override)
    assert message.startswith(problem)


@pytest.mark.parametrize(
    ("override", "key", "name"),
    [
        ("objectives=[val_acuracy,params]", "objectives[0]", "val_accuracy"),
        ("data.name=cifar-100", "data.name", "cifar100"),
        ("metric=balanced", "metric", "balanced_accuracy"),
        ("scheduler.name=ASHA", "scheduler.name", "asha"),
        ("scheduler.spacing=evn", "scheduler.spacing", "even"),
        ("space.family=wide-resnet", "space.family", "wide_resnet"),
        ("proxy.precision=bf16", "proxy.precision", "bfloat16"),
    ],
)
def test_an_unknown_choice_is_named_with_the_nearest(
    written: Callable[..., Path], override: str, key: str, name: str
) -> None:
    (problem,) = problems_of(written(), override)
    assert problem.startswith(f"{key}: input should be ")
    assert problem.endswith(f"; did you mean {name!r}?")


@pytest.mark.parametrize(
    ("override", "path", "got"),
    [
        ("seed=-1", "seed", "got -1"),
        ("seed=1.5", "seed", "got 1.5"),
        (f"seed={2**63}", "seed", f"got {2**63}"),
        ("name=5", "name", "got 5"),
        ("search.n_trials=0", "search.n_trials", "got 0"),
        ("search.n_trials=many", "search.n_trials", "got 'many'"),
        ("search.deterministic=1", "search.deterministic", "got 1"),
        ("search.max_hours=0", "search.max_hours", "got 0"),
        ("search.max_device_hours=.inf", "search.max_device_hours", "got inf"),
        ("search.stop_below=-1", "search.stop_below", "got -1"),
        ("search.concurrency=0", "search.concurrency", "got 0"),
        ("search.finalist_seeds=0", "search.finalist_seeds", "got 0"),
        ("limits.params=lots", "limits.params", "got 'lots'"),
        ("limits.macs=-4M", "limits.macs", "got '-4M'"),
        ("limits=40M", "limits", "got '40M'"),
        ("objectives=[]", "objectives", "got []"),
        ("objectives=params", "objectives", "got 'params'"),
        ("objectives=[val_accuracy,flops]", "objectives[1]", "got 'flops'"),
        ("metric=top3", "metric", "got 'top3'"),
        ("resources.cpus_per_trial=0", "resources.cpus_per_trial", "got 0"),
        ("sampler.learn_from=[a,a]", "sampler.learn_from", "got ['a', 'a']"),
        ("resources.cpus_per_trial=.inf", "resources.cpus_per_trial", "got inf"),
        ("resources.gpus_per_trial=.nan", "resources.gpus_per_trial", "got nan"),
        ("data.validation_images=0", "data", "got 0"),
        ("latency.device=gpu", "latency.device", "got 'gpu'"),
        ("latency.repeats=2", "latency.repeats", "got 2"),
        ("latency.dtype=int8", "latency.dtype", "got 'int8'"),
        ("proxy.learning_rate=0", "proxy.learning_rate", "got 0"),
        ("proxy.epochs=2.5", "proxy.epochs", "got 2.5"),
        ("data.name=mnist", "data.name", "got 'mnist'"),
        ("retrain_seeds=0", "retrain_seeds", "got 0"),
    ],
)
def test_a_wrong_value_is_shown_with_the_path_of_its_key(
    written: Callable[..., Path], override: str, path: str, got: str
) -> None:
    (problem,) = problems_of(written(), override)
    assert problem.startswith(f"{path}: ")
    assert got in problem


@pytest.mark.parametrize("family", [["resnet"], {"resnet": 1}, 5, "resnets", None])
def test_a_family_that_is_no_name_is_one_error(written: Callable[..., Path], family: Any) -> None:
    recipe = {"epochs": 2, "batch_size": 16, "learning_rate": 0.1, "zero_init_residual": True}
    space = {"name": "odd", "family": family, "stem": {"type": "conv"}, "stages": []}
    family_problem, stages_problem = problems_of(written(space=space, proxy=recipe))
    assert family_problem.startswith("space.family: input should be 'resnet', 'wide_resnet' or")
    assert f"got {family!r}" in family_problem
    assert stages_problem.startswith("space.stages: ")


def test_missing_sections_are_named(written: Callable[..., Path]) -> None:
    assert problems_of(written(data=None, proxy=None, name=None)) == [
        "name: missing, but needed",
        "data: missing, but needed",
        "proxy: missing, but needed",
    ]


def test_all_problems_come_in_one_error(
    written: Callable[..., Path], tmp_path: Path, small_description: dict[str, Any]
) -> None:
    stages = [small_description["stages"][0] | {"primitive": [{"type": "cnv"}]}]
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(small_description | {"stages": stages}))
    file = written(
        space="../wrong.yaml",
        retrain="../none.yaml",
        search={"n_trails": 3, "max_failures": 0},
        objectives=["val_acuracy"],
    )
    with pytest.raises(ConfigError) as caught:
        load_config(file, ["limits.params=much", "proxy.epochs=0"])
    keys = {problem.partition(": ")[0] for problem in caught.value.problems}
    assert keys == {
        "retrain",
        "search.n_trails",
        "search.max_failures",
        "objectives[0]",
        "limits.params",
        "proxy.epochs",
        "space.stages[0].primitive[0].type",
    }
    assert len(caught.value.problems) == len(keys)
    assert str(caught.value) == "\n  ".join([f"{file}:", *caught.value.problems])


def test_a_space_that_cannot_be_built_is_refused(written: Callable[..., Path]) -> None:
    assert problems_of(written(), "space.expansion=2") == [
        "space.expansion: a basic block's must be 1, got 2"
    ]


def test_an_override_restricts_the_space_to_one_kind_of_operator(
    written: Callable[..., Path],
) -> None:
    digits = CONFIGS / "searches" / "digits.yaml"
    config = load_config(digits, ["space.only=conv"])
    assert space_of(config).size == 180
    assert load_config(digits).space == {k: v for k, v in config.space.items() if k != "only"}
    mobile = written(space=str(CONFIGS / "spaces" / "mnasnet_imagenet.yaml"))
    (problem,) = problems_of(mobile, "space.only=attention")
    assert problem.startswith("space.only: attention keeps stand-alone attention alone, which ")


def test_overrides_reach_every_depth(written: Callable[..., Path]) -> None:
    overrides = [
        "seed=11",
        "search.n_trials=5",
        "search.deterministic=false",
        "objectives=[val_accuracy,macs]",
        "limits.macs=1.5M",
        "sampler.options.initial_trials=7",
        "proxy.augmentation.noise_std=0.5",
        "search.concurrency=null",
        "storage=postgresql+psycopg://someone:a=b@host/name",
    ]
    config = load_config(
        written(search={"finalist_seeds": 2, "concurrency": 4, "deterministic": True}), overrides
    )
    assert config.seed == 11
    assert (config.search.n_trials, config.search.deterministic) == (5, False)
    assert config.search.finalist_seeds == 2  # the file's, beside what was overridden
    assert config.search.concurrency is None
    assert config.objectives == ("val_accuracy", "macs")
    assert config.limits.macs == 1.5e6
    assert config.sampler.options == {"initial_trials": 7}
    assert config.proxy.augmentation.noise_std == 0.5
    assert config.proxy.label_smoothing == 0.25
    assert config.storage == "postgresql+psycopg://someone:a=b@host/name"


@pytest.mark.parametrize(
    ("overrides", "options"),
    [
        (["sampler.name=random"], {}),
        (["sampler={name: random}"], {}),
        (["sampler.name=nsga2", "sampler.options.population_size=9"], {"population_size": 9}),
        (["sampler.name=default"], {"initial_trials": 5}),
        (["sampler.options.scores=[]"], {"initial_trials": 5, "scores": []}),
    ],
)
def test_another_sampler_does_not_get_the_options_of_the_one_in_the_file(
    written: Callable[..., Path], overrides: list[str], options: dict[str, Any]
) -> None:
    options_of_one = {"options": {"initial_trials": 5}}
    for sampler in (options_of_one, options_of_one | {"name": "default"}):
        assert load_config(written(sampler=sampler), overrides).sampler.options == options


@pytest.mark.parametrize("override", ["seed", "=3", ".seed=3", "search..n_trials=3", "--seed"])
def test_a_malformed_override_is_shown(written: Callable[..., Path], override: str) -> None:
    with pytest.raises(ConfigError, match=r"^command line:") as caught:
        load_config(written(), [override])
    assert caught.value.problems == [f"an override is section.key=value, got {override!r}"]


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("objectives=[val_accuracy", "objectives: not YAML: line 1, column 14: expected"),
        ("name=${seed", "seed"),
        ("objectives.first=params", "a list and a mapping do not merge, got objectives.first"),
        ("search=[1]", "a list and a mapping do not merge, got search="),
    ],
)
def test_an_override_that_cannot_be_read_is_a_message(
    written: Callable[..., Path], override: str, reason: str
) -> None:
    with pytest.raises(ConfigError, match=r"^command line:") as caught:
        load_config(written(search={"n_trials": 3}, objectives=["params"]), [override])
    assert reason in str(caught.value)


def test_a_saved_configuration_is_read_back_equal(
    config_of: Callable[..., SearchConfig], tmp_path: Path
) -> None:
    for changes in (
        {},
        {
            "name": "1e3",  # YAML must not take it for a number
            "limits": {"params": "40M", "macs": 3, "latency_ms": 0.25},
            "objectives": ["params"],
            "sampler": {"name": "tpe", "options": {"gamma": None, "text": "on: [x", "list": [1]}},
            "search": {"deterministic": False, "concurrency": 3},
            "ray": {"address": "host:6379"},
            "storage": "postgresql+psycopg://someone:p%40ss@host/name?sslmode=require",
            "latency": {"dtype": "bfloat16", "candidates_per_batch": 2},
            "seed": 2**40,
        },
    ):
        config = config_of(**changes)
        save_config(config, tmp_path / "config.yaml")
        assert load_saved_config(tmp_path / "config.yaml", trusted=False) == config.saved
        assert load_config(tmp_path / "config.yaml") == config.saved


def test_the_shipped_search_is_saved_and_read_back(tmp_path: Path) -> None:
    config = load_config(CONFIGS / "searches" / "digits.yaml")
    save_config(config, tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml") == config
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_a_full_disk_leaves_the_saved_configuration_whole(
    config_of: Callable[..., SearchConfig],
    tmp_path: Path,
    full_disk: Callable[[int], AbstractContextManager[None]],
) -> None:
    file = tmp_path / "config.yaml"
    save_config(config_of(), file)
    before = file.read_text()
    with pytest.raises(OSError, match="File too large"), full_disk(64):
        save_config(config_of(seed=4), file)
    assert file.read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize("name", ["a", "7", "first", "A.b-c_2", "x" * 80])
def test_a_usable_run_name_is_taken(config_of: Callable[..., SearchConfig], name: str) -> None:
    assert config_of(name=name).name == name


@pytest.mark.parametrize(
    "name", ["", "latest", "..", ".hidden", "-x", "a/b", "a b", "a\n", "ä", "x" * 81, "../up"]
)
def test_a_run_name_that_is_no_folder_is_refused(
    config_of: Callable[..., SearchConfig], name: str
) -> None:
    with pytest.raises(ConfigError, match="a run's name is up to 80 letters") as caught:
        config_of(name=name)
    assert caught.value.problems[0].startswith("name: ")
    assert caught.value.problems[0].endswith(f"got {name!r}")


def test_repeated_objectives_are_refused(config_of: Callable[..., SearchConfig]) -> None:
    with pytest.raises(ConfigError, match=r"objectives repeats one, got \['params', 'params"):
        config_of(objectives=["params", "params"])


@pytest.mark.parametrize(
    "changes",
    [{"objectives": ["val_accuracy", "latency_ms"]}, {"limits": {"latency_ms": 5}}],
    ids=["objective", "limit"],
)
def test_what_is_measured_is_not_deterministic(
    config_of: Callable[..., SearchConfig], changes: dict[str, Any]
) -> None:
    assert config_of(**changes).uses_latency
    assert not config_of().uses_latency
    with pytest.raises(ConfigError, match=r"search\.deterministic cannot hold with a measured"):
        config_of(search={"deterministic": True}, **changes)


@pytest.mark.parametrize(
    "override",
    [
        "limits.latency_ms=5",
        "objectives=[val_accuracy,latency_ms]",
        "scheduler.name=asha",
        "search.concurrency=null",
    ],
)
def test_what_a_deterministic_search_excludes_says_what_to_add(override: str) -> None:
    file = CONFIGS / "searches" / "digits.yaml"
    (problem,) = problems_of(file, override)
    assert problem.endswith("search.deterministic=false")
    addition = problem.split()[-1]
    assert not load_config(file, [override, addition]).search.deterministic


@pytest.mark.parametrize("key", ["max_hours", "max_device_hours", "stop_below"])
def test_how_far_a_deterministic_search_trains_does_not_follow_from_its_speed(
    config_of: Callable[..., SearchConfig], key: str
) -> None:
    search = {"deterministic": True, "concurrency": 1, key: 2}
    sampler = {"name": "default"}
    config_of(search=search, sampler=sampler)
    proxy = {"epochs": 9, "batch_size": 16, "learning_rate": 0.1}
    asha = {"name": "asha", "type": "promotion"}
    with pytest.raises(ConfigError) as caught:
        config_of(search=search, sampler=sampler, scheduler=asha, proxy=proxy)
    assert f"cannot hold with search.{key} and scheduler.type=promotion" in str(caught.value)


def test_a_search_that_ends_when_it_no_longer_pays_needs_to_know_what_pays(
    config_of: Callable[..., SearchConfig],
) -> None:
    stop = {"stop_below": 0.01}
    assert config_of(search=stop, sampler={"name": "default"}).search.stop_below == 0.01
    for name in ("random", "grid", "pareto_local_search", "aging_evolution", "nsga2", "tpe"):
        with pytest.raises(ConfigError) as caught:
            config_of(search=stop, sampler={"name": name})
        (problem,) = caught.value.problems
        assert problem.endswith(f"sampler.name must be default, got {name!r}")
    with pytest.raises(ConfigError, match=r"search\.stop_below cannot hold with scheduler\.type"):
        config_of(
            search=stop,
            sampler={"name": "default"},
            scheduler={"name": "asha", "type": "rung_by_rung"},
            proxy={"epochs": 9, "batch_size": 16, "learning_rate": 0.1},
        )


def test_differences_have_both_values(config_of: Callable[..., SearchConfig]) -> None:
    before = config_of(limits={"params": "3k"})
    now = config_of(
        seed=4,
        search={"n_trials": 9, "finalist_seeds": 2},
        sampler={"name": "random"},
        objectives=["val_accuracy"],
    )
    assert differences(before, now) == {
        "limits.params": (3000.0, None),
        "objectives": (["val_accuracy", "params"], ["val_accuracy"]),
        "sampler.name": ("pareto_local_search", "random"),
        "sampler.options": (None, {}),
        "sampler.options.initial_trials": (3, None),
        "search.n_trials": (6, 9),
        "seed": (3, 4),
    }
    assert differences(before, before) == {}
    backwards = differences(now, before)
    assert backwards == {key: (new, old) for key, (old, new) in differences(before, now).items()}


@pytest.fixture
def sampler_named(small_space: SearchSpace) -> Callable[..., Any]:
    def build(name: str, **options: Any) -> Any:
        return build_sampler(name, options, small_space)

    return build


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("pareto_local_serch", "did you mean 'pareto_local_search'?"),
        ("nsga3", "did you mean 'nsga2'?"),
        ("zzz", f"known: {', '.join(SAMPLERS)}"),
    ],
)
def test_an_unknown_sampler_is_named_with_the_nearest(
    sampler_named: Callable[..., Any], name: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        sampler_named(name)
    assert caught.value.problems == [f"sampler.name: no sampler is called {name!r}; {hint}"]


@pytest.mark.parametrize(
    ("name", "option", "hint"),
    [
        ("pareto_local_search", "initial_trails", "did you mean 'initial_trials'?"),
        ("pareto_local_search", "seed", "known: initial_trials"),
        ("random", "initial_trials", "known: uniform_over"),
        ("grid", "initial_trials", "known: none"),
        ("nsga2", "populaton_size", "did you mean 'population_size'?"),
        ("tpe", "n_startup_trails", "did you mean 'n_startup_trials'?"),
    ],
)
def test_an_unknown_option_is_named_with_the_nearest(
    sampler_named: Callable[..., Any], name: str, option: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        sampler_named(name, **{option: 3})
    assert caught.value.problems == [
        f"sampler.options.{option}: {name!r} has no such option; {hint}"
    ]


def test_all_unknown_options_are_named(sampler_named: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        sampler_named("nsga2", first=1, second=2, population_size=4)
    assert [p.partition(":")[0] for p in caught.value.problems] == [
        "sampler.options.first",
        "sampler.options.second",
    ]


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("pareto_local_search", {"initial_trials": 0}, "initial_trials must be at least 1, got 0"),
        ("pareto_local_search", {"initial_trials": "many"}, "must be of type int, got 'many'"),
        ("nsga2", {"population_size": 1}, "population_size"),
    ],
)
def test_a_value_that_a_sampler_refuses_is_a_message(
    sampler_named: Callable[..., Any], name: str, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigError, match=r"sampler\.options") as caught:
        sampler_named(name, **options)
    assert reason in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what the test lacks")
def test_a_missing_device_is_seen_before_anything_is_started(
    config_of: Callable[..., SearchConfig], task: Task
) -> None:
    config = config_of(limits={"latency_ms": 5}, latency={"device": "cuda"})
    with pytest.raises(ConfigError, match=r"latency:\n  device 'cuda' is not here"):
        check_search(config, task)
    check_search(config.replace(ray=RaySettings(address="auto")), task)
    check_search(config_of(latency={"device": "cuda"}), task)


def test_a_wrong_sampler_is_seen_before_anything_is_started(
    config_of: Callable[..., SearchConfig], task: Task
) -> None:
    check_search(config_of(), task)
    with pytest.raises(ConfigError, match=r"sampler\.name: .* did you mean 'random'"):
        check_search(config_of(sampler={"name": "randm"}), task)
