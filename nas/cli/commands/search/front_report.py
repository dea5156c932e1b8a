"""The report at the end of a search: its front, its noise, and how its trials ended."""

from __future__ import annotations

from typing import Any

from analysis.front.queries import hypervolume, knee, primitive_counts, reference_point
from analysis.front.table import front_json, front_table
from analysis.noise import quartile_range, seed_noise, spread
from nas.cli.commands.query.front_files import draw_front, left_out
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.evaluation.metric_names import MetricNames
from nas.latency.measurements import all_candidates, by_latency_limit
from nas.quantities import format_quantity
from nas.search.repeats import random_sample
from nas.search.trial_state import TRAINED
from nas.storage.candidates import candidates, pareto_front
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder


def front_of_search(config: SearchConfig, ledger: Ledger) -> dict[str, Any] | None:
    """Return the front of a search as ``front.json`` has it; None where there is no front."""
    x, y = config.cost_objective, "val_accuracy"
    within, _ = by_latency_limit(config, all_candidates(config, ledger))
    members = pareto_front(within, [y, x])
    if not members:
        return None
    front = front_json(members, x=x, y=y, knee=knee(members, x, y))
    content: dict[str, Any] = MetricNames(config.metric).keyed(front)
    return content


def report_search(output: Output, run: RunFolder, config: SearchConfig, ledger: Ledger) -> None:
    """Print and draw a search's front, its noise, and how its trials ended."""
    x, y = config.cost_objective, "val_accuracy"
    within, over = by_latency_limit(config, all_candidates(config, ledger))
    members = pareto_front(within, [y, x])
    if not members:
        why = left_out(config, over) if over else "no trial finished"
        output.say(f"there is no front: {why}")
        _report_failures(output, ledger)
        return
    best, names = knee(members, x, y), MetricNames(config.metric)
    output.show(front_table(members, x=x, y=y, knee=best, names=names))
    if over:
        output.say(left_out(config, over))
    worst = reference_point(within, [y, x])
    best_y, least_x = (max(m.metrics[y] for m in members), min(m.metrics[x] for m in members))
    if area := (best_y - worst[y]) * (worst[x] - least_x):
        share = hypervolume(members, [y, x], worst) / area
        corners = [
            f"{names.value(f'{of_y:.2%}')}, {format_quantity(of_x)} {x}"
            for of_y, of_x in ((worst[y], worst[x]), (best_y, least_x))
        ]
        output.say(
            f"hypervolume: the front dominates {share:.0%} of the area between the worst values "
            f"seen ({corners[0]}) and its own best ones ({corners[1]})"
        )
    png, html = run.path / "front.png", run.path / "front.html"
    pictures: dict[str, Any] = {
        "x": x,
        "y": y,
        "best": best,
        "png": png,
        "html": html,
        "names": names,
    }
    draw_front(run.name, within, members, run.task, **pictures)
    run.write_json("front.json", front_of_search(config, ledger))
    rows = ledger.evaluations("search")
    repeats = ledger.evaluations("repeats")
    noise = seed_noise([*rows, *repeats], set(random_sample(config.search, config.seed, rows)))
    between = spread(rows)
    counts = primitive_counts(candidates(rows))
    output.say(
        "trained architectures with each primitive: "
        + ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
    )
    if noise is not None and between is not None:
        output.say(
            f"deviation of {names.key(y)}: {between:.2%} between candidates (interquartile range "
            f"{quartile_range(rows):.2%}), {noise.deviation:.2%} from seed to seed of one (pooled "
            f"over {noise.architectures}: fresh seeds of the front, all seeds of a random sample; "
            f"{noise.degrees_of_freedom} degrees of freedom)"
            + (f", ratio {between / noise.deviation:.1f}" if noise.deviation else "")
        )
    stopped = [row for row in rows if row.state == "pruned"]
    if stopped:
        trained = [row for row in rows if row.state in TRAINED]
        output.say(
            f"{len(stopped)} of {len(trained)} trials were stopped early: "
            f"{sum(row.epochs for row in trained):,} of "
            f"{len(trained) * config.proxy.epochs:,} epochs were trained"
        )
    for limit, entry in ledger.rejections().to_json().items():
        output.say(f"{entry['count']:,} proposals were over the limit on {limit}")
    _report_failures(output, ledger)
    output.say(f"front drawn in {png} and {html}")


def _report_failures(output: Output, ledger: Ledger) -> None:
    """Print how many trainings of a search failed, if any did."""
    trials, repeats = ledger.evaluations("search"), ledger.evaluations("repeats")
    for rows, called in ((trials, "trials"), (repeats, "repeats of the front")):
        failed = sum(row.error is not None for row in rows)
        if failed:
            output.say(f"{failed} of {len(rows)} {called} failed: `nas status` says why")
