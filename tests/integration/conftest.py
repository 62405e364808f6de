"""The engine that tests of doors and documents share: started once, whoever needs it first."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from duban_cli.system import System, running
from tests.collector import Collector, collecting
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
    async with httpx2.AsyncClient(base_url=system.urls["gateway"], timeout=20) as client:
        yield client


@pytest.fixture
async def api(system: System) -> AsyncIterator[httpx2.AsyncClient]:
    """Asks the API, as whoever may see everything."""
    async with httpx2.AsyncClient(base_url=system.urls["api"], timeout=20, headers=system.bearer) as client:
        yield client
