"""``nas frontier --spend TIME --do``: train further seeds of evaluated architectures."""

from __future__ import annotations

from collections.abc import Sequence

from nas.cli.commands.search.search import run_search_command
from nas.cli.output import Output
from nas.errors import CommandError
from nas.search.further_seeds import FURTHER_SEEDS, left_of, next_seeds, plan_in
from nas.storage.driver_ledger import on_driver
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from nas.storage.run.reach import check_reach
from search_space.architecture import Architecture


def train_further_seeds(
    output: Output, run: RunFolder, chosen: Sequence[tuple[Architecture, int]]
) -> None:
    """Write a plan of further seeds into a run's ledger, and resume the run until it is trained.

    If an earlier plan is not trained to its end, that one is, and none is written. A plan that is
    interrupted goes on with the same command, or with ``nas search --resume``.

    Args:
        output: to print to.
        run: a run whose search is finished.
        chosen: architectures that it evaluated, each with a number of further seeds.

    Raises:
        CommandError: the search is not finished.
        RunError, ConfigError, DataError, ClusterError, TooManyFailures, TrustError: as of
            ``nas search --resume``.
    """
    config = run.config()
    check_reach(run, config)
    with run.driving(), on_driver(config, run):
        ledger = Ledger.open(config, run)
        plan = plan_in(ledger.attributes())
        trained, repeated = ledger.evaluations("search"), ledger.evaluations("repeats")
        left = left_of(plan, trained, repeated)
        if left:
            output.say(
                f"{len(left)} of {len(plan)} further seeds of an earlier plan are left, and are "
                "trained now; give the command again to choose others"
            )
        elif not run.state().finished:
            raise CommandError(f"run {run.name!r} is not finished: resume its search before --do")
        else:
            plan = [
                seed
                for architecture, count in chosen
                for seed in next_seeds(architecture, count, config.seed, repeated)
            ]
            data = [each._asdict() for each in plan]
            ledger.transact(lambda: ledger.study("search").set_user_attr(FURTHER_SEEDS, data))
        ledger.close()
    if plan:
        run_search_command(
            output,
            run.config_file,
            [],
            run.path.parent,
            resume=True,
            again=False,
            trust=run.is_trusted,
        )
