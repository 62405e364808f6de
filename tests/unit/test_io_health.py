"""Probes: alive if the loop turns, ready if every check says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx2
import pytest

from duban.io.backoff import waits
from duban.io.health import Health
from duban.io.metrics import RECORDS


@pytest.fixture
async def health() -> AsyncIterator[Health]:
    waits.clear()  # what others of this process still wait for is not ours
    found = Health("router")
    yield found
    await found.stop()


async def get(health: Health, path: str) -> httpx2.Response:
    port = await health.start("127.0.0.1", 0)
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://127.0.0.1:{port}{path}")


async def test_ready_when_every_check_holds(health: Health) -> None:
    async def broker() -> bool:
        return True

    health.check("broker", broker)
    health.check("assigned", lambda: True)
    health.fact("durability", lambda: "single broker")
    answer = await get(health, "/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "service": "router",
        "checks": {"broker": True, "assigned": True},
        "durability": "single broker",
    }


async def test_what_the_process_waits_for_is_named(health: Health) -> None:
    health.check("started", lambda: False)
    waits["broker"] = "NotGranted: User:duban-router lacks the ACL Read"
    try:
        answer = await get(health, "/readyz")
    finally:
        del waits["broker"]
    assert answer.json()["errors"] == {"broker": "NotGranted: User:duban-router lacks the ACL Read"}


async def test_a_check_that_fails_raises_or_is_cancelled_says_no_and_its_error_is_named(health: Health) -> None:
    async def cancelled() -> bool:
        raise asyncio.CancelledError

    health.check("good", lambda: True)
    health.check("fails", lambda: False)
    health.check("raises", lambda: 1 / 0 > 1)
    health.check("cancelled", cancelled)
    answer = await get(health, "/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"good": True, "fails": False, "raises": False, "cancelled": False}
    assert answer.json()["errors"] == {
        "raises": "ZeroDivisionError: division by zero",
        "cancelled": "what it waited for was cancelled",
    }


async def test_a_fact_that_raises_is_named_and_the_rest_is_told(health: Health) -> None:
    def durability() -> str:
        raise KeyError("no topic")

    health.fact("durability", durability)
    answer = await get(health, "/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "service": "router",
        "checks": {},
        "errors": {"durability": "KeyError: 'no topic'"},
    }


async def test_a_check_that_is_registered_while_others_are_asked_is_asked_the_next_time(health: Health) -> None:
    async def registers() -> bool:
        health.check("late", lambda: True)
        return True

    health.check("early", registers)
    assert await health.ready() == {"early": True}
    assert await health.ready() == {"early": True, "late": True}


async def test_alive_though_not_ready(health: Health) -> None:
    health.check("never", lambda: False)
    assert (await get(health, "/healthz?probe=1")).status_code == 200


async def test_metrics_are_in_the_format_of_prometheus(health: Health) -> None:
    RECORDS.labels("router", "duban.reports.v1").inc()
    answer = await get(health, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "# TYPE duban_records_total counter" in answer.text
    assert 'duban_records_total{group="router",topic="duban.reports.v1"}' in answer.text


async def test_metrics_are_told_as_openmetrics_where_that_is_asked_for(health: Health) -> None:
    port = await health.start("127.0.0.1", 0)
    async with httpx2.AsyncClient(trust_env=False) as client:
        asked = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
        answer = await client.get(f"http://127.0.0.1:{port}/metrics", headers=asked)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    assert "# UNIT duban_publish_seconds seconds" in answer.text


async def test_metrics_say_which_checks_hold_now(health: Health) -> None:
    health.check("broker", lambda: True)
    health.check("packs", lambda: False)
    answer = await get(health, "/metrics")
    assert 'duban_ready{check="broker"} 1.0' in answer.text
    assert 'duban_ready{check="packs"} 0.0' in answer.text


async def test_another_path_says_which_there_are(health: Health) -> None:
    answer = await get(health, "/nothing")
    assert answer.status_code == 404
    assert "/readyz" in answer.text


async def test_a_probe_is_answered_however_many_are_connected_and_say_nothing(health: Health) -> None:
    port = await health.start("127.0.0.1", 0)
    async with httpx2.AsyncClient(trust_env=False) as client:  # to make one takes longer than all that it is asked
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(200)]
        async with asyncio.timeout(4):
            assert (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
            for reader, _ in idle[:130]:  # long before their time is over
                with suppress(ConnectionError):
                    assert await reader.read() == b""
    for _, writer in idle:
        writer.close()
