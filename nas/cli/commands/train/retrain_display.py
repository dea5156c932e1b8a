"""The progress display of full trainings."""

from __future__ import annotations

from nas.cli.output import Output
from nas.cli.progress import LineDisplay
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from nas.evaluation.pace import Pace
from nas.quantities import duration
from nas.ray.retrain import RetrainProgress
from nas.search.waiting import Waiting
from nas.storage.networks.retraining import Retraining


class RetrainDisplay(LineDisplay):
    """Show the running trainings in one line of the terminal's width, and each end as a line.

    Args:
        output: to print to.
        wanted: number of trainings.
        waiting: what is waited for at present.
        names: of the run's metrics.
    """

    def __init__(
        self,
        output: Output,
        *,
        wanted: int,
        waiting: Waiting,
        names: MetricNames = OF_ACCURACY,
    ) -> None:
        super().__init__(output, self._line_now)
        self._wanted = wanted
        self._waiting = waiting
        self._heading = names.of_split("validation")
        self._ended = 0
        self._running: dict[str, tuple[str, str]] = {}  # where each is, and its pace
        self._validation: dict[str, str] = {}  # of the last epoch that was evaluated

    def note(self, progress: RetrainProgress) -> None:
        """Show the progress or the end of a training."""
        name = _name(progress.retraining)
        accuracy = progress.val_accuracy
        validation = "" if accuracy is None else f", {self._heading} {accuracy:.1%}"
        epochs = progress.retraining.recipe.epochs
        if progress.reached is not None:
            validation = validation or self._validation.get(name, "")
            self._validation[name] = validation
            self._running[name] = (
                f"{name} epoch {progress.reached.epoch}/{epochs}{validation}",
                _pace(progress.reached.pace),
            )
        elif progress.state == "lost":
            self._running.pop(name, None)
            self._output.say(
                f"{name} lost its worker ({progress.cause}); it continues from its last state"
            )
        else:
            self._running.pop(name, None)
            self._ended += 1
            self._output.say(f"{name} {progress.state}{validation}")
        self.update()

    def _line_now(self) -> str:
        line = f"full trainings {self._ended}/{self._wanted}"
        if self._waiting.text:
            line += f" | waiting for {self._waiting.text}"
        running = list(self._running.values())
        for shown, (place, pace) in enumerate(running):
            left = len(running) - shown
            more = "" if left == 1 else f" | {left - 1} more"
            room = self._output.columns - len(line) - len(f" | {more}")
            if len(place) > room:
                return f"{line} | {left} more"
            line += f" | {place}{pace}" if len(place + pace) <= room else f" | {place}"
        return line


def _pace(pace: Pace) -> str:
    """Return images a second, time left and, from a tenth on, the share that waits for data."""
    if not pace.images_per_second:
        return ""
    waits = f", {pace.waited_share:.0%} waiting for data" if pace.waited_share >= 0.1 else ""
    return f", {pace.images_per_second:,.0f} images/s{waits}, {duration(pace.seconds_left)} left"


def _name(retraining: Retraining) -> str:
    return f"{retraining.architecture.arch_id} (training {retraining.number})"
