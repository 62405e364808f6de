"""Run the router: ``python -m duban_router``."""

from __future__ import annotations

from collections.abc import Set
from functools import partial

from duban.io.consumer import Source
from duban.io.feeds import clock_of, follow_packs
from duban.io.service import Shell, run_service
from duban.io.settings import Settings
from duban.messages.commands import COMMANDS, Command
from duban_router.handlers import CommandHandler
from duban_router.store import SCHEMA, PostgresLedger

HEALTH_PORT = 8302
GROUP = "duban-router"


async def compose(shell: Shell[Settings]) -> None:
    """One runner over the commands; when partitions change hands, what is remembered of them is dropped."""
    library = await follow_packs(shell)
    ledger, clock = PostgresLedger(shell.pool), clock_of(shell.settings)
    handler = CommandHandler(ledger, library, clock, most_bytes=shell.settings.max_record_bytes)

    async def forget(_: Set[tuple[str, int]]) -> None:
        handler.forget()

    shell.runner(GROUP, [Source((Command.TOPIC,), COMMANDS, handler)], on_assigned=forget)


main = partial(
    run_service,
    "router",
    Settings,
    compose,
    schema=SCHEMA,
    migrations="duban_router.migrations",
    health_port=HEALTH_PORT,
    topics=(Command.TOPIC, "duban.problems.v1"),
)

if __name__ == "__main__":
    main()
