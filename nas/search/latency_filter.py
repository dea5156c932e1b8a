"""The latency filter: rejects proposals whose measured latency is over the limit."""

from __future__ import annotations

from nas.latency.cache import LatencyCache
from nas.latency.measurements import Meter, first_latencies
from nas.samplers.architecture_sampler import nothing_fits
from nas.search.failures import Failures
from nas.search.problem import SearchProblem
from nas.search.records import Records
from nas.search.trial_state import State
from nas.search.trials import Trials
from search_space.architecture import Architecture
from search_space.cost.latency_record import DeviceBusy, Latency

SLOW_IN_A_ROW = 100
"""The number of measured candidates in a row over the latency limit that ends the search."""


class LatencyFilter:
    """Make proposals ready to train if they are fast enough, or if latency does not count.

    Args:
        problem: the search's.
        records: the run's.
        trials: the search's.
        latencies: the run's measurements; None where latency does not count.
        failures: counts the measurements that fail.

    Raises:
        NothingFits: many candidates that an earlier driver measured are too slow.
    """

    def __init__(
        self,
        problem: SearchProblem,
        records: Records,
        trials: Trials,
        latencies: LatencyCache | None,
        failures: Failures,
    ) -> None:
        self._problem = problem
        self._trials = trials
        self._latencies = latencies
        # The ledger has what the cache has lost, or was measured with another version of torch.
        self._measured_before = first_latencies(records) if self.measures else {}
        self._failures = failures
        self._slow: dict[str, float] = {}  # latencies by arch_id, since the last one that fits
        self.judge(nothing_more=False)

    @property
    def measures(self) -> bool:
        """Whether latency counts."""
        return self._latencies is not None

    def latency_of(self, architecture: Architecture) -> Latency | None:
        """Return the measured latency, None if there is none."""
        if self._latencies is None:
            return None
        return self._latencies.get(architecture) or self._measured_before.get(architecture.arch_id)

    def measure(self, meter: Meter, *, nothing_more: bool) -> None:
        """Measure the proposals whose latency is not known, and reject the slow.

        Args:
            meter: measures; nothing else may run meanwhile.
            nothing_more: no further architecture can be proposed.

        Raises:
            NothingFits: many in a row were too slow, or the whole space.
            DeviceBusy: something else runs on the device; earlier measurements are kept.
        """
        assert self._latencies is not None
        batch = self._trials.of(State.PROPOSED)
        measured = meter([trial.architecture for trial in batch])
        for trial, latency in zip(batch, measured, strict=True):
            if isinstance(latency, DeviceBusy):
                raise latency
            if isinstance(latency, str):
                self._failures.note("measurements", latency)
                self._trials.fail(trial.number, latency)
                continue
            self._failures.note_success("measurements")
            self._latencies.put(trial.architecture, latency)
        self.judge(nothing_more=nothing_more)

    def judge(self, *, nothing_more: bool) -> None:
        """Make ready the proposals that are known to be fast enough, and reject the slow.

        Raises:
            NothingFits: see :meth:`measure`.
        """
        for trial in self._trials.of(State.PROPOSED):
            if not self.measures:
                self._trials.pass_on(trial.number)
                continue
            latency = self.latency_of(trial.architecture)
            if latency is None:
                continue
            violations = self._problem.limits.latency_violations(latency.latency_ms)
            if violations:
                self._trials.reject(trial.number, violations)
                self._slow[trial.architecture.arch_id] = latency.latency_ms
            else:
                self._trials.pass_on(trial.number)
                self._slow.clear()
        space, limits = self._problem.space, self._problem.limits.given
        if len(self._slow) >= SLOW_IN_A_ROW:
            smallest = {"latency_ms": min(self._slow.values())}
            raise nothing_fits(space, limits, len(self._slow), smallest)
        rejected = self._trials.rejections.to_json().get("latency_ms")
        if nothing_more and rejected is not None and not self._anything_left:
            # The whole space was measured.
            smallest = {"latency_ms": rejected["smallest"]}
            raise nothing_fits(space, limits, rejected["count"], smallest)

    @property
    def _anything_left(self) -> bool:
        return bool(self._trials.begun or self._trials.trained)
