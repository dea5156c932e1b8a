"""The result of a trace, from its run's ledger; latencies are measured where they are an axis."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from analysis.trace.points import PublishedPoint, TracePoint, TraceResult, trainings_text
from analysis.trace.published import published_points, source_of
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.config.trace import Trace
from nas.errors import RunError
from nas.evaluation.metric_names import MetricNames
from nas.latency.cache import LatencyCache
from nas.quantities import duration
from nas.ray.cluster.connection import connected
from nas.ray.meter import measure_on_cluster
from nas.search.waiting import Waiting
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import Ledger
from nas.storage.networks.retraining import number_of
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import SearchData
from nas.workflows.timing.network_timings import NetworkTimings, read_timings
from nas.workflows.timing.timed_training import TIMED_STEPS
from nas.workflows.traced_networks import TracedNetwork
from search_space.architecture import Architecture
from search_space.cost import network_costs
from search_space.cost.latency_record import Latency


def trace_result(
    output: Output,
    trace: Trace,
    networks: Sequence[TracedNetwork],
    config: SearchConfig,
    run: RunFolder,
    ledger: Ledger,
    data: SearchData,
    waiting: Waiting,
) -> TraceResult:
    """Return the points of a trace whose trainings are done.

    Args:
        output: to print to.
        trace: the trace.
        networks: its networks.
        config: of the run.
        run: the run, which the caller holds.
        ledger: of the run.
        data: of the run.
        waiting: shows what is waited for.

    Raises:
        ClusterError: the device cannot be measured.
        RunError: the ledger cannot be read, or a latency cannot be measured.
    """
    rows = [row for row in ledger.evaluations("retrain") if row.state == "complete"]
    latencies: Mapping[Architecture, Latency] = {}
    if "latency_ms" in trace.config.axes:
        latencies = _latencies(output, networks, config, run, data, waiting)
    timings = read_timings(run) if "device_seconds" in trace.config.axes else None
    seconds = None if timings is None else [timings.seconds_of(each) for each in networks]
    if seconds is None or None in seconds:  # not timed anew since a network was added
        timings, seconds = None, [None] * len(networks)
    points = tuple(
        _point(network, rows, trace, config, data, latencies.get(network.architecture), timed)
        for network, timed in zip(networks, seconds, strict=True)
    )
    table = trace.config.published.table if trace.config.published else ""
    return TraceResult(
        title=trace.config.title,
        accuracy=trace.config.accuracy,
        accuracy_label=MetricNames(trace.search.metric).precise_label(trace.config.accuracy),
        axes=trace.config.axes,
        own_axis=trace.config.own_axis or "",
        families=tuple(family.name for family in trace.config.families),
        points=points,
        published=tuple(_published(table, networks)) if table else (),
        published_source=source_of(table) if table else "",
        notes=tuple(_notes(trace, points, data, list(latencies.values()), timings)),
        is_of_fronts=trace.config.curves == "fronts",
        names=MetricNames(trace.search.metric),
    )


def _point(
    network: TracedNetwork,
    rows: Sequence[Evaluation],
    trace: Trace,
    config: SearchConfig,
    data: SearchData,
    latency: Latency | None,
    seconds: float | None,
) -> TracePoint:
    own = [
        row
        for row in rows
        if row.architecture == network.architecture
        and row.recipe_id == network.recipe_id
        and number_of(row, config) < config.retrain_seeds
        and row.provenance.images in ("", data.images_id)
    ]
    costs = network_costs(network.architecture, data.task).metrics()
    timed = [row for row in own if row.provenance.device in ("", config.resources.device_type)]
    if seconds is not None:
        costs["device_seconds"] = seconds
    elif timed:
        # trainings of a network do equal work: what else runs on the machine only adds
        costs["device_seconds"] = min(row.device_seconds for row in timed)
    if latency is not None:
        costs["latency_ms"] = latency.latency_ms
    if network.own_value is not None:
        costs["own"] = network.own_value
    by, axes = network.found_by, ("params", "macs", *trace.config.axes)
    return TracePoint(
        network.family,
        network.name,
        network.architecture.arch_id,
        str(network.architecture),
        {axis: cost for axis, cost in costs.items() if axis in axes},
        tuple(row.metrics[trace.config.accuracy] for row in own),
        "" if by is None else f"{by.run}, trial {by.number}",
        {row.seed: row.device_seconds for row in own if row.provenance.taken_from is None},
        {row.seed: row.metrics["val_accuracy"] for row in own if "val_accuracy" in row.metrics},
        {row.seed: row.metrics["test_accuracy"] for row in own},
    )


def _published(table: str, networks: Sequence[TracedNetwork]) -> list[PublishedPoint]:
    families: dict[str, list[str]] = {}
    for network in networks:
        families.setdefault(network.family, []).append(network.name)
    own = {each.name: each.own_value for each in networks if each.own_value is not None}
    return published_points(table, families, own)


def _notes(
    trace: Trace,
    points: Sequence[TracePoint],
    data: SearchData,
    latencies: Sequence[Latency],
    timings: NetworkTimings | None,
) -> list[str]:
    is_test = trace.config.accuracy == "test_accuracy"
    images = data.test if is_test else data.validation
    whose = "test images" if is_test else "validation images, held out of the train images"
    epochs = sorted({recipe.epochs for recipe in trace.every_recipe})
    noun = MetricNames(trace.search.metric).noun
    notes = [
        f"{data.task.dataset}: {noun} on {images:,} {whose}; mean ± standard error over seeds of "
        f"full trainings, {trainings_text(points)}; {' or '.join(map(str, epochs))} epochs on "
        f"{data.trained_on(trace.search.retrain_data):,} images"
    ]
    if timings is not None:
        notes.append(
            f"time on the device: scaled from up to {TIMED_STEPS} training steps of each network "
            f"in turn, the shortest of {timings.rounds} rounds, on {timings.device}"
        )
    elif "device_seconds" in trace.config.axes:
        notes.append("time on the device: the shortest of a network's trainings")
    if latencies:
        first = latencies[0].context
        notes.append(
            f"latency of a batch of {first.batch_size} on {first.device}, {first.dtype}, "
            f"{first.threads} threads"
        )
    # what several families have was trained once
    trained = {
        (point.arch_id, seed, seconds)
        for point in points
        for seed, seconds in point.device_seconds.items()
    }
    seconds = sum(each for *_, each in trained)
    return [*notes, f"the trainings here took {duration(seconds)} of a device's time"]


def _latencies(
    output: Output,
    networks: Sequence[TracedNetwork],
    config: SearchConfig,
    run: RunFolder,
    data: SearchData,
    waiting: Waiting,
) -> dict[Architecture, Latency]:
    """Return the latency of each network; those that the run has not measured are measured."""
    cache = LatencyCache(run.latency_file, data.task, config.latency)
    architectures = list(dict.fromkeys(network.architecture for network in networks))
    wanted = [each for each in architectures if cache.get(each) is None]
    if wanted:
        output.say(f"measuring the latencies of {len(wanted)} networks")
        with connected(config.ray, config.modules, sys.argv[1:]) as cluster:
            measured = measure_on_cluster(
                wanted,
                data.task,
                config.latency,
                device=config.resources.device,
                waiting=waiting,
                patience_seconds=config.search.patience_seconds,
                check=cluster.check,
            )
        for architecture, latency in zip(wanted, measured, strict=True):
            if not isinstance(latency, Latency):
                raise RunError(f"the latency of {architecture.arch_id} was not measured: {latency}")
            cache.put(architecture, latency)
    known = {each: cache.get(each) for each in architectures}
    return {each: latency for each, latency in known.items() if latency is not None}
