"""The whole engine on one machine: broker, database, topics, packs and services, started and stopped in order.

    async with running() as system:                      # a temporary folder and free ports, gone afterwards
        system.kafka, system.database, system.urls["api"]
        await system.kill("router")                      # as a crash would; the supervisor starts it again
        await system.ready("router")

``duban up``, the demo, the fault tests and the benchmarks all begin here.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Final, Literal

from pydantic import SecretStr

from duban.io.anchor_key import AnchorKey
from duban.io.backoff import cancelled
from duban.io.broker import connection
from duban.io.publisher import Publisher
from duban.io.report_keys import ReportKeys
from duban.io.secret_variables import SUFFIX
from duban.io.settings import Settings
from duban.messages.sources import RegisteredSource
from duban_cli.connection import (
    ACCOUNTS_KEY,
    ANCHOR_KEY,
    CALLBACK_SECRETS,
    CHANNELS,
    EVIDENCE,
    REPORT_KEY,
    SOURCE_SECRETS,
)
from duban_cli.engine_note import leave_note, remove_note
from duban_cli.identity import LOCAL_KEY, secret_in
from duban_cli.local_key_file import LocalKeyFile
from duban_cli.schemas import migrate_all
from duban_console import sources
from duban_console.accounts.factor_seal import FactorSeal
from duban_console.packs import publication as packs
from duban_local import DATABASE_VARIABLE, KAFKA_VARIABLE, ROOT, rights, topics
from duban_local.children import LOOPBACK, Say, StackError, free_port, until
from duban_local.roles import CONSOLE, READER
from duban_local.stack import Stack, silent
from duban_local.supervisor import Service, Supervisor, answers

#: Of the embedded stack alone.
OPEN_SOURCE: Final = RegisteredSource(name="demo", is_open=True)
STORY_BEGINS: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Process:
    """How a service is run: its module, who it is to the database, its health port, and the port on which it serves.

    ``role`` is None for one that needs no database.
    """

    module: str
    role: str | None
    health_port: int
    port: int | None = None
    variable: str | None = None
    scheme: str = "http"


#: In the order in which they are started, which is against the stream: whoever reads is there before who writes.
SERVICES: Final[dict[str, Process]] = {
    "escalation": Process("duban_escalation", "escalation", 8303),
    "router": Process("duban_router", "router", 8302),
    "intake": Process("duban_intake", "intake", 8301),
    "detector": Process("duban_detector", None, 8304),
    "gateway": Process("duban_intake.gateway", "gateway", 8311, 8310, "DUBAN_GATEWAY_PORT"),
    "api": Process("duban_console.api", READER, 8321, 8320, "DUBAN_API_PORT"),
    "vault": Process("duban_intake.vault", "vault", 8331, 8330, "DUBAN_VAULT_PORT"),
    "hj212": Process("duban_intake.hj212", None, 8341, 8340, "DUBAN_HJ212_PORT", "tcp"),
    "mqtt": Process("duban_intake.mqtt", "gateway", 8351),
    "mail": Process("duban_intake.mail", "gateway", 8361, 8360, "DUBAN_MAIL_LMTP_PORT", "lmtp"),
}
#: Those that run unless somebody says otherwise; the others need somebody who speaks to them.
USUAL: Final = tuple(name for name in SERVICES if name not in ("hj212", "mqtt", "mail", "detector"))


#: Where the accounts are, for who asks for one.
ACCOUNTS_VARIABLE: Final = "DUBAN_ACCOUNTS"
#: Secrets that are some services' own, by how their variables begin: no other process is given them.
_OWN_SECRETS: Final = {
    ACCOUNTS_VARIABLE: ("api",), "DUBAN_VAULT_": ("gateway", "vault", "mail"), "DUBAN_WEBHOOK_": ("escalation",),
    "DUBAN_ANCHOR_": ("router", "intake", "api"), "DUBAN_REPORT_": ("intake", "gateway", "api"),
    "DUBAN_SOURCE_": ("gateway",), "DUBAN_CALLBACK_": ("escalation",), "DUBAN_MQTT_": ("mqtt",),
    "DUBAN_EVIDENCE": ("gateway", "api", "mail", "intake"), "DUBAN_MAIL_": ("mail",),
    "DUBAN_OPERATOR_": ("api",), "DUBAN_REPLAY_": ("api",),
    "DUBAN_CHANNELS": ("escalation",), "DUBAN_SMTP_": ("escalation",),
}  # fmt: skip
#: As whom the pages of operators, which the API's process shows, come to the brokers, by how the variables begin.
_OF_PAGES: Final = {"DUBAN_OPERATOR_KAFKA": "pages", "DUBAN_REPLAY_KAFKA": "replay"}
#: What a service is told of another one that it asks: where that is called.
_ASKED: Final = {"vault": {"DUBAN_VAULT_ACCOUNTS": "api"}}
#: Where such secrets lie in the folder of the stack, if nothing else is said.
_OWN_FILES: Final = {
    "DUBAN_ANCHOR_KEY": ANCHOR_KEY, "DUBAN_SOURCE_SECRETS": SOURCE_SECRETS, "DUBAN_CALLBACK_SECRETS": CALLBACK_SECRETS,
    "DUBAN_CHANNELS": CHANNELS, "DUBAN_EVIDENCE": EVIDENCE,
    "DUBAN_REPORT_KEY": REPORT_KEY, "DUBAN_ACCOUNTS_KEY": ACCOUNTS_KEY,
}  # fmt: skip


def deployed_packs() -> list[Path]:
    """The packs and calendars that come with the engine."""
    return sorted([*ROOT.glob("deploy/packs/*.yaml"), *ROOT.glob("deploy/calendars/*.yaml")])


@dataclass(slots=True)
class System:
    """The running engine. ``urls``: what people call, by service; ``health``: that of each service.

    ``services``: how each is run.
    """

    stack: Stack
    supervisor: Supervisor
    settings: Settings
    urls: dict[str, str] = field(default_factory=dict)
    health: dict[str, str] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)

    @property
    def kafka(self) -> str:
        """Bootstrap servers, ``host:port``."""
        return self.stack.kafka

    @property
    def database(self) -> str:
        """The URL of the database for whoever reads, ``postgresql://…``."""
        return self.stack.database_of(READER)

    @property
    def superuser(self) -> str:
        """The URL of who may do everything in the database, for benchmarks and tests."""
        return self.stack.superuser

    @property
    def accounts(self) -> str:
        """The URL of the database for whoever keeps the accounts."""
        return self.stack.database_of(CONSOLE)

    @property
    def bearer(self) -> dict[str, str]:
        """The header by which the command line of this machine is known to the API: it may act for every unit."""
        return {"authorization": f"Bearer {secret_in(self.folder / LOCAL_KEY)}"}

    @property
    def folder(self) -> Path:
        """Where data and logs lie; ``folder / "logs" / "<service>.log"``."""
        return self.stack.folder

    @property
    def pids(self) -> dict[str, int]:
        """The process id of every part that runs now, broker and database too."""
        return {**self.stack.pids, **self.supervisor.pids}

    async def ready(self, name: str, within: float = 120.0) -> None:
        """Return when the service ``name`` answers ready."""
        await until(lambda: answers(f"{self.health[name]}/readyz"), f"{name} was not ready", within)

    async def kill(self, name: str) -> int:
        """Kill a service as a crash would; it is started again by itself. Returns the pid that died."""
        return await self.supervisor.kill(name)

    async def restart(self, name: str, within: float = 120.0) -> int:
        """Let a service finish what it has in hand and start it again; its new pid, once it answers ready."""
        before = self.supervisor.pids[name]
        os.kill(before, signal.SIGTERM)

        async def another() -> bool:
            return self.supervisor.pids.get(name, before) != before

        await until(another, f"{name} did not start again", within)
        await self.ready(name, within)
        return self.supervisor.pids[name]


@asynccontextmanager
async def running(
    folder: Path | None = None,
    *,
    services: Iterable[str] = USUAL,
    fresh: bool = False,
    clock: Literal["system", "driven"] = "system",
    env: Mapping[str, Mapping[str, str]] | None = None,
    publish: Sequence[Path] | None = None,
    partitions: int | None = None,
    keeps: bool = False,
    brokers: int = 1,
    say: Say = silent,
) -> AsyncIterator[System]:
    """The engine, once every service is ready; stopped in reverse order at the end.

    ``folder``: where data and logs stay, on the usual ports; None means a temporary folder on free ports, removed at
    the end. ``services``: which of :data:`SERVICES` run. ``env``: variables for a service by its name, or for all
    under ``"*"``. ``publish``: packs and calendars, by default those in ``deploy``. ``partitions``: instead of the
    declared count. ``keeps``: broker and database are started again, too, when they end by themselves.
    ``brokers``: three are a cluster that can lose one. ``say(part, line)`` hears of the progress.

    Raises:
        StackError: a part cannot run; says which, why, and what to do.
    """
    temporary = folder is None
    with _temporary() if folder is None else nullcontext(folder) as place:
        port = 0 if temporary else None
        stack = Stack(place, kafka_port=port, database_port=port, fresh=fresh, keeps=keeps, brokers=brokers, say=say)
        async with engine(stack, services, clock, env or {}, publish, partitions, say, free=temporary) as system:
            yield system


@contextmanager
def _temporary() -> Iterator[Path]:
    """A folder that is gone afterwards, unless a part could not run: then the logs in it say why."""
    place = Path(mkdtemp(prefix="duban-"))
    try:
        yield place
    except StackError:
        raise
    except BaseException:
        rmtree(place)
        raise
    else:
        rmtree(place)


@asynccontextmanager
async def engine(
    stack: Stack,
    services: Iterable[str],
    clock: Literal["system", "driven"],
    env: Mapping[str, Mapping[str, str]],
    publish: Sequence[Path] | None,
    partitions: int | None,
    say: Say,
    *,
    free: bool,
    reached: Callable[[str], str] = str,
) -> AsyncIterator[System]:
    """The engine on ``stack``, which is started with it; on ``free`` ports, or on the usual ones.

    ``reached``: the address by which services reach a server, from its own; another one where something lies between.
    """
    names = _ordered(services)
    async with stack:
        database = SecretStr(stack.database_of(READER))
        settings = Settings(database=database, clock=clock, **stack.administration)
        await _migrate(stack, say)
        client = connection(settings, "duban-topics")
        bootstrap, replicas = ",".join(client.pop("bootstrap_servers")), max(1, len(stack.brokers))
        changes = await topics.apply(bootstrap, replication=replicas, partitions=partitions, **client)
        say("topics", f"{len(changes)} created or altered, the others stand as declared")
        if stack.authority is not None:
            await _grant(stack, settings, names)
        await _publish(settings, deployed_packs() if publish is None else publish, say)
        if stack.broker is not None and ("gateway" in names or not names):
            await _register(settings, say)
        AnchorKey.made(stack.folder / ANCHOR_KEY)
        keys = LocalKeyFile(stack.folder / LOCAL_KEY, stack.database_of(CONSOLE))
        asks = not set(names).isdisjoint(_OWN_SECRETS[ACCOUNTS_VARIABLE])
        if asks:
            await keys.renew()
        ReportKeys.made(stack.folder / REPORT_KEY)
        FactorSeal.made(stack.folder / ACCOUNTS_KEY)
        system = System(stack, Supervisor([], stack.folder / "logs", say=say), settings)
        planned = [_service(name, system, env, free=free, reached=reached) for name in names]
        planned = [_with_pages(service, system) if service.name == "api" else service for service in planned]
        system.services = {service.name: service for service in planned}
        system.supervisor = Supervisor(planned, stack.folder / "logs", say=say)
        async with system.supervisor:
            # For a second terminal: on which clock the engine runs, and where it is called.
            leave_note(stack.folder, {"clock": clock, "urls": system.urls, "health": system.health})
            renewal = asyncio.create_task(keys.keep() if asks else asyncio.sleep(0))
            try:
                yield system
            finally:
                await cancelled([renewal])
                remove_note(stack.folder)


def _ordered(services: Iterable[str]) -> list[str]:
    names = set(services)
    unknown = sorted(names - SERVICES.keys())
    if unknown:
        raise StackError(f"there is no service {unknown[0]}; there are {', '.join(SERVICES)}")
    return [name for name in SERVICES if name in names]


async def _migrate(stack: Stack, say: Say) -> None:
    migrated = await migrate_all(stack.owner)
    applied = [f"{schema} {migration}" for schema, done in migrated.items() for migration in done.applied]
    say("database", f"{', '.join(applied)} applied" if applied else "every migration stands")
    for schema, done in migrated.items():
        if done.ungranted:
            say("database", f"{schema}: every service runs as the owner: {done.ungranted}")


async def _grant(stack: Stack, settings: Settings, names: Iterable[str]) -> None:
    """Have the rights that are declared, and a password for each service."""
    from duban_cli.kafka_admin import KafkaAdministration

    administration = KafkaAdministration(settings)
    await administration.grant(rights.rights(topics.declaration(), settings.group_suffix))
    of_pages = _OF_PAGES.values() if "api" in names else ()
    files = {name: Path(stack.kafka_of(name)["DUBAN_KAFKA_PASSWORD_FILE"]) for name in (*names, *of_pages)}
    passwords = {f"{rights.PREFIX}{name}": file.read_text() for name, file in files.items()}
    await administration.set_passwords(passwords, settings.kafka_mechanism)


async def _publish(settings: Settings, files: Sequence[Path], say: Say) -> None:
    publisher = Publisher(settings, "duban-console")
    await publisher.start()
    try:
        at = datetime.now(UTC) if settings.clock == "system" else STORY_BEGINS
        for change in await packs.publish(settings, publisher, files, at):
            say("packs", f"{change.key} {'published' if change.action == 'publish' else 'stands as it is'}")
    finally:
        await publisher.stop()


async def _register(settings: Settings, say: Say) -> None:
    """Have the open source, by which this machine needs no key; one that was turned off stays off."""
    if OPEN_SOURCE.name in await sources.registered(settings):
        return
    publisher = Publisher(settings, "duban-console")
    await publisher.start()
    try:
        at = datetime.now(UTC) if settings.clock == "system" else STORY_BEGINS
        await publisher.publish([sources.record(OPEN_SOURCE, at)])
    finally:
        await publisher.stop()
    say("sources", f"{OPEN_SOURCE.name} is open: reports of this machine need no key")


def _service(
    name: str, system: System, env: Mapping[str, Mapping[str, str]], *, free: bool, reached: Callable[[str], str]
) -> Service:
    """How ``name`` is run; what it will be called at is written down in ``system``."""
    process = SERVICES[name]
    overrides = {**env.get("*", {}), **env.get(name, {})}
    variables = {
        **system.stack.kafka_of(name),
        KAFKA_VARIABLE: reached(system.kafka),
        "DUBAN_CLOCK": system.settings.clock,
        "DUBAN_HEALTH_PORT": str(free_port() if free else process.health_port),
    }
    if process.role:
        variables[DATABASE_VARIABLE] = reached(system.stack.database_of(process.role))
    if name in _OWN_SECRETS[ACCOUNTS_VARIABLE]:
        variables[ACCOUNTS_VARIABLE] = reached(system.stack.database_of(CONSOLE))
    if process.variable:
        usual = os.environ.get(process.variable, str(process.port))
        variables[process.variable] = str(free_port()) if free else usual
    others = tuple(prefix for prefix, owners in _OWN_SECRETS.items() if name not in owners)
    # Each is given its own URLs, in the variables, or where the stack is guarded in files. Health is plain here.
    others += (DATABASE_VARIABLE + SUFFIX, ACCOUNTS_VARIABLE + SUFFIX, "DUBAN_HEALTH_TLS_")
    if system.stack.authority is not None:
        for variable in {DATABASE_VARIABLE, ACCOUNTS_VARIABLE} & variables.keys():
            url = variables.pop(variable)
            variables[variable + SUFFIX] = str(system.stack.secret(f"{variable}-{name}", url))
    for variable, file in _OWN_FILES.items():
        if not variable.startswith(others) and not os.environ.get(variable):
            variables[variable] = str(system.folder / file)
    for variable, other in _ASKED.get(name, {}).items():
        if other in system.urls and not os.environ.get(variable):
            variables[variable] = system.urls[other]
    variables |= overrides
    system.health[name] = f"http://{LOOPBACK}:{variables['DUBAN_HEALTH_PORT']}"
    if process.variable:
        system.urls[name] = f"{process.scheme}://{LOOPBACK}:{variables[process.variable]}"
    argv = [sys.executable, "-m", process.module]
    return Service(name, argv, variables, ready=f"{system.health[name]}/readyz", withheld=others)


def _with_pages(api: Service, system: System) -> Service:
    """``api``, where operators and custodians have pages: it is told where the services of ``system`` are."""
    variables = {"DUBAN_OPERATOR_PAGES": "replay", "DUBAN_OPERATOR_SERVICES": ",".join(system.health.values())}
    if "vault" in system.urls:
        variables["DUBAN_VAULT"] = system.urls["vault"]
    if system.stack.authority is not None:
        for beginning, name in _OF_PAGES.items():
            its = system.stack.kafka_of(name)
            variables |= {f"{beginning}_{part}": its[f"DUBAN_KAFKA_{part}"] for part in ("USER", "PASSWORD_FILE")}
    return replace(api, env={**variables, **api.env})
