"""The API while what it needs is away: it says so, and serves again by itself when it is back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

import httpx2
import pytest

from duban.io.publisher import Publisher
from duban.messages import commands as do
from duban.messages.envelope import Message, encode
from duban.messages.report import Filed, Report
from duban_cli.system import System, running
from duban_local.children import free_port
from tests.given import ROOT, SMALL


@pytest.fixture(scope="module")
async def system() -> AsyncIterator[System]:
    packs = [SMALL, ROOT / "deploy/calendars/cn.yaml"]
    env = {"api": {"DUBAN_PUBLISH_TIMEOUT": "1", "DUBAN_API_PORT": str(free_port())}}
    async with running(services=["router", "api"], publish=packs, env=env) as found:
        if found.stack.server is None:
            pytest.skip("the database runs elsewhere and cannot be stopped")
        yield found


async def answered(system: System, path: str = "/v1/problems") -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=system.urls["api"], timeout=60, headers=system.bearer) as client:
        return await client.get(path)


async def test_variables_for_a_service_reach_it_and_move_its_address(system: System) -> None:
    assert (await answered(system)).status_code == 200


async def test_while_the_database_is_away_the_api_says_so_and_then_serves_again(
    system: System, eventually: Callable[..., Awaitable[None]]
) -> None:
    server = system.stack.server
    assert server is not None
    await server.stop()
    try:
        for path in ("/v1/problems", f"/v1/problems/{uuid4()}", "/v1/commands/x"):
            answer = await answered(system, path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
            assert answer.headers["retry-after"]
    finally:
        await server.start()

    async def serves() -> bool:
        return (await answered(system)).status_code == 200

    await eventually(serves)


async def test_while_the_broker_is_away_an_action_is_not_accepted_and_the_same_one_is_later(system: System) -> None:
    broker = system.stack.broker
    assert broker is not None
    problem_id = uuid4()
    report = Report(jurisdiction="smallville", channel="hotline", title="Smoke", category="river")
    filed = Filed(source="test", id="1", received_at=datetime.now(UTC), report=report)
    register = do.Register(actor=do.Actor(unit=do.ENGINE), filed=filed)
    key = str(problem_id)
    publisher = Publisher(system.settings, "test")
    await publisher.start()
    await publisher.publish([encode(Message("r", "test", key, datetime.now(UTC), "smallville", key, register))])
    await publisher.stop()
    body = {"action": "acknowledge", "actor": {"unit": "water"}, "id": "once"}
    async with httpx2.AsyncClient(base_url=system.urls["api"], timeout=60, headers=system.bearer) as client:
        while (await client.get(f"/v1/problems/{problem_id}")).status_code != 200:
            pass
        await broker.stop()
        try:
            away = await client.post(f"/v1/problems/{problem_id}/actions", json=body)
        finally:
            await broker.start()
        assert (away.status_code, away.json()["error"]["code"]) == (503, "unavailable")
        accepted = await client.post(f"/v1/problems/{problem_id}/actions", params={"wait": 30}, json=body)
        while accepted.status_code in (202, 503):  # the router takes its time too, and the action stays the same
            accepted = await client.post(f"/v1/problems/{problem_id}/actions", params={"wait": 30}, json=body)
        assert accepted.json()["problem"]["status"] == "underway", accepted.text


async def test_a_service_that_is_killed_or_restarted_is_there_again_as_another_process(system: System) -> None:
    before = system.pids["api"]
    assert await system.kill("api") == before
    await system.ready("api")
    killed = system.pids["api"]
    restarted = await system.restart("api")
    assert len({before, killed, restarted}) == 3
    assert (await answered(system)).status_code == 200
