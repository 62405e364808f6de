"""Run the router: ``python -m duban_router``."""

from __future__ import annotations

from collections.abc import Set
from functools import partial

from duban.io.anchors import AnchorLoop
from duban.io.consumer import Source
from duban.io.feeds import clock_of, follow_packs
from duban.io.service import Shell, run_service
from duban.messages.anchors import Anchored
from duban.messages.commands import COMMANDS, Command
from duban.messages.events import LedgerEvent
from duban_router.anchors import LedgerGrowth
from duban_router.handlers import SOURCE, CommandHandler
from duban_router.settings import RouterSettings
from duban_router.store import SCHEMA, PostgresLedger

HEALTH_PORT = 8302
GROUP = "duban-router"


async def compose(shell: Shell[RouterSettings]) -> None:
    """One runner over the commands; when partitions change hands, what is remembered of them is dropped.

    Beside it, what the topic of events has told is anchored. Names that an earlier release wrote are folded first.
    """
    library = await follow_packs(shell)
    ledger, clock = PostgresLedger(shell.pool), clock_of(shell.settings)
    await ledger.fold_names()
    remembered = shell.settings.remembered_mb * 1_000_000
    handler = CommandHandler(ledger, library, clock, shell.settings.max_record_bytes, remembered)

    async def forget(_: Set[tuple[str, int]]) -> None:
        handler.forget()

    shell.runner(GROUP, [Source((Command.TOPIC,), COMMANDS, handler)], on_assigned=forget)
    growth = LedgerGrowth(shell.settings)
    shell.run(AnchorLoop(Anchored.LEDGER, growth, shell.pool, shell.publisher, shell.settings, SOURCE))


main = partial(
    run_service,
    "router",
    RouterSettings,
    compose,
    schema=SCHEMA,
    migrations="duban_router.migrations",
    health_port=HEALTH_PORT,
    topics=(Command.TOPIC, LedgerEvent.TOPIC),
)

if __name__ == "__main__":
    main()
