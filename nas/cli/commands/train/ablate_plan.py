"""``nas ablate --plan`` and ``--hours``: what would be trained, what fits, and what is left out."""

from __future__ import annotations

import math
from typing import Any

from analysis.ablation.labels import change_label
from analysis.ablation.tables import LEGEND_OF_PARAMS, params_text
from nas.cli.number_table import number_table
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.errors import CommandError
from nas.quantities import duration, format_quantity
from nas.workflows.ablation.plan import AblationPlan, PlannedNetwork
from nas.workflows.ablation.swapped_networks import ORIGINAL
from nas.workflows.timing.timed_training import TIMED_STEPS


def check_fits(plan: AblationPlan) -> None:
    """Check that a comparison fits into the hours of a plan.

    Raises:
        CommandError: none does, or nothing can be timed here.
    """
    if plan.missing is not None:
        raise CommandError(
            f"--hours needs the time of a training, which cannot be measured here: {plan.missing}"
        )
    if not plan.fits:
        raise CommandError(_nothing_fits(plan))


def show_plan(output: Output, run: str, plan: AblationPlan, config: SearchConfig) -> None:
    """Print the trainings that are left, in their order, with their times.

    Args:
        output: to print to.
        run: the run's name.
        plan: to print.
        config: of the run, with the recipe and number of seeds.
    """
    if output.as_json:
        output.show_json(_plan_json(run, plan, config))
        return
    is_limited = plan.hours is not None and plan.missing is None
    headings = ["params", "more than\nthe original", "MACs", "left", "time each"]
    table = number_table("trained in this order", *headings, *["fits"] * is_limited)
    for index, each in enumerate(plan.networks):
        more = each.params - plan.original.params
        table.add_row(
            _name(each),
            f"{each.params:,}",
            params_text(more, more / plan.original.params) if each.swap else "",
            format_quantity(each.macs),
            str(each.left),
            "-" if each.seconds is None else duration(each.seconds),
            *["yes" if _fits(plan, index) else "no"] * is_limited,
        )
    output.show(table)
    number = sum(each.left for each in plan.networks)
    output.say(
        f"{number} full trainings of {config.retrain.epochs} epochs are left, with "
        f"{config.retrain_seeds} seeds each; {LEGEND_OF_PARAMS}"
    )
    if plan.missing is not None:
        output.say(f"nothing is timed here: {plan.missing}")
        return
    line = f"here: {duration(plan.device_seconds)} one after another, from up to {TIMED_STEPS} "
    line += "steps of each"
    if plan.at_once is not None:
        line += f"; {plan.at_once} at once: {duration(plan.wall_seconds(plan.networks))}"
    output.say(line)
    if plan.hours is None:
        return
    if not plan.fits:
        output.say(_nothing_fits(plan))
        return
    taken = plan.wall_seconds([plan.original, *plan.swapped[: plan.fits]])
    output.say(
        f"--hours {plan.hours:g}: {plan.fits} of {len(plan.swapped)} comparisons fit, in "
        f"{duration(taken)}"
    )


def show_left_out(output: Output, plan: AblationPlan) -> None:
    """Print what does not fit into the hours, and how long it would take."""
    if plan.left_out:
        names = ", ".join(map(_name, plan.left_out))
        output.say(
            f"left out by --hours {plan.hours:g}: {names}; they take "
            f"{duration(plan.wall_seconds(plan.left_out))} here, and the same command goes on with "
            "them"
        )


def _name(network: PlannedNetwork) -> str:
    if network.swap is None:
        return ORIGINAL
    return f"{network.swap.place}: {change_label(network.swap.change)}"


def _fits(plan: AblationPlan, index: int) -> bool:
    """Whether the network of this index, of which 0 is the original, is trained."""
    return plan.fits > 0 and index <= plan.fits


def _nothing_fits(plan: AblationPlan) -> str:
    """Return the message that says how many hours the first comparison needs."""
    first = plan.swapped[0]
    seconds = plan.wall_seconds([plan.original, first])
    enough = math.ceil(seconds / 36 + 1e-9) / 100
    return (
        f"--hours {plan.hours:g}: nothing fits; the first comparison ({_name(first)}) needs "
        f"{plan.original.left + first.left} trainings, which take {duration(seconds)} here: give "
        f"--hours {enough:g}"
    )


def _plan_json(run: str, plan: AblationPlan, config: SearchConfig) -> dict[str, Any]:
    is_timed = plan.missing is None
    return {
        "run": run,
        "arch_id": plan.original.arch_id,
        "seeds": config.retrain_seeds,
        "epochs": config.retrain.epochs,
        "trainings_left": sum(each.left for each in plan.networks),
        "networks": [
            {
                "place": ORIGINAL if each.swap is None else each.swap.place,
                "change": None if each.swap is None else each.swap.change,
                "arch_id": each.arch_id,
                "params": each.params,
                "params_difference": each.params - plan.original.params,
                "macs": each.macs,
                "trainings_left": each.left,
                "seconds_each": each.seconds,
                "fits": _fits(plan, index) if is_timed else None,
            }
            for index, each in enumerate(plan.networks)
        ],
        "trainings_at_once": plan.at_once,
        "hours_one_by_one": plan.device_seconds / 3600 if is_timed else None,
        "hours_at_once": plan.wall_seconds(plan.networks) / 3600 if is_timed else None,
        "not_timed_here": plan.missing,
    }
