"""Sign-in by a real provider: through its pages to a session of the API, and the tokens that it gives systems."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx2
import pytest

from duban_cli.connection import ACCOUNTS_KEY
from duban_cli.output import ExitCode
from duban_cli.system import System
from duban_local.children import free_port
from duban_local.roles import CONSOLE
from tests.commanding import Run, command_on, lines
from tests.conftest import Stack, eventually
from tests.given import ROOT
from tests.sign_in import SignInProvider, at_provider, installed, sign_in_provider

pytestmark = pytest.mark.stack

AUDIENCE: Final = "https://duban.example/api"
MAPPING: Final = """
people:
  admit:
    - when: {groups: clerks}
      appointments: [{role: unit_clerk, jurisdiction: smallville, unit: north-town}]
systems:
  admit:
    - when: {client_id: hotline}
      scope: read
      appointments: [{role: office, jurisdiction: smallville, unit: office}]
"""
#: What the provider knows of whom; the names are new in each run, since an account stays.
LI, OTHER, TURNED_OFF = (f"{name}-{uuid4().hex[:6]}" for name in ("li", "other", "off"))
PEOPLE: Final = {
    LI: {"name": "李娜", "groups": ["clerks", "others"]}, OTHER: {"name": "王强", "groups": ["others"]},
    TURNED_OFF: {"name": "陈晨", "groups": ["clerks"]},
}  # fmt: skip


class City:
    """The API of a city with a provider, and people before their browsers."""

    def __init__(self, url: str, provider: SignInProvider) -> None:
        self.url = url
        self.provider = provider
        self.begin = f"{url}/v1/sessions/oidc"
        self.callback = f"{self.begin}/callback"

    async def way_back(self, browser: httpx2.AsyncClient, name: str, **query: str) -> str:
        """The URL by which the browser of ``name`` comes back, after they have signed in at the provider."""
        answer = await browser.get(self.begin, params=query)
        assert answer.status_code == 303, answer.text
        return await at_provider(browser, answer.headers["location"], self.callback, name)

    async def shown(self, token: str) -> httpx2.Response:
        async with httpx2.AsyncClient(timeout=60) as system:
            return await system.get(f"{self.url}/v1/me", headers={"authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file: Path = tmp_path_factory.mktemp("oidc") / "mapping.yaml"
    file.write_text(MAPPING, "utf-8")
    return file


@pytest.fixture(scope="module")
def program() -> Path:
    """The folder of the provider, or a skip where it cannot be had."""
    return installed()


@pytest.fixture(scope="module")
async def city(system: System, mapping: Path, program: Path) -> AsyncIterator[City]:
    """A second API of the engine, with the provider."""
    port, health = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    async with sign_in_provider(program, f"{url}/v1/sessions/oidc/callback", AUDIENCE, PEOPLE) as provider:
        told = {
            "DUBAN_KAFKA": system.kafka, "DUBAN_DATABASE": system.database,
            "DUBAN_ACCOUNTS": system.stack.database_of(CONSOLE), "DUBAN_API_PORT": str(port),
            "DUBAN_HEALTH_PORT": str(health), "DUBAN_API_URL": url, "DUBAN_OIDC_ISSUER": provider.issuer,
            "DUBAN_OIDC_CLIENT": "duban", "DUBAN_OIDC_SECRET": "of-the-api", "DUBAN_OIDC_MAPPING": str(mapping),
            "DUBAN_OIDC_AUDIENCE": AUDIENCE, "DUBAN_ACCOUNTS_KEY": str(system.folder / ACCOUNTS_KEY),
        }  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "duban_console.api", env={**os.environ, **told}, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with httpx2.AsyncClient(timeout=60) as client:

                async def serves() -> bool:
                    with suppress(httpx2.TransportError):
                        return (await client.get(f"http://127.0.0.1:{health}/readyz")).status_code == 200
                    return False

                await eventually(serves, within=90)
            yield City(url, provider)
        finally:
            process.terminate()
            await process.wait()


@pytest.fixture
async def browser() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=60) as client:
        yield client


@pytest.fixture
def duban(system: System, monkeypatch: pytest.MonkeyPatch) -> Run:
    return command_on(Stack(system.kafka, system.stack.database_of(CONSOLE)), monkeypatch)


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"] if answer.status_code >= 400 else ""


async def test_who_signs_in_at_the_provider_is_signed_in_here_and_signs_out_at_both(
    city: City, browser: httpx2.AsyncClient
) -> None:
    back = await city.way_back(browser, LI, to="/v1/sessions")
    answer = await browser.get(back)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{city.url}/v1/sessions")
    me = (await browser.get(f"{city.url}/v1/me")).json()
    assert (me["account"], me["full_name"]) == (LI, "李娜")
    assert me["appointments"] == [{"role": "unit_clerk", "jurisdiction": "smallville", "unit": "north-town"}]
    [session] = (await browser.get(answer.headers["location"])).json()["sessions"]
    assert session["account"] == LI

    refused = await browser.delete(f"{city.url}/v1/sessions/current", headers={"origin": "https://evil.example"})
    assert code(refused) == (403, "cross_site")
    token = browser.cookies["duban"]
    ended = await browser.delete(f"{city.url}/v1/sessions/current", headers={"origin": city.url})
    assert ended.status_code == 200
    page = await browser.get(ended.json()["end_session_url"])
    assert page.status_code == 200
    assert "sign-out" in page.text.lower()
    assert code(await city.shown(token)) == (401, "no_session")


async def test_a_code_and_a_state_count_once_and_in_the_browser_that_began(
    city: City, browser: httpx2.AsyncClient
) -> None:
    planted = "duban_session_planted"
    browser.cookies.set("duban", planted, domain="127.0.0.1", path="/")
    back = await city.way_back(browser, LI)
    trip = browser.cookies["duban-sign-in"]
    async with httpx2.AsyncClient(timeout=60) as thief:
        assert code(await thief.get(back)) == (400, "no_sign_in_begun")
        thief.cookies.set("duban-sign-in", trip, domain="127.0.0.1", path="/")
        assert (await browser.get(back)).status_code == 303
        assert code(await thief.get(back)) == (401, "code_refused")
        thief.cookies.clear()
        state = parse_qs(urlsplit(back).query)["state"][0]
        own = await thief.get(city.begin)
        assert state not in own.headers["location"]
        assert code(await thief.get(back)) == (400, "wrong_state")
    assert browser.cookies["duban"] not in ("", planted)
    assert code(await browser.get(back)) == (400, "no_sign_in_begun")


async def test_whom_the_mapping_does_not_fit_and_who_turns_back_are_refused_and_written_down(
    city: City, browser: httpx2.AsyncClient, duban: Run
) -> None:
    assert code(await browser.get(await city.way_back(browser, OTHER))) == (403, "not_let_in")
    browser.cookies.clear()
    begun = await browser.get(city.begin)
    back = await at_provider(browser, begun.headers["location"], city.callback, LI, aborts=True)
    assert code(await browser.get(back)) == (401, "provider_refused")
    details = [line["detail"] for line in lines(await duban("account", "audit", "--json"))]
    assert f"not_let_in by {city.provider.issuer}, {OTHER}" in details


async def test_who_is_turned_off_here_stays_out_and_has_no_password(
    city: City, browser: httpx2.AsyncClient, duban: Run
) -> None:
    assert (await browser.get(await city.way_back(browser, TURNED_OFF))).status_code == 303
    accounts = {line["account"]: line for line in lines(await duban("account", "ls", "--json"))}
    assert (accounts[TURNED_OFF]["provider"], accounts[TURNED_OFF]["subject"]) == (city.provider.issuer, TURNED_OFF)
    await duban("account", "reset", TURNED_OFF, code=ExitCode.CONFLICT)
    await duban("account", "off", TURNED_OFF)
    assert code(await browser.get(f"{city.url}/v1/me")) == (401, "no_session")
    assert code(await browser.get(await city.way_back(browser, TURNED_OFF))) == (403, "off")
    who = {"name": TURNED_OFF, "password": "any"}
    assert code(await browser.post(f"{city.url}/v1/sessions", json=who)) == (401, "not_signed_in")


async def test_a_system_shows_the_token_that_the_provider_gives_it_for_this_api(city: City) -> None:
    me: dict[str, Any] = (await city.shown(await city.provider.token("hotline", AUDIENCE))).json()
    assert (me["account"], me["system"], me["scope"]) == ("hotline", True, "read")
    assert code(await city.shown(await city.provider.token("hotline", "https://other.example/api"))) == (
        401, "wrong_audience",
    )  # fmt: skip
    assert code(await city.shown(await city.provider.token("stranger", AUDIENCE))) == (403, "not_let_in")


async def test_the_command_line_signs_in_by_a_browser_on_its_machine(city: City, tmp_path: Path) -> None:
    """In processes of their own, as the command reads once which browser there is."""

    async def run(*arguments: str, browser: str) -> tuple[int, str, str]:
        env = {
            **os.environ, "XDG_CONFIG_HOME": str(tmp_path), "DUBAN_API": city.url,
            "BROWSER": f"{sys.executable} -m tests.sign_in {browser} %s",
        }  # fmt: skip
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "duban_cli", *arguments, env=env, cwd=ROOT, stdout=pipe, stderr=pipe
        )
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()

    begun, refused = await asyncio.gather(
        run("login", "--provider", "--json", browser=LI), run("login", "--provider", browser=OTHER)
    )
    assert begun[0] == 0, begun
    assert json.loads(begun[1])["account"] == LI
    assert city.provider.issuer in begun[2]
    assert (refused[0], "not_let_in" in refused[2]) == (ExitCode.CONFLICT, True), refused
    _, told, _ = await run("whoami", "--json", browser="nobody")
    me = json.loads(told)
    assert (me["account"], me["scope"]) == (LI, "act")


async def test_while_the_provider_is_away_nobody_begins_there_and_who_is_signed_in_goes_on(
    city: City, browser: httpx2.AsyncClient
) -> None:
    back = await city.way_back(browser, LI)
    assert (await browser.get(back)).status_code == 303
    token = browser.cookies["duban"]
    another = await city.way_back(browser, LI)
    await city.provider.stop()
    answer = await browser.get(another)
    assert code(answer) == (503, "unavailable")
    assert city.provider.issuer in answer.json()["error"]["message"]
    assert (await city.shown(token)).status_code == 200
    await city.provider.start()
