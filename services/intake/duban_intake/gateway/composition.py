"""The door of reports, wired to the broker, the database and the sources: every gateway of reports has it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from duban.io.evidence.reception import Reception
from duban.io.feeds import follow_clock
from duban.io.secrets_file import SecretsFile
from duban.io.service import Shell
from duban.messages.envelope import Record
from duban_intake.gateway.door import ReportDoor
from duban_intake.source_feed import follow_sources
from duban_intake.source_journal import SourceJournal
from duban_intake.store import PostgresStore
from duban_intake.vault.desk import DeskSettings, Vault
from duban_intake.vault.seal import Keyring
from duban_intake.vault.store import PostgresVault


async def report_door(
    shell: Shell[Any],
    put: Callable[[Record], Awaitable[None]],
    keyring: Keyring | None,
    secrets: SecretsFile,
    changed: Callable[[], None] = lambda: None,
    reception: Reception | None = None,
) -> ReportDoor:
    """The door, once it knows every source; ``put`` returns when the broker has a record.

    It goes on taking in what ``duban source`` changes, and ``changed`` is called then.
    """
    clock = await follow_clock(shell)
    vault = Vault(PostgresVault(shell.pool), clock, DeskSettings(keyring))
    registry = await follow_sources(shell, changed)
    journal = SourceJournal(shell.pool, clock)
    shell.run(journal)
    seconds = asyncio.get_running_loop().time
    store = PostgresStore(shell.pool)
    return ReportDoor(put, shell.publisher.check, clock, vault, registry, seconds, store, secrets, journal, reception)
