"""The engine that tests of doors and documents share: started once, whoever needs it first."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx2
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from duban_cli.system import System, running
from tests.collector import Collector, collecting
from tests.conftest import Stack, eventually
from tests.given import ROOT, SMALL


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """What is told what becomes of each message of ``system``."""
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="session")
async def system(collector: Collector) -> AsyncIterator[System]:
    """Every server of the engine, for Smallville, with a vault and the open source of every embedded stack."""
    packs = [SMALL, ROOT / "deploy/calendars/cn.yaml"]
    vault = {"DUBAN_VAULT_KEY": b64encode(bytes(32)).decode()}
    services = ["router", "intake", "detector", "gateway", "vault", "api"]
    # A member that is killed is missed after this; a broker takes no less.
    env = {"gateway": vault, "vault": vault, "detector": {"DUBAN_SESSION_TIMEOUT": "6"}}
    env["*"] = {"DUBAN_TRACES": collector.url}
    env["api"] = {"DUBAN_SIGN_IN_RATE": "0"}  # every test signs in from one address
    async with running(services=services, publish=packs, env=env) as system:
        yield system


@pytest.fixture
async def gateway(system: System) -> AsyncIterator[httpx2.AsyncClient]:
    """Asks the gateway."""
    async with httpx2.AsyncClient(base_url=system.urls["gateway"], timeout=60) as client:
        yield client


@pytest.fixture
async def api(system: System) -> AsyncIterator[httpx2.AsyncClient]:
    """Asks the API, as whoever may see everything."""
    async with httpx2.AsyncClient(base_url=system.urls["api"], timeout=60, headers=system.bearer) as client:
        yield client


@pytest.fixture
async def topic(stack: Stack, topic: Callable[..., Awaitable[str]]) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """A function that creates a topic, as everywhere; it is there, and none that had its name before.

    A broker shows a moment later what was created and deleted: meanwhile records may still go to the topic of the test
    before, and with it.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await admin.start()

    async def shows(name: str, partitions: int) -> bool:
        [description] = await admin.describe_topics([name])
        shown = description["partitions"] if description["error_code"] == 0 else []
        return len(shown) == partitions and all(part["leader"] >= 0 for part in shown)

    async def make(name: str, partitions: int = 1, *, exact: bool = False, **config: str) -> str:
        if exact:
            await eventually(lambda: shows(name, 0))
        created = await topic(name, partitions, exact=exact, **config)
        await eventually(lambda: shows(created, partitions))
        return created

    yield make
    await admin.close()
