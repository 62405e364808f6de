"""A whole service as a process: it becomes ready, works, and ends in order."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, ClassVar

import httpx2
import pytest

from duban.io.consumer import Delivery, Source
from duban.io.service import Shell, run_service
from duban.io.settings import Settings
from duban.messages.envelope import Payload, Record

pytestmark = pytest.mark.stack
Make = Callable[..., Awaitable[str]]
Eventually = Callable[..., Awaitable[None]]


class Note(Payload):
    TOPIC: ClassVar[str] = "test.notes"
    TYPE: ClassVar[str] = "test.note"


class NotesSettings(Settings):
    notes_topic: str
    notes_fail: bool = False
    notes_wait: bool = False
    notes_deaf: bool = False
    notes_last: bool = False


class Failing:
    async def run(self) -> None:
        raise RuntimeError("the sweep fell over")

    def stop(self) -> None: ...


async def compose(shell: Shell[NotesSettings]) -> None:
    async def handle(batch: Sequence[Delivery[Any]]) -> Sequence[Record]:
        return []

    if shell.settings.notes_wait:
        await asyncio.Event().wait()
    if shell.settings.notes_deaf:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    shell.runner("notes", [Source((shell.settings.notes_topic,), {"test.note": Note}, handle)])
    if shell.settings.notes_fail:
        shell.run(Failing())
    if shell.settings.notes_last:
        os.kill(os.getpid(), signal.SIGTERM)


@asynccontextmanager
async def service(stack: Any, database: str, topic: str, port: int, **more: str) -> AsyncIterator[Any]:
    settings = {
        "DUBAN_KAFKA": stack.kafka,
        "DUBAN_DATABASE": database,
        "DUBAN_NOTES_TOPIC": topic,
        "DUBAN_HEALTH_PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, env={**os.environ, **settings, **more}, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def readiness(port: int) -> dict[str, Any]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        try:
            found: dict[str, Any] = (await client.get(f"http://127.0.0.1:{port}/readyz")).json()
        except httpx2.TransportError:
            return {"ready": False}
        return found


async def test_it_becomes_ready_says_its_durability_and_ends_in_order_on_sigterm(
    stack: Any, database: str, topic: Make, unused_tcp_port: int, eventually: Eventually
) -> None:
    async with service(stack, database, await topic("notes"), unused_tcp_port) as process:
        found: dict[str, Any] = {}

        async def is_ready() -> bool:
            nonlocal found
            found = await readiness(unused_tcp_port)
            return bool(found["ready"])

        await eventually(is_ready, within=60)
        assert found["checks"] == dict.fromkeys(
            ("started", "database", "broker", "not draining", "assigned notes"), True
        )
        assert found["durability"].startswith("single broker")
        process.send_signal(signal.SIGTERM)
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    events = [json.loads(line)["event"] for line in out.splitlines()]
    assert (events[0], events[-1]) == ("starting", "stopped")


async def test_a_part_that_fails_ends_the_process_with_one_line_that_says_why(
    stack: Any, database: str, topic: Make, unused_tcp_port: int
) -> None:
    async with service(stack, database, await topic("notes"), unused_tcp_port, DUBAN_NOTES_FAIL="yes") as process:
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    last = json.loads(out.splitlines()[-1])
    assert (last["event"], last["level"]) == ("ended", "critical")
    assert "the sweep fell over" in last["exception"]


async def test_a_service_that_waits_for_its_database_says_so_and_still_ends_on_sigterm(
    stack: Any, topic: Make, unused_tcp_port_factory: Callable[[], int], eventually: Eventually
) -> None:
    port, nobody = unused_tcp_port_factory(), unused_tcp_port_factory()
    async with service(stack, f"postgresql://u@127.0.0.1:{nobody}/d", await topic("notes"), port) as process:
        await eventually(lambda: _says(port, {"started": False}))
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0


async def test_a_service_that_waits_while_it_is_wired_still_ends_on_sigterm(
    stack: Any, database: str, topic: Make, unused_tcp_port: int, eventually: Eventually
) -> None:
    wired = {"started": False, "database": True, "broker": True}
    async with service(stack, database, await topic("notes"), unused_tcp_port, DUBAN_NOTES_WAIT="yes") as process:
        await eventually(lambda: _says(unused_tcp_port, wired))
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0


@pytest.mark.parametrize("how", ["DEAF", "LAST"])
async def test_sigterm_counts_that_comes_with_the_last_of_the_beginning_or_is_swallowed_by_it(
    stack: Any, database: str, topic: Make, unused_tcp_port: int, eventually: Eventually, how: str
) -> None:
    async with service(stack, database, await topic("notes"), unused_tcp_port, **{f"DUBAN_NOTES_{how}": "yes"}) as one:
        if how == "DEAF":
            wired = {"started": False, "database": True, "broker": True}
            await eventually(lambda: _says(unused_tcp_port, wired))
            one.send_signal(signal.SIGTERM)
        out, _ = await asyncio.wait_for(one.communicate(), 60)
    assert one.returncode == 0
    assert json.loads(out.splitlines()[-1])["event"] == "stopped"


async def test_a_bad_setting_ends_the_process_at_once_and_is_named(
    stack: Any, database: str, topic: Make, unused_tcp_port: int
) -> None:
    async with service(stack, database, "t", unused_tcp_port, DUBAN_BATCH_SIZE="many") as process:
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert b"DUBAN_BATCH_SIZE" in out


async def _says(port: int, checks: dict[str, bool]) -> bool:
    return (await readiness(port)).get("checks") == checks


if __name__ == "__main__":
    run_service("notes", NotesSettings, compose, schema="notes", topics=[os.environ["DUBAN_NOTES_TOPIC"]])
