"""On the driven clock, what people do counts at the last tick."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from uuid import uuid4

import httpx2
import pytest
from typer.testing import CliRunner

from duban.io.publisher import Publisher
from duban.messages import commands as do
from duban.messages.envelope import Message, Payload, encode
from duban.messages.notices import Tick
from duban.messages.report import Filed, Report
from duban_cli import app
from duban_cli.system import running
from tests.given import ROOT, SMALL

REPORTED_AT = datetime(2022, 4, 6, 2, 0, tzinfo=UTC)
ACTED_AT = datetime(2022, 4, 7, 3, 30, tzinfo=UTC)


def message(key: str, at: datetime, data: Payload) -> Message[Payload]:
    return Message(str(uuid4()), "test", key, at, "smallville", key, data)


async def test_an_action_counts_at_the_last_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    packs = [SMALL, ROOT / "deploy/calendars/cn.yaml"]
    async with running(services=["router", "api"], publish=packs, clock="driven") as system:
        publisher = Publisher(system.settings, "test")
        await publisher.start()
        key = str(uuid4())
        report = Report(jurisdiction="smallville", channel="hotline", title="Smoke", category="river")
        filed = Filed(source="test", id="1", received_at=REPORTED_AT, report=report)
        register = do.Register(actor=do.Actor(unit=do.ENGINE), filed=filed)
        ticks = [message("clock", at, Tick(at=at)) for at in (REPORTED_AT, ACTED_AT)]
        await publisher.publish([encode(message(key, REPORTED_AT, register)), *map(encode, ticks)])
        await publisher.stop()

        monkeypatch.setenv("DUBAN_KAFKA", system.kafka)
        monkeypatch.setenv("DUBAN_DATABASE", system.database)
        monkeypatch.setenv("DUBAN_FOLDER", str(system.folder))
        monkeypatch.setenv("DUBAN_CLOCK", "driven")
        async with httpx2.AsyncClient(base_url=system.urls["api"], timeout=60, headers=system.bearer) as client:
            while (await client.get(f"/v1/problems/{key}")).status_code == 404:
                pass
            arguments = ["act", key, "acknowledge", "--unit", "water", "--json"]
            by_command = await asyncio.to_thread(CliRunner().invoke, app, arguments)
            body = {"action": "progress", "note": "half way", "actor": {"unit": "water"}}
            by_api = await client.post(f"/v1/problems/{key}/actions", params={"wait": 30}, json=body)
        assert json.loads(by_command.stdout)["events"][0]["at"] == "2022-04-07T03:30:00Z", by_command.stderr
        assert by_api.json()["events"][0]["at"] == "2022-04-07T03:30:00Z", by_api.text
