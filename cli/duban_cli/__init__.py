"""The ``duban`` command: data on stdout, all else on stderr, exit codes that a script can rely on.

0 ok · 1 failure · 2 usage · 3 not found · 4 refused or in conflict · 5 a dependency is away
6 (of ``duban listing check`` alone) the name stands on a list

What the commands are, and where, says :mod:`duban_cli.catalogue`.
"""

from __future__ import annotations

import typer

from duban_cli.catalogue import Catalogue

app = typer.Typer(
    name="duban",
    cls=Catalogue,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def duban() -> None:
    """Duban (督办): every reported problem from discovery to strike-off, by deadline.

    Kafka and PostgreSQL are those in DUBAN_KAFKA and DUBAN_DATABASE, else those that `duban up` runs here. Who acts is
    who is signed in at the API: that in DUBAN_API, else that of `duban up`, which knows this machine.

    Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 refused or in conflict, 5 a dependency is away.
    `duban listing check` alone ends with 6 when the name stands on a list.
    """


def main() -> None:
    """The entry point of the script ``duban``."""
    app(prog_name="duban")
