"""The vault's pages over the vault itself, which asks the API who comes: two custodians, one look, nothing kept."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx2
import pytest
from fastapi import FastAPI

from duban.io.doorkeeper import Doorkeeper
from duban_console.accounts.account import Appointment, Role
from duban_console.api.app import create_app
from duban_console.custody import Custody
from duban_intake.vault.app import create_app as create_vault
from duban_intake.vault.contact import Bound, Contact
from duban_intake.vault.desk import DeskSettings, Vault
from duban_intake.vault.memory import MemoryVault
from duban_intake.vault.seal import Keyring
from tests.given import small_rules
from tests.page_town import Town, browser

AT: Final = datetime(2022, 4, 6, 2, tzinfo=UTC)
CONTACT: Final = Contact(name="王小明 <b>", phone="13800138000")
ABOUT: Final = {"source": "hotline", "id": "42", "reason": "the reward is due"}


class Way(httpx2.AsyncBaseTransport):
    """The way from the pages to the vault, which may lead elsewhere."""

    def __init__(self, vault: httpx2.AsyncBaseTransport) -> None:
        self._vault = vault
        self.instead: httpx2.Response | Exception | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if isinstance(self.instead, Exception):
            raise self.instead
        return self.instead or await self._vault.handle_async_request(request)


@dataclass
class Custodians:
    """The pages, the vault behind them, and who reads."""

    town: Town
    app: FastAPI
    way: Way
    tokens: dict[str, str]

    async def page(self, name: str, path: str = "") -> httpx2.Response:
        async with browser(self.app, self.tokens[name], accept_language="en") as reader:
            return await reader.get(f"/vault{path}")

    async def send(self, name: str, path: str, **form: str) -> httpx2.Response:
        async with browser(self.app, self.tokens[name], accept_language="en") as reader:
            return await reader.post(f"/vault/asks{path}", data=form)

    async def ask(self, name: str) -> str:
        assert (await self.send(name, "", **ABOUT)).status_code == 303
        address = re.search(r'action="/vault/asks(/[0-9a-f-]+)/refusal"', (await self.page(name)).text)
        assert address is not None
        return address[1]


@pytest.fixture
async def custodians() -> AsyncIterator[Custodians]:
    town, nothing = Town(small_rules(), AT), None
    unused: Any = nothing
    api = create_app(unused, unused, town.clock, town._library, None, 100_000, town.room.door)
    vault = Vault(MemoryVault(), town.clock, DeskSettings(Keyring.parse(b64encode(b"k" * 32).decode())))
    await vault.keep(Bound("hotline", "42", "smallville", b"\x01" * 32), CONTACT)
    asking = httpx2.AsyncClient(transport=httpx2.ASGITransport(api), base_url="http://127.0.0.1:8320")
    way = Way(httpx2.ASGITransport(create_vault(vault, Doorkeeper(asking), 100_000)))
    client = httpx2.AsyncClient(transport=way, base_url="http://127.0.0.1:8330")
    tokens = {name: await town.room.person(name, Appointment(role=Role.CUSTODIAN)) for name in ("li", "wang")}
    tokens["sun"] = await town.room.person("sun", Appointment(role=Role.AUDITOR))
    async with asking, client:
        yield Custodians(town, town.app(vault=Custody(client)), way, tokens)


async def test_two_custodians_open_a_contact_which_is_shown_once_my_02d(custodians: Custodians) -> None:
    ask = await custodians.ask("li")
    waiting = (await custodians.page("li")).text
    assert "It waits for another custodian." in waiting
    assert f"{ask}/approval" not in waiting
    assert f'action="/vault/asks{ask}/approval"' in (await custodians.page("wang")).text
    early = await custodians.send("li", f"{ask}/opening")
    assert (early.status_code, "No other custodian has agreed yet." in early.text) == (409, True)
    own = await custodians.send("li", f"{ask}/approval")
    assert (own.status_code, "another custodian has to agree" in own.text) == (409, True)
    assert (await custodians.send("wang", f"{ask}/approval")).status_code == 303
    assert f"{ask}/opening" not in (await custodians.page("wang")).text
    other = await custodians.send("wang", f"{ask}/opening")
    assert (other.status_code, "13800138000" in other.text) == (409, False)
    opened = await custodians.send("li", f"{ask}/opening")
    assert (opened.status_code, opened.headers["cache-control"]) == (200, "no-store")
    assert "13800138000" in opened.text
    assert "王小明 &lt;b&gt;" in opened.text
    again = await custodians.send("li", f"{ask}/opening")
    assert (again.status_code, "13800138000" in again.text) == (409, False)
    log = (await custodians.page("wang")).text
    assert "None is open." in log
    assert re.findall(r"<td>(li|wang)</td><td>(\w+)</td>", log) == [
        ("li", "opened"),
        ("wang", "agreed"),
        ("li", "asked"),
    ]


async def test_an_ask_is_refused_with_a_reason_and_is_not_opened_then(custodians: Custodians) -> None:
    ask = await custodians.ask("li")
    assert (await custodians.send("wang", f"{ask}/refusal", reason="no ground is given")).status_code == 303
    assert "no ground is given" in (await custodians.page("li")).text
    late = await custodians.send("wang", f"{ask}/approval")
    assert (late.status_code, "This ask was refused" in late.text) == (409, True)


async def test_what_the_vault_does_not_hold_is_told_on_the_page(custodians: Custodians) -> None:
    answer = await custodians.send("li", "", **{**ABOUT, "id": "43"})
    assert (answer.status_code, "holds no contact for this report" in answer.text) == (404, True)
    assert (await custodians.send("li", "", **{**ABOUT, "reason": ""})).status_code == 400
    assert (await custodians.send("li", "/nonsense/approval")).status_code == 404


async def test_an_auditor_reads_the_log_and_does_nothing(custodians: Custodians) -> None:
    ask = await custodians.ask("li")
    page = await custodians.page("sun")
    assert (page.status_code, "the reward is due" in page.text, "<form method" in page.text.partition("<main")[2]) == (
        200, True, False,
    )  # fmt: skip
    for path in ("", f"{ask}/approval", f"{ask}/refusal", f"{ask}/opening"):
        assert (await custodians.send("sun", path, **ABOUT)).status_code == 403


@pytest.mark.parametrize(
    "instead",
    [httpx2.ConnectError("refused"), httpx2.Response(200, json={"contact": {"name": ["王小明"]}}),
     httpx2.Response(200, text="王小明"), httpx2.Response(502, json={"error": {"code": "x", "message": "王小明"}})],
    ids=["away", "strange", "text", "proxy"],
)  # fmt: skip
async def test_a_vault_that_is_away_or_something_else_in_its_place_is_told_and_not_shown(
    custodians: Custodians, instead: httpx2.Response | Exception
) -> None:
    ask = await custodians.ask("li")
    custodians.way.instead = instead
    for answer in (await custodians.page("li"), await custodians.send("li", f"{ask}/opening")):
        assert (answer.status_code, "王小明" in answer.text) == (503, False)


async def test_who_is_signed_in_no_more_signs_in_anew(custodians: Custodians) -> None:
    custodians.way.instead = httpx2.Response(401, json={"error": {"code": "no_session", "message": "it has ended"}})
    answer = await custodians.page("li")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?to=%2Fvault")


async def test_a_custodians_day_begins_at_the_vault_where_the_server_knows_one(custodians: Custodians) -> None:
    async with browser(custodians.app, custodians.tokens["li"]) as reader:
        assert (await reader.get("/")).headers["location"] == "/vault"
    async with browser(custodians.town.app(), custodians.tokens["li"]) as reader:
        assert (await reader.get("/")).headers.get("location") != "/vault"
        assert (await reader.get("/vault")).status_code == 501
