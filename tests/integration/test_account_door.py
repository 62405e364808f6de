"""The API of a running engine where it is told where the accounts are: it asks who comes, and the ledger names them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import uuid4

import httpx2
import pytest

from duban_cli.system import System
from duban_local.children import free_port
from duban_local.roles import CONSOLE
from tests.commanding import Run, command_on, lines
from tests.conftest import Stack, eventually

pytestmark = pytest.mark.stack


@pytest.fixture
def accounts(system: System) -> str:
    """The database, for whoever keeps the accounts."""
    return system.stack.database_of(CONSOLE)


@pytest.fixture
def duban(system: System, accounts: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    return command_on(Stack(system.kafka, accounts), monkeypatch)


@pytest.fixture
async def api(system: System, accounts: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A second API of the engine, which asks who comes."""
    port, health = free_port(), free_port()
    told = {
        "DUBAN_KAFKA": system.kafka, "DUBAN_DATABASE": system.database, "DUBAN_ACCOUNTS": accounts,
        "DUBAN_API_PORT": str(port), "DUBAN_HEALTH_PORT": str(health),
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "duban_console.api", env={**os.environ, **told}, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:

            async def serves() -> bool:
                with suppress(httpx2.TransportError):
                    return (await client.get(f"http://127.0.0.1:{health}/readyz")).status_code == 200
                return False

            await eventually(serves)
            yield client
    finally:
        process.terminate()
        await process.wait()


async def signed_in(duban: Run, api: httpx2.AsyncClient, appointment: str) -> dict[str, str]:
    """The headers of somebody who was appointed so and has signed in, with a password of their own."""
    name = f"a{uuid4().hex[:8]}"
    given = (await duban("account", "add", name, "--as", appointment)).stdout.strip()
    who = {"name": name, "password": given, "new_password": "a word of my own, and long"}
    answer = await api.post("/v1/sessions", json=who)
    assert answer.status_code == 201, answer.text
    return {"authorization": f"Bearer {answer.json()['token']}", "name": name}


async def test_who_acts_is_who_is_signed_in_and_a_unit_sees_its_own(
    duban: Run, api: httpx2.AsyncClient, system: System
) -> None:
    nobody = await api.get("/v1/problems")
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "no_token")
    report = {
        "id": uuid4().hex, "source": "citizens", "jurisdiction": "smallville", "channel": "hotline",
        "title": "河水发臭", "category": "river", "area": "north-town",
    }  # fmt: skip
    async with httpx2.AsyncClient(base_url=system.urls["gateway"], timeout=20) as gateway:
        problem = (await gateway.post("/v1/reports", json=report)).json()["problem_id"]
    office = await signed_in(duban, api, "office:smallville:office")
    path = f"/v1/problems/{problem}"

    async def registered() -> bool:
        return (await api.get(path, headers=office)).status_code == 200

    await eventually(registered)
    lead = (await api.get(path, headers=office)).json()["lead_unit"]
    stranger = await signed_in(duban, api, "unit_clerk:smallville:nobody-here")
    assert (await api.get(path, headers=stranger)).status_code == 404
    assert problem not in (await api.get("/v1/problems", headers=stranger)).text

    clerk = await signed_in(duban, api, f"unit_clerk:smallville:{lead}")
    act = {"action": "acknowledge", "actor": {"unit": "office"}}
    foreign = await api.post(f"{path}/actions?wait=20", headers=clerk, json=act)
    assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "other_unit")
    done = await api.post(f"{path}/actions?wait=20", headers=clerk, json={**act, "actor": {"unit": lead}})
    assert done.status_code == 200, done.text
    history = (await api.get(f"{path}/history", headers=clerk)).json()
    assert history["events"][-1]["actor"] == {"unit": lead, "person": clerk["name"]}

    await duban("account", "off", clerk["name"])
    ended = await api.get(path, headers=clerk)
    assert (ended.status_code, ended.json()["error"]["code"]) == (401, "no_session")
    log = lines(await duban("account", "audit", "--json"))
    assert [line["kind"] for line in log if line["account"] == clerk["name"]] == [
        "account_added", "password_set", "signed_in", "turned_off", "session_ended",
    ]  # fmt: skip
