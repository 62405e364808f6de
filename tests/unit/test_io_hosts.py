"""A page that points its own name to this machine reads nothing: a server refuses hosts that it does not know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI

from duban.io.faults import Faulty
from duban.io.health import Health
from duban.io.hosts import Hosts
from duban.io.http import Http
from duban.io.settings import ServerSettings
from duban_local.children import free_port
from tests.conftest import eventually

ALLOWED = "duban.example, Other.example"


@pytest.mark.parametrize(
    "header",
    ["localhost", "LOCALHOST:8320", "127.0.0.1", "127.0.0.1:8320", "127.8.8.8", "[::1]:8320", "[::1]", "10.1.2.3:80",
     "duban.example", "other.example:443"],
)  # fmt: skip
def test_loopback_what_is_bound_and_what_is_allowed_are_known(header: str) -> None:
    assert Hosts("10.1.2.3", ALLOWED).refusal(header) is None


@pytest.mark.parametrize(
    "header",
    ["evil.example", "10.1.2.4", "localhost.evil.example", "evil.example:127", "evil@localhost",
     "localhost/evil.example",
     "localhost, evil.example", "[localhost]", "::1", "", " ", None, "x" * 100_000],
)  # fmt: skip
def test_any_other_is_refused_with_what_to_set(header: str | None) -> None:
    why = Hosts("10.1.2.3", ALLOWED).refusal(header)
    assert why is not None
    assert "DUBAN_ALLOWED_HOSTS" in why
    assert len(why) < 300


@pytest.mark.parametrize("bound", ["0.0.0.0", "::"])
def test_a_server_on_every_address_answers_to_any_address_but_to_no_other_name(bound: str) -> None:
    hosts = Hosts(bound)
    assert hosts.refusal("10.244.0.7:8331") is None
    assert hosts.refusal("[fd00::7]:8331") is None
    assert hosts.refusal("evil.example:8331") is not None


def app() -> FastAPI:
    made = FastAPI()

    @made.get("/healthz")
    async def alive() -> dict[str, bool]:
        return {"alive": True}

    return made


@pytest.fixture(params=["http", "health"])
async def port(request: pytest.FixtureRequest) -> AsyncIterator[int]:
    """The port of a server that answers ``/healthz`` and is known as duban.example too."""
    if request.param == "health":
        health = Health("router")
        yield await health.start("127.0.0.1", 0, ALLOWED)
        await health.stop()
        return
    port = free_port()
    http = Http(app(), ServerSettings(allowed_hosts=ALLOWED), port, "DUBAN_PORT")
    running = asyncio.create_task(http.run())
    await eventually(lambda: http.listening)
    yield port
    http.stop()
    await running


async def test_the_servers_refuse_in_the_one_shape_whatever_the_path(port: int) -> None:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for path in ("/healthz", "/metrics", "/nowhere"):
            answer = await client.get(path, headers={"host": "evil.example"})
            assert answer.status_code == 421
            error = Faulty.model_validate_json(answer.content).error
            assert (error.code, error.field) == ("unknown_host", "host")
            assert "evil.example" in error.message
        for host in ("localhost", "duban.example", f"127.0.0.1:{port}"):
            assert (await client.get("/healthz", headers={"host": host})).status_code == 200
