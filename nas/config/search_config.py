"""The configuration of a search."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from nas.config.latency import LatencyMetering
from nas.config.networks_url import check_networks_url
from nas.config.sections import (
    ACCURACIES,
    DataWithValidation,
    Objectives,
    RaySettings,
    ResourceSettings,
    SamplerSettings,
    SchedulerSettings,
    SearchSettings,
)
from nas.config.storage_url import check_storage_url, without_password
from nas.config.tracking import check_trackers
from nas.costs.limits import Limits
from nas.evaluation.accuracy_metric import AccuracyMetric, TrainOn, task_problem
from nas.evaluation.fidelity import FULL, Fidelity
from nas.metrics import METRICS
from nas.samplers.names import EXPECT_GROWTH, NEED_NO_FINISHED
from nas.schedulers.rungs import rungs_below
from search_space.digest import short_sha256
from search_space.families import FAMILIES, check_zero_init
from search_space.values import Value
from trainers import EarlierRecipe, Recipe, SavedRecipe

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
LATEST = "latest"


class SearchConfig(Value):
    """Everything that decides a search."""

    name: str
    """Name of the run and of its folder. Another one is needed for each run."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of the proposals, of initial weights and of training. The split of the data does not
    depend on it."""
    space: dict[str, Any]
    """The search space, or the path of its file (relative to the file that names it)."""
    modules: str | None = None
    """Folder of the Python modules of types of your own, such as `separable:Separable`. Relative to
    the file, or to the working folder in an override; null is the folder of the file."""
    data: DataWithValidation
    """The data set and its split."""
    objectives: Objectives = ("val_accuracy", "params")
    """Objectives of the front, each once: accuracies are maximised, costs are minimised. `val_map`,
    of detectors, is `val_accuracy` with `metric: average_precision`."""
    metric: AccuracyMetric = "accuracy"
    """The accuracy that `val_accuracy` is; of detectors `average_precision` (COCO's mAP) or
    `ap50`."""
    limits: Limits = Limits()
    """Hard upper limits. What exceeds one is not trained."""
    sampler: SamplerSettings = SamplerSettings()
    """The strategy that proposes architectures."""
    search: SearchSettings = SearchSettings()
    """Length of the search, and evaluations of the finalists."""
    scheduler: SchedulerSettings = SchedulerSettings()
    """Whether trials are stopped early."""
    proxy: SavedRecipe
    """The recipe that trains candidates during the search, or the path of its file."""
    fidelity: Fidelity = FULL
    """Makes the proxy smaller than the full task."""
    retrain: SavedRecipe
    """The recipe of the full training of chosen architectures, or the path of its file."""
    retrain_seeds: int = Field(default=1, ge=1)
    """Full trainings of each architecture that is retrained. Unit: trainings."""
    retrain_data: TrainOn = "train"
    """Images of the full training. With `train+validation` it has no validation accuracy, and is
    judged on the test images alone."""
    resources: ResourceSettings = ResourceSettings()
    """CPUs and GPUs of one trial."""
    ray: RaySettings = RaySettings()
    """The machines that trials run on."""
    latency: LatencyMetering = LatencyMetering()
    """Measuring of latency, where it is an objective or limited."""
    storage: Annotated[str | None, BeforeValidator(check_storage_url)] = None
    """URL of the database that holds the ledger, such as `postgresql+psycopg://user@host/name`;
    null keeps it in `ledger.db` in the folder of the run."""
    ledger_folder: str | None = None
    """A folder on the driver's own disk, in which a command keeps the SQLite ledger while it writes
    to it; the folder of the run, which may be on a network file system, gets a copy every minute
    and at the end. Null writes to the ledger in the folder of the run."""

    networks_url: Annotated[str | None, BeforeValidator(check_networks_url)] = None
    """URL of a folder for the checkpoints and networks (`model.pt`) of full trainings, such as
    `s3://bucket/folder`, or any other that Arrow's file systems read and write; null keeps them in
    the folder of the run."""
    tracking: Annotated[tuple[str, ...], AfterValidator(check_trackers)] = ()
    """Trackers that follow the search's trials: `tensorboard`, or a class of your own such as
    `my_module:MyTracker` (see [docs/report.md](report.md#trackers))."""

    @model_validator(mode="after")
    def _metric_of_the_networks(self) -> SearchConfig:
        detects = self.space.get("detector") is not None
        whose = f"a space of {'detectors' if detects else 'classifiers'}"
        if (problem := task_problem(self.metric, detects=detects, whose=whose)) is not None:
            raise ValueError(problem)
        return self

    @field_validator("name")
    @classmethod
    def _usable_as_folder(cls, name: str) -> str:
        if not RUN_NAME.fullmatch(name) or name == LATEST:
            raise ValueError(
                "a run's name is up to 80 letters, digits, dots, dashes and underscores, starts "
                f"with a letter or digit, and is not {LATEST!r}; got {name!r}"
            )
        return name

    @model_validator(mode="after")
    def _distinct_objectives(self) -> SearchConfig:
        if len(set(self.objectives)) < len(self.objectives):
            raise ValueError(f"objectives repeats one, got {list(self.objectives)}")
        return self

    @model_validator(mode="after")
    def _deterministic_without_latency(self) -> SearchConfig:
        if self.search.deterministic and self.uses_latency:
            raise ValueError(
                "search.deterministic cannot hold with a measured latency as objective or limit; "
                "set search.deterministic=false"
            )
        if self.search.deterministic and self.search.concurrency is None:
            raise ValueError(
                "search.deterministic needs search.concurrency as a number, since it decides which "
                "results a proposal may use; set search.concurrency=4 or search.deterministic=false"
            )
        return self

    @model_validator(mode="after")
    def _rungs_where_there_are_accuracies(self) -> SearchConfig:
        if self.scheduler.name == "none":
            return self
        every = self.proxy.evaluate_every_epochs
        if not self.rungs:
            raise ValueError(
                "scheduler asha needs a rung before the proxy's last epoch, got first rung "
                f"{self.scheduler.min_epochs or every}, proxy.epochs={self.proxy.epochs}"
            )
        if any(rung % every for rung in self.rungs):
            raise ValueError(
                "scheduler.min_epochs: rungs must be epochs at which the proxy evaluates "
                f"(proxy.evaluate_every_epochs={every}), got rungs "
                f"{', '.join(map(str, self.rungs))}"
            )
        if not set(self.objectives) & set(ACCURACIES):
            raise ValueError(
                "scheduler asha compares accuracies at rungs, so objectives must have "
                f"{' or '.join(ACCURACIES)}, got {list(self.objectives)}"
            )
        if self.scheduler.type == "rung_by_rung" and self.sampler.name not in NEED_NO_FINISHED:
            raise ValueError(
                "with scheduler.type=rung_by_rung no trial finishes before all have begun, so that "
                f"sampler.name must be one of {', '.join(NEED_NO_FINISHED)}: "
                f"{self.sampler.name!r} would propose at random"
            )
        is_timed = self.search.concurrency != 1 and self.scheduler.type != "rung_by_rung"
        if self.search.deterministic and is_timed:
            raise ValueError(
                "search.deterministic cannot hold with scheduler asha on several workers, since "
                "which trials stop depends on which is faster; set search.concurrency=1, "
                "scheduler.type=rung_by_rung, or search.deterministic=false"
            )
        return self

    @model_validator(mode="after")
    def _ends_that_can_be_kept(self) -> SearchConfig:
        ends = self.search.timed_ends
        if ends and self.search.deterministic and self.scheduler.pauses:
            raise ValueError(
                f"search.deterministic cannot hold with {ends[0]} and scheduler.type="
                f"{self.scheduler.type}, since how far paused trials are trained would depend on "
                f"the machine's speed; set {ends[0]}=null, scheduler.name=none, or "
                "search.deterministic=false"
            )
        if self.search.stop_below is None:
            return self
        if self.sampler.name not in EXPECT_GROWTH:
            raise ValueError(
                "search.stop_below needs a sampler that predicts what the next trial brings, so "
                f"that sampler.name must be {' or '.join(EXPECT_GROWTH)}, got {self.sampler.name!r}"
            )
        if self.scheduler.name != "none" and self.scheduler.type == "rung_by_rung":
            raise ValueError(
                "search.stop_below cannot hold with scheduler.type=rung_by_rung: no trial finishes "
                "before all have begun, so that nothing is known that the next one could improve"
            )
        return self

    @model_validator(mode="after")
    def _one_place_of_the_ledger(self) -> SearchConfig:
        if self.storage is not None and self.ledger_folder is not None:
            raise ValueError(
                "ledger_folder is for the ledger of the run's folder, and storage names another "
                f"database, got ledger_folder={self.ledger_folder!r}; give one of the two"
            )
        return self

    @model_validator(mode="after")
    def _target_with_objective(self) -> SearchConfig:
        is_objective = "val_accuracy_by_latency" in self.objectives
        if is_objective != (self.latency.target_ms is not None):
            raise ValueError(
                "the objective val_accuracy_by_latency and latency.target_ms need each other, got "
                f"objectives {list(self.objectives)}, latency.target_ms={self.latency.target_ms}"
            )
        return self

    @model_validator(mode="after")
    def _table_with_limit(self) -> SearchConfig:
        if self.latency.table is not None and self.limits.latency_ms is None:
            raise ValueError(
                "latency.table rejects what it predicts over limits.latency_ms, which is not given"
            )
        return self

    @model_validator(mode="after")
    def _zero_init_where_it_can_be(self) -> SearchConfig:
        family = self.space.get("family", "resnet")
        for section in ("proxy", "retrain"):
            # a tuple, since ``family`` may be unhashable: only the space checks it
            if getattr(self, section).zero_init_residual and family in tuple(FAMILIES):
                check_zero_init(family, f"{section}.zero_init_residual")
        return self

    @property
    def saved(self) -> SearchConfig:
        """The configuration for the run's folder: without the storage's password."""
        return self.replace(storage=without_password(self.storage)) if self.storage else self

    @property
    def is_earlier(self) -> bool:
        """Whether an earlier version made the run, by recipes that train otherwise today."""
        return isinstance(self.proxy, EarlierRecipe) or isinstance(self.retrain, EarlierRecipe)

    @property
    def cost_objective(self) -> str:
        """The cost on the axis of the front that is shown."""
        cost = next((o for o in self.objectives if not METRICS[o].is_maximised), None)
        if cost is not None:
            return cost
        return "latency_ms" if "val_accuracy_by_latency" in self.objectives else "params"

    @property
    def proxy_id(self) -> str:
        """Identifies the proxy's recipe and fidelity: different ones do not compare."""
        return recipe_id(self.proxy, self.fidelity)

    @property
    def retrain_id(self) -> str:
        """Identifies the full recipe and the images that it trains on."""
        return recipe_id(self.retrain, train_on=self.retrain_data)

    @property
    def fresh_seeds(self) -> tuple[int, ...]:
        """The seeds of the finalists' further proxy evaluations; the search's own is ``seed``."""
        return self.search.fresh_seeds(self.seed)

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs at which trials are compared and perhaps stopped; none without a scheduler."""
        if self.scheduler.name == "none":
            return ()
        return rungs_below(
            self.proxy.epochs,
            min_epochs=self.scheduler.min_epochs or self.proxy.evaluate_every_epochs,
            reduction_factor=self.scheduler.reduction_factor,
            spacing=self.scheduler.spacing,
        )

    def most_epochs(self, trials: int) -> int:
        """Return the epochs that ``trials`` trials train: at most with stopping, else exactly."""
        return self.scheduler.most_epochs(trials, self.proxy.epochs, self.rungs)

    @property
    def compared_objectives(self) -> tuple[str, ...]:
        """The objectives in the order in which they count at rungs: accuracies first."""
        return tuple(sorted(self.objectives, key=lambda o: not METRICS[o].moves_while_training))

    @property
    def uses_latency(self) -> bool:
        """Whether candidates are timed."""
        is_objective = any(METRICS[objective].uses_latency for objective in self.objectives)
        return is_objective or self.limits.latency_ms is not None


def recipe_id(recipe: Recipe, fidelity: Fidelity = FULL, train_on: TrainOn = "train") -> str:
    """Return 8 hexadecimal digits of the SHA-256 of a recipe's content.

    A fidelity that reduces something, and images other than the train images, are part of it. An
    earlier version's recipe keeps the number that it had, which rows and folders hold.
    """
    content = recipe.content
    if fidelity != FULL:
        content = {"recipe": content, "fidelity": fidelity.model_dump(mode="json")}
    if train_on != "train":
        content = {"recipe": content, "train_on": train_on}
    text = json.dumps(content, sort_keys=True)
    return short_sha256(text, 8)
