"""The ``duban`` command: data on stdout, all else on stderr, exit codes that a script can rely on.

0 ok · 1 failure · 2 usage · 3 not found · 4 refused or in conflict · 5 a dependency is away
6 (of ``duban listing check`` alone) the name stands on a list
"""

from __future__ import annotations

import typer

from duban_cli.commands.act import act
from duban_cli.commands.bench import bench
from duban_cli.commands.bulletin import bulletin
from duban_cli.commands.checks import check, test
from duban_cli.commands.dead_letters import dlq_app
from duban_cli.commands.demo import demo
from duban_cli.commands.draw import draw
from duban_cli.commands.listing import listing_app
from duban_cli.commands.pack import pack_app
from duban_cli.commands.problem import problem_app
from duban_cli.commands.report import report_app
from duban_cli.commands.reward import reward_app
from duban_cli.commands.simulation import replay, simulate
from duban_cli.commands.topics import lag, tail, topics_app
from duban_cli.commands.up import up
from duban_cli.commands.vault import vault_app

app = typer.Typer(
    name="duban",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Duban (督办): every reported problem from discovery to strike-off, by deadline.

    Kafka and PostgreSQL are those in DUBAN_KAFKA and DUBAN_DATABASE, else those that `duban up` runs here.

    Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 refused or in conflict, 5 a dependency is away.
    `duban listing check` alone ends with 6 when the name stands on a list.""",
)

app.command()(up)
app.command()(demo)
app.command()(bench)
app.command()(act)
app.add_typer(problem_app, name="problem")
app.add_typer(listing_app, name="listing")
app.add_typer(reward_app, name="reward")
app.command()(bulletin)
app.command()(draw)
app.add_typer(report_app, name="report")
app.command()(tail)
app.command()(lag)
app.add_typer(dlq_app, name="dlq")
app.add_typer(vault_app, name="vault")
app.add_typer(pack_app, name="pack")
app.add_typer(topics_app, name="topics")
app.command()(simulate)
app.command()(replay)
app.command()(check)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(test)


def main() -> None:
    """The entry point of the script ``duban``."""
    app(prog_name="duban")
