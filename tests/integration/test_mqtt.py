"""The gateway of MQTT beside a broker of others: what it has acknowledged there is on our broker, whatever ends it."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import sys
from asyncio.subprocess import DEVNULL, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from aiomqtt import Client

from duban.io.settings import Settings
from duban.messages.readings import StationReadings
from duban.messages.report import Report
from duban_cli.system import System
from duban_console.kafka.topic_reader import records
from duban_local.children import free_port
from tests.commanding import Run, command_on, lines
from tests.conftest import eventually
from tests.given import ROOT
from tests.snippets import snippet
from tests.unit.test_escalation_notices import own_authority

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(
        not (shutil.which("mosquitto") and shutil.which("mosquitto_pub")), reason="mosquitto is not installed"
    ),
]
MESSAGES = 240


@pytest.fixture
def duban(system: System, monkeypatch: pytest.MonkeyPatch) -> Run:
    return command_on(system, monkeypatch)


@dataclass(frozen=True)
class Mosquitto:
    """A broker of MQTT: where devices speak in plain, and where the gateway shows who it is, over TLS."""

    port: int
    secure: int
    folder: Path


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    port, secure = free_port(), free_port()
    own_authority(tmp_path)
    (tmp_path / "password").write_text("a secret\n", "utf-8")
    (tmp_path / "users").write_text("gateway:a secret\n", "utf-8")
    await run(f"mosquitto_passwd -U {tmp_path}/users")
    configuration = tmp_path / "mosquitto.conf"
    configuration.write_text(
        f"per_listener_settings true\nuser {getuser()}\nmax_queued_messages 0\n"
        f"listener {port} 127.0.0.1\nallow_anonymous true\n"
        f"listener {secure} 127.0.0.1\npassword_file {tmp_path}/users\n"
        f"certfile {tmp_path}/pem\nkeyfile {tmp_path}/pem\n",
        "utf-8",
    )
    process = await asyncio.create_subprocess_exec("mosquitto", "-c", configuration, stdout=DEVNULL, stderr=DEVNULL)

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    try:
        await eventually(listens)
        yield Mosquitto(port, secure, tmp_path)
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def gateway(system: System, mosquitto: Mosquitto) -> AsyncIterator[Process]:
    """The process, once it listens; ended in order, unless it has been killed before."""
    health = free_port()
    environment = {
        "DUBAN_KAFKA": system.kafka,
        "DUBAN_DATABASE": system.stack.database_of("gateway"),
        "DUBAN_HEALTH_PORT": str(health),
        "DUBAN_MQTT_BROKER": f"mqtts://localhost:{mosquitto.secure}",
        "DUBAN_MQTT_CA": f"{mosquitto.folder}/pem",
        "DUBAN_MQTT_CLIENT": "one",
        "DUBAN_MQTT_USER": "gateway",
        "DUBAN_MQTT_PASSWORD_FILE": f"{mosquitto.folder}/password",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "duban_intake.mqtt", env={**os.environ, **environment}, stdout=DEVNULL
    )

    async def ready() -> bool:
        assert process.returncode is None
        try:
            async with httpx2.AsyncClient(timeout=60) as client:
                return (await client.get(f"http://127.0.0.1:{health}/readyz")).status_code == 200
        except httpx2.TransportError:
            return False

    try:
        await eventually(ready)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        code = await process.wait()
    assert code in (0, -9)


async def sent(system: System, topic: str, source: str) -> list[tuple[str, Any]]:
    """The id and the data of each message of ``source`` on ``topic``."""
    found = [record async for record in records(Settings(kafka=system.kafka), [topic])]
    told = [(dict(record.headers), record.value) for record in found]
    return [
        (str(headers["ce_id"], "utf-8"), json.loads(value or b"{}"))
        for headers, value in told
        if headers["ce_source"] == source.encode()
    ]


async def test_what_is_published_at_a_broker_of_mqtt_comes_in_once_though_the_gateway_is_killed_in_the_middle(
    duban: Run, system: System, mosquitto: Mosquitto
) -> None:
    bins, air = f"bins-{uuid4().hex[:8]}", f"air-{uuid4().hex[:8]}"
    for name, block in ((bins, "mqtt source"), (air, "mqtt readings source")):
        add = shlex.split(snippet("integrating.md", block, {f"add {name.partition('-')[0]}": f"add {name}",
                                                            "mianyang": "smallville"}))  # fmt: skip
        done = await duban(*(str(ROOT / word) if word.startswith("docs/") else word for word in add[1:]))
        assert done.stdout == ""  # no key: the broker of MQTT says who may speak
    assert "has no key" in (await duban("source", "rotate", bins, code=4)).stderr

    async with gateway(system, mosquitto) as process, Client("127.0.0.1", mosquitto.port) as client:

        async def publish(numbers: range) -> None:
            for number in numbers:
                text = json.dumps({"id": f"M-{number}", "title": "河水发臭", "type": "水污染"})
                await client.publish("city/north-town/reports", text, qos=1)

        await publish(range(MESSAGES // 2))
        process.kill()
        await process.wait()
        await publish(range(MESSAGES // 2, MESSAGES))
        await client.publish("city/north-town/reports", b"\xff no JSON", qos=1)
    async with gateway(system, mosquitto):
        for block in ("mqtt report", "mqtt readings"):
            await run(snippet("integrating.md", block, {"1883": str(mosquitto.port)}))

        async def dead() -> list[Any]:
            return [one async for one in records(Settings(kafka=system.kafka), ["duban.mqtt.v1.duban-mqtt.dlq"])]

        async def there() -> bool:
            ids = {id_ for id_, _ in await sent(system, Report.TOPIC, bins)}
            return len(ids) > MESSAGES and bool(await sent(system, StationReadings.TOPIC, air)) and bool(await dead())

        await eventually(there)
    reports = await sent(system, Report.TOPIC, bins)
    assert {id_ for id_, _ in reports} == {*(f"M-{number}" for number in range(MESSAGES)), "B-1"}
    [shown] = [data for id_, data in reports if id_ == "B-1"]
    assert (shown["area"], shown["category"], shown["observed_at"]) == ("north-town", "river", "2026-03-01T00:00:00Z")
    # What came again is word for word what came before.
    assert len({(id_, json.dumps(data)) for id_, data in reports}) == MESSAGES + 1
    [(_, readings)] = await sent(system, StationReadings.TOPIC, air)
    assert (readings["station"], readings["at"]) == ("0001", "2026-03-01T00:00:00Z")
    assert readings["factors"] == [
        {"factor": "a34004", "value": 81.5, "high": 75.0},
        {"factor": "a34002", "value": 120.0, "maximum": 160.0, "flag": "N"},
    ]
    assert Counter((one.value, dict(one.headers)["duban.dlq.code"]) for one in await dead()) == {
        (b"\xff no JSON", b"not_json"): 1
    }

    async def told() -> bool:
        [shown] = lines(await duban("source", "doctor", bins, "--json"))
        return any(refusal["code"] == "not_json" for refusal in (shown["activity"] or {"refusals": []})["refusals"])

    await eventually(told)


async def run(command: str) -> None:
    process = await asyncio.create_subprocess_exec(*shlex.split(command))
    assert await process.wait() == 0
