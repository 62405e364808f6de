"""What a command talks to: the engine named in the environment, or the one that ``duban up`` runs here.

The clients of Kafka and PostgreSQL are imported by what connects: a command that asks only one imports only that one,
and ``--help`` none.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from duban.errors import Unavailable
from duban.io.availability import is_unavailable
from duban.io.secret_variables import secret_in_environment
from duban_cli.engine_note import note_of
from duban_local import DATABASE_VARIABLE, FOLDER, KAFKA_VARIABLE

if TYPE_CHECKING:
    from asyncpg.pool import Pool

    from duban.io.evidence.settings import EvidenceSettings
    from duban.io.publisher import Publisher
    from duban.io.report_keys import ReportKeys
    from duban.io.settings import Settings
    from duban_console.ledger import LedgerReader
    from duban_local.stack import Running

#: Where ``duban up`` keeps data and logs, if not in the checkout.
FOLDER_VARIABLE: Final = "DUBAN_FOLDER"

#: The key that the engine of `duban up` signs its anchors with, in its folder.
ANCHOR_KEY: Final = "anchors.pem"
#: The key that seals the second factors of its accounts, likewise.
ACCOUNTS_KEY: Final = "accounts.key"
#: The evidence store of the same engine, in the same folder.
EVIDENCE: Final = "evidence"
#: The master keys under which the same engine seals reports, in the same folder.
REPORT_KEY: Final = "reports.key"
#: The secrets by which sources sign, in the same folder, if somebody puts them there.
SOURCE_SECRETS: Final = "source-secrets.yaml"
#: The secrets that sign what sources are told, likewise.
CALLBACK_SECRETS: Final = "callback-secrets.yaml"
#: The channels by which people are reached, likewise.
CHANNELS: Final = "channels.yaml"


def settings() -> Settings:
    """The settings in the environment; without an address there, those of the engine that runs in this checkout.

    Raises:
        Unavailable: no address is set and no engine runs here.
    """
    from duban.io.settings import Settings

    loaded = Settings.load()
    if is_elsewhere():
        return loaded
    return Settings(**_running_here())


def owner_of_database() -> str:
    """The URL of who owns the schemas: in the environment, or of the engine that runs in this checkout.

    Raises:
        Unavailable: neither is there.
    """
    return secret_in_environment(DATABASE_VARIABLE) or _stack(engine_folder()).owner


def evidence_settings() -> EvidenceSettings:
    """What the environment says of evidence; where it names no store and no engine, that of the engine here."""
    from duban.io.evidence.settings import EvidenceSettings

    loaded, here = EvidenceSettings.load(), engine_folder() / EVIDENCE
    if loaded.evidence or is_elsewhere() or not here.is_dir():
        return loaded
    return loaded.model_copy(update={"evidence": str(here)})


def report_keys() -> ReportKeys | None:
    """The master keys that the environment names; where it names none and no engine, those of the engine here.

    Raises:
        SettingsError: they cannot be read.
    """
    from duban.io.report_keys import ReportKeys, ReportKeySettings

    loaded, here = ReportKeySettings.load(), engine_folder() / REPORT_KEY
    if loaded.report_key or is_elsewhere() or not here.is_file():
        return loaded.report_keys()
    return ReportKeys.load(here)


def console_settings() -> Settings:
    """The settings in the environment, with the database as whoever keeps the accounts comes into it.

    Raises:
        Unavailable: no database is set and no engine with accounts runs here.
    """
    from duban.io.settings import Settings

    if secret_in_environment(DATABASE_VARIABLE):
        return Settings.load()
    console = _stack(engine_folder()).console
    if console is None:
        raise Unavailable("the engine that runs here is of a release without accounts: start it anew with `duban up`")
    return Settings.load(database=console)


def is_elsewhere() -> bool:
    """Whether the environment names an engine."""
    return bool(os.environ.get(KAFKA_VARIABLE) or secret_in_environment(DATABASE_VARIABLE))


def accounts_key() -> Path | None:
    """The file with the key of the second factors: in the environment, or of the engine that runs here."""
    here = engine_folder() / ACCOUNTS_KEY
    given = os.environ.get("DUBAN_ACCOUNTS_KEY") or (here if here.is_file() else None)
    return Path(given) if given else None


def _running_here() -> dict[str, Any]:
    folder = engine_folder()
    running = _stack(folder)
    clock = os.environ.get("DUBAN_CLOCK") or note_of(folder).get("clock", "system")
    return {"kafka": running.kafka, "database": running.database, "clock": clock}


def engine_folder() -> Path:
    """The folder of the engine that runs here."""
    return Path(os.environ.get(FOLDER_VARIABLE) or FOLDER)


def _stack(folder: Path) -> Running:
    from duban_local.stack import find_running

    running = find_running(folder)
    if running is None:
        raise Unavailable(
            f"no engine runs here: start one with `duban up`, or set {KAFKA_VARIABLE}=host:port and "
            f"{DATABASE_VARIABLE}=postgresql://… to one that runs elsewhere"
        )
    return running


@asynccontextmanager
async def publishing(known: Settings) -> AsyncIterator[Publisher]:
    """A publisher; a broker that is away is told at once instead of being waited for."""
    from duban.io.publisher import Publisher
    from duban_console.kafka.topic_reader import topics_of

    await topics_of(known)
    publisher = Publisher(known, "duban-cli")
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


@asynccontextmanager
async def asking(known: Settings) -> AsyncIterator[LedgerReader]:
    """The ledger's views, for questions."""
    from duban_console.ledger import LedgerReader

    async with database(known) as pool:
        yield LedgerReader(pool)


@asynccontextmanager
async def database(known: Settings) -> AsyncIterator[Pool[Any]]:
    """The database, for whoever reads."""
    from duban.io.postgres import connect_pool

    try:
        pool = await connect_pool(known, "console")
    except Exception as error:
        if is_unavailable(error):
            raise Unavailable(
                f"PostgreSQL does not answer ({type(error).__name__}: {error}): start it, or set {DATABASE_VARIABLE}"
            ) from error
        raise
    try:
        yield pool
    finally:
        await pool.close()


async def present(known: Settings | None) -> datetime:
    """What time it is: by the machine's clock, or by the last tick of the driven one."""
    if known is None or known.clock == "system":
        return datetime.now(UTC)
    from duban.clock import DrivenClock
    from duban.io.decode import delivery
    from duban.messages.notices import TICKS, Tick
    from duban_console.kafka.topic_reader import records

    clock = DrivenClock()
    async for record in records(known, [Tick.TOPIC]):
        clock.tick(delivery(record, TICKS).message.data.at)
    return clock.now()
