"""Between a proposal and its training: what is measured over the latency limit is rejected."""

from __future__ import annotations

from nas.config import SearchConfig
from nas.failures import Failures
from nas.latency_cache import LatencyCache
from nas.latency_records import Meter, first_latencies
from nas.ledger import Ledger
from nas.proposals import Proposal, Proposals
from nas.samplers.architecture_sampler import nothing_fits
from search_space.architecture import Architecture
from search_space.cost.latency import DeviceBusy, Latency

SLOW_IN_A_ROW = 100
"""Measured candidates over the latency limit, one after another, that end the search."""


class LatencyGate:
    """Lets those of a search's proposals pass that are fast enough.

    Args:
        config: the search's.
        ledger: the run's.
        proposals: the search's.
        latencies: the run's measurements; None where latency does not count, and all pass.
        failures: where measurements that fail are noted.

    Raises:
        NothingFits: many that an earlier driver had measured are too slow.
    """

    def __init__(
        self,
        config: SearchConfig,
        ledger: Ledger,
        proposals: Proposals,
        latencies: LatencyCache | None,
        failures: Failures,
    ) -> None:
        self._limits = config.limits
        self._proposals = proposals
        self._latencies = latencies
        # What the cache does not take any more (it is lost, or torch is another) is in the ledger.
        self._measured_before = first_latencies(ledger) if self.measures else {}
        self._failures = failures
        self._slow: dict[str, float] = {}  # since the last one that was not, by arch_id
        self._turn_away_slow(nothing_more=False)

    @property
    def measures(self) -> bool:
        """Whether latency counts."""
        return self._latencies is not None

    @property
    def waiting(self) -> list[Proposal]:
        """Proposals that are still to be measured."""
        if not self.measures:
            return []
        return [p for p in self._proposals.unfinished if self.latency_of(p.architecture) is None]

    @property
    def passed(self) -> list[Proposal]:
        """Proposals that may be trained."""
        waiting = self.waiting
        return [proposal for proposal in self._proposals.unfinished if proposal not in waiting]

    def latency_of(self, architecture: Architecture) -> Latency | None:
        """The measured latency, if there is one."""
        if self._latencies is None:
            return None
        return self._latencies.get(architecture) or self._measured_before.get(architecture.arch_id)

    def measure(self, meter: Meter, *, nothing_more: bool) -> None:
        """Measure what waits, and turn away the slow.

        Args:
            meter: measures them; nothing else may run.
            nothing_more: no further architecture can be proposed.

        Raises:
            NothingFits: many in a row were too slow, or all that there are.
            DeviceBusy: the meter said so; what it had measured until then is kept.
        """
        assert self._latencies is not None
        batch = self.waiting
        measured = meter([proposal.architecture for proposal in batch])
        for proposal, latency in zip(batch, measured, strict=True):
            if isinstance(latency, DeviceBusy):
                raise latency
            if isinstance(latency, str):
                self._failures.note("measurements", latency)
                self._proposals.fail(proposal, latency)
                continue
            self._failures.note_success("measurements")
            self._latencies.put(proposal.architecture, latency)
        self._turn_away_slow(nothing_more=nothing_more)

    def _turn_away_slow(self, *, nothing_more: bool) -> None:
        """Reject the proposals that were measured over the limit."""
        for proposal in self._proposals.unfinished:
            latency = self.latency_of(proposal.architecture)
            if latency is None:
                continue
            violations = self._limits.latency_violations(latency.latency_ms)
            if violations:
                self._proposals.reject(proposal, violations)
                self._slow[proposal.architecture.arch_id] = latency.latency_ms
            else:
                self._slow.clear()
        space, limits = self._proposals.space, self._limits.given
        if len(self._slow) >= SLOW_IN_A_ROW:
            smallest = {"latency_ms": min(self._slow.values())}
            raise nothing_fits(space, limits, len(self._slow), smallest)
        turned_away = self._proposals.rejections.to_json().get("latency_ms")
        begun = self._proposals.unfinished or self._proposals.paused or self._proposals.trained
        if nothing_more and not begun and turned_away is not None:  # of a small space, all of it
            smallest = {"latency_ms": turned_away["smallest"]}
            raise nothing_fits(space, limits, turned_away["count"], smallest)
