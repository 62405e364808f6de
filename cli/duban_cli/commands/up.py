"""``duban up``: the whole engine on this machine."""

from __future__ import annotations

import asyncio
import os
import signal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from duban_cli.connection import FOLDER_VARIABLE
from duban_cli.output import ExitCode, command, err, fail
from duban_local import DATABASE_VARIABLE, FOLDER

if TYPE_CHECKING:
    from duban_cli.system import System
    from duban_local.children import Say


class ClockName(StrEnum):
    """Which clock the services go by."""

    SYSTEM = "system"
    DRIVEN = "driven"


@command
async def up(
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin with an empty broker and database.")] = False,
    clock: Annotated[ClockName, typer.Option(help="The machine's clock, or one driven by ticks.")] = ClockName.SYSTEM,
    no_services: Annotated[bool, typer.Option("--no-services", help="Only broker, database, topics, packs.")] = False,
    hj212: Annotated[
        Path | None, typer.Option(help="Run the gateway of HJ 212 too, with this registry of devices.")
    ] = None,
    mqtt: Annotated[
        str | None, typer.Option(help="Run the gateway of MQTT too, for this broker: mqtt://HOST:PORT, or mqtts://.")
    ] = None,
    mail: Annotated[
        bool, typer.Option("--mail", help="Run the gateway of mail too; DUBAN_MAIL_IMAP names a mailbox to be polled.")
    ] = False,
    demo_accounts: Annotated[
        bool, typer.Option("--demo-accounts", help="An account of each role, to try out who may what.")
    ] = False,
    folder: Annotated[
        Path, typer.Option(envvar=FOLDER_VARIABLE, help="Where data and logs lie.", show_default=False)
    ] = FOLDER,
) -> None:
    """Run the whole engine on this machine until Ctrl-C: broker, database, topics, packs, services.

    With DUBAN_KAFKA or DUBAN_DATABASE set, those are used and none is started in their place.

    Example: duban up --fresh
    """
    from duban_cli.system import USUAL, running
    from duban_intake.hj212.register_file import RegisterFile
    from duban_intake.mqtt.settings import MqttSettings

    if demo_accounts and os.environ.get(DATABASE_VARIABLE):
        fail(ExitCode.USAGE, f"--demo-accounts is for the database of this folder: take it or {DATABASE_VARIABLE} away")
    console = err()

    def say(part: str, line: str) -> None:
        console.print(f"[bold]{part:>10}[/]  {escape(line)}")

    chosen: Literal["system", "driven"] = "driven" if clock is ClockName.DRIVEN else "system"
    services, env = () if no_services else (*USUAL, "detector"), {}
    if hj212 is not None:
        RegisterFile(hj212)  # its faults are told here, not in a log
        services, env = (*services, "hj212"), {"hj212": {"DUBAN_HJ212_DEVICES": str(hj212.resolve())}}
    if mqtt is not None:
        MqttSettings.load(mqtt_broker=mqtt).tls()  # as above
        services, env = (*services, "mqtt"), {**env, "mqtt": {"DUBAN_MQTT_BROKER": mqtt}}
    if mail:
        services = (*services, "mail")
    _cancel_once(say)
    try:
        async with running(
            folder, services=services, fresh=fresh, clock=chosen, env=env, keeps=True, say=say
        ) as system:
            if not no_services:
                await _tell_administrator(system, say)
            if demo_accounts:
                await _tell_trial(system, say)
            _tell(system, say)
            await asyncio.Event().wait()
    except asyncio.CancelledError:
        say("duban", "stopped")


def _cancel_once(say: Say) -> None:
    """Let the first Ctrl-C or SIGTERM end the command in order, and later ones not disturb it."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    stopping = False

    def end() -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            say("duban", "stopping, in order …")
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)


async def _tell_administrator(system: System, say: Say) -> None:
    """Have an administrator, and show the password of one that was made: here, this once, and in no log."""
    from duban_cli.trial_accounts import first_administrator

    given = await first_administrator(system.accounts)
    if given is not None and given.password is not None:
        say("accounts", f"{given.account.name} is the administrator; password, shown this once: {given.password}")
        say(
            "accounts",
            f"`duban login` asks for another in its place; a lost one: `duban account reset {given.account.name}`",
        )


async def _tell_trial(system: System, say: Say) -> None:
    """Have the accounts of a trial, by the packs that are published, and show where each begins."""
    from duban.policy import PolicyPack
    from duban_cli.trial_accounts import tell, trial_accounts
    from duban_console.packs import publication

    published = (await publication.published(system.settings)).values()
    trial = await trial_accounts(system.accounts, [each for each in published if isinstance(each, PolicyPack)])
    tell(trial, system.urls.get("api", ""), say)


def _tell(system: System, say: Say) -> None:
    """Where everything is."""
    for name, url in system.health.items():
        say(name, f"healthy: {url}/readyz")
    for name, url in system.urls.items():
        say(name, f"serves {url}")
    say("duban", f"runs; logs in {system.folder / 'logs'}; Ctrl-C stops it")
