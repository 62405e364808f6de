"""The door of the vault, before the API that knows the accounts: who comes, and what they may, whatever bodies say."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from fastapi.routing import APIRoute

from duban.clock import DrivenClock
from duban.errors import SettingsError
from duban.io.doorkeeper import Doorkeeper, client_of
from duban.policy.library import Library
from duban_console.accounts.access import ROUTES, TABLE
from duban_console.accounts.account import OF_INSTALLATION, Appointment, Role
from duban_console.accounts.memory import MemoryAccounts
from duban_console.accounts.session import Scope
from duban_console.api.app import create_app
from duban_intake.vault.app import create_app as create_vault
from duban_intake.vault.contact import Bound, Contact
from duban_intake.vault.desk import DeskSettings, Vault
from duban_intake.vault.memory import MemoryVault
from duban_intake.vault.seal import Keyring
from duban_intake.vault.settings import VaultSettings
from duban_local.certificates import Authority
from tests.accounts import AT, CUSTODIAN, DAY, OWN, Room

CONTACT: Final = Contact(name="王小明", phone="13800138000")
ABOUT: Final = {"source": "hotline", "id": "42", "reason": "the reward is due"}
_NOTHING: Any = None
#: The deed of each route, by method and path.
ROUTES_OF_VAULT: Final = {route: deed for route, deed in ROUTES.items() if route[1].startswith("/v1/vault")}
BODIES: Final = {"ask_vault": ABOUT, "forget_contact": ABOUT, "refuse_vault": {"reason": "no ground"}}


class Switch(httpx2.AsyncBaseTransport):
    """The way from the vault to the API: it counts who is asked for, and may be cut or lead elsewhere."""

    def __init__(self, api: httpx2.AsyncBaseTransport) -> None:
        self._api = api
        self.asked = 0
        self.instead: httpx2.Response | Exception | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        if isinstance(self.instead, Exception):
            raise self.instead
        return self.instead or await self._api.handle_async_request(request)


@dataclass
class World:
    """The API over accounts, the vault with one contact, the way between them, and who asks the vault."""

    room: Room
    vault: Vault
    way: Switch
    client: httpx2.AsyncClient

    async def asked(self, method: str, path: str, token: str | None = None, body: Any = None) -> tuple[int, Any]:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        sent: Any = {} if method == "GET" else {"json": body or {}}
        answer = await self.client.request(method, f"/v1/vault{path}", headers=headers, **sent)
        document = answer.json()
        return answer.status_code, document["error"]["code"] if answer.status_code >= 400 else document

    async def custodian(self, name: str) -> str:
        return await self.room.person(name, CUSTODIAN)

    async def ask(self, token: str) -> str:
        status, line = await self.asked("POST", "/asks", token, ABOUT)
        assert status == 201
        return str(line["ask"])


@pytest.fixture
async def world() -> AsyncIterator[World]:
    room, nothing = Room(MemoryAccounts(), DrivenClock(AT)), _NOTHING
    api = create_app(nothing, nothing, room.clock, Library(), None, 100_000, room.door)
    way = Switch(httpx2.ASGITransport(api))
    vault = Vault(MemoryVault(), room.clock, DeskSettings(Keyring.parse(b64encode(b"k" * 32).decode())))
    await vault.keep(Bound("hotline", "42", "smallville", b"\x01" * 32), CONTACT)
    asking = httpx2.AsyncClient(transport=way, base_url="http://127.0.0.1:8320")
    app = create_vault(vault, Doorkeeper(asking), 100_000)
    async with asking, httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield World(room, vault, way, client)


async def test_two_custodians_are_two_accounts_and_the_log_names_them_my_02d(world: World) -> None:
    """MY-02D: who asks and who approves are two people, each signed in as themselves."""
    li, wang = await world.custodian("li"), await world.custodian("wang")
    ask = await world.ask(li)
    assert await world.asked("POST", f"/asks/{ask}/opening", li) == (409, "not_approved")
    assert (await world.asked("POST", f"/asks/{ask}/approval", wang))[0] == 201
    assert await world.asked("POST", f"/asks/{ask}/opening", wang) == (409, "other_person")
    status, opened = await world.asked("POST", f"/asks/{ask}/opening", li)
    assert (status, opened["contact"]) == (201, CONTACT.model_dump(exclude_none=True))
    assert await world.asked("POST", f"/asks/{ask}/opening", li) == (409, "already_opened")
    _, log = await world.asked("GET", "/log", wang)
    assert [(line["kind"], line["by"]) for line in log["lines"]] == [
        ("asked", "li"), ("approved", "wang"), ("opened", "li"),
    ]  # fmt: skip


async def test_nobody_approves_their_own_ask_by_whatever_session_my_02d(world: World) -> None:
    first = await world.custodian("li")
    second, _ = await world.room.door.sign_in(" LI ", OWN)
    assert first != second
    ask = await world.ask(first)
    assert await world.asked("POST", f"/asks/{ask}/approval", first) == (409, "same_person")
    assert await world.asked("POST", f"/asks/{ask}/approval", second) == (409, "same_person")
    assert len(await world.vault.log()) == 1


async def test_a_system_is_no_custodian_by_any_of_its_keys_my_02d(world: World) -> None:
    await world.room.desk.add("app", "App", [CUSTODIAN], by="admin", is_system=True)
    key, _ = await world.room.keys.add("app", Scope.ACT, DAY, by="admin")
    ask = await world.ask(await world.custodian("li"))
    for (method, path), deed in ROUTES_OF_VAULT.items():
        answer = await world.asked(method, path.removeprefix("/v1/vault").format(ask=ask), key, BODIES.get(deed))
        assert answer == (403, "no_person") if method == "POST" else answer[0] == 200, path
    assert len(await world.vault.log()) == 1


async def test_every_route_is_for_the_roles_of_its_deed_and_for_nobody_else(world: World) -> None:
    tokens = {}
    for role in Role:
        city = {} if role in OF_INSTALLATION else {"jurisdiction": "linyi", "unit": "督办室"}
        tokens[role] = await world.room.person(f"the.{role}", Appointment(role=role, **city))
    other = await world.custodian("li")
    for (method, path), deed in ROUTES_OF_VAULT.items():
        way = path.removeprefix("/v1/vault").format(ask=await world.ask(other) if "{ask}" in path else "")
        assert await world.asked(method, way, None, BODIES.get(deed)) == (401, "no_token")
        assert await world.asked(method, way, "duban_session_guessed", BODIES.get(deed)) == (401, "no_session")
        for role, token in tokens.items():
            status, document = await world.asked(method, way, token, BODIES.get(deed))
            assert (status, document) == (403, "no_role") if role not in TABLE[deed] else status != 403, (path, role)


def test_every_route_asks_for_the_deed_that_stands_in_the_table() -> None:
    app = create_vault(_NOTHING, _NOTHING, 1024)
    served = {
        (method, route.path) for route in app.routes if isinstance(route, APIRoute) for method in route.methods or ()
    }
    assert served == ROUTES_OF_VAULT.keys()


@pytest.mark.parametrize("path", [path for method, path in ROUTES_OF_VAULT if method == "POST"])
async def test_a_body_that_says_who_acts_is_refused_whoever_it_says(world: World, path: str) -> None:
    li = await world.custodian("li")
    body = {**BODIES.get(ROUTES_OF_VAULT["POST", path], {}), "by": "li"}
    headers = {"authorization": f"Bearer {li}"}
    answer = await world.client.request("POST", path.format(ask=await world.ask(li)), headers=headers, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")
    assert "who is signed in" in answer.json()["error"]["message"]
    assert len(await world.vault.log()) == 1


async def test_who_is_shut_out_at_the_api_is_shut_out_at_the_vault_at_once(world: World) -> None:
    li, wang = await world.custodian("li"), await world.custodian("wang")
    ask = await world.ask(li)
    assert (await world.asked("POST", f"/asks/{ask}/approval", wang))[0] == 201
    await world.room.desk.turn_off("li", by="admin")
    assert await world.asked("POST", f"/asks/{ask}/opening", li) == (401, "no_session")
    await world.room.desk.appoint("wang", [], by="admin")
    assert await world.asked("GET", "/log", wang) == (401, "no_session")
    assert [line.act.kind.value for line in await world.vault.log()] == ["asked", "approved"]


async def test_nothing_is_opened_while_the_api_cannot_be_asked_and_every_request_asks_it(world: World) -> None:
    li, wang = await world.custodian("li"), await world.custodian("wang")
    ask = await world.ask(li)
    assert (await world.asked("POST", f"/asks/{ask}/approval", wang))[0] == 201
    assert world.way.asked == 2
    away = (httpx2.ConnectError("refused"), httpx2.ReadTimeout("late"))
    others = (httpx2.Response(200, text="<html>"), httpx2.Response(302), httpx2.Response(404), httpx2.Response(500))
    for world.way.instead in (*away, *others):
        assert await world.asked("POST", f"/asks/{ask}/opening", li) == (503, "unavailable")
    world.way.instead = None
    assert (await world.asked("POST", f"/asks/{ask}/opening", li))[0] == 201


async def test_what_the_api_says_of_a_token_is_passed_on(world: World) -> None:
    world.way.instead = httpx2.Response(
        429, json={"error": {"code": "too_often", "message": "slowly"}}, headers={"retry-after": "7"}
    )
    answer = await world.client.get("/v1/vault/log", headers={"authorization": "Bearer x"})
    assert (answer.status_code, answer.json()["error"]["code"], answer.headers["retry-after"]) == (
        429,
        "too_often",
        "7",
    )
    world.way.instead = httpx2.Response(401, text="?")
    answer = await world.client.get("/v1/vault/log", headers={"authorization": "Bearer x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_admitted")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_no_answer_runs_anything_or_is_kept(world: World) -> None:
    for path in ("/v1/vault/log", "/openapi.json", "/v1/nothing"):
        headers = (await world.client.get(path)).headers
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


@pytest.mark.parametrize(
    ("url", "says"),
    [("", "URL of the API"), ("api:8320", "URL of the API"), ("ftp://api", "URL of the API"),
     ("https://li:pw@api", "URL of the API"), ("https://api?x=1", "URL of the API"),
     ("http://api.example", "https"), ("http://10.0.0.7:8320", "https")],
)  # fmt: skip
def test_tokens_go_nowhere_where_they_could_be_read_on_the_way(
    url: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUBAN_VAULT_ACCOUNTS", url)
    with pytest.raises(SettingsError, match=f"DUBAN_VAULT_ACCOUNTS.*{says}"):
        VaultSettings.load()


@pytest.mark.parametrize(
    "url", ["https://api.example/duban", "http://127.0.0.1:8320", "http://localhost", "http://[::1]:1"]
)
def test_https_and_loopback_are_where_tokens_may_go(url: str) -> None:
    assert VaultSettings.load(vault_accounts=url).vault_accounts == url


def test_without_the_api_there_is_no_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DUBAN_VAULT_ACCOUNTS", raising=False)
    with pytest.raises(SettingsError, match="DUBAN_VAULT_ACCOUNTS"):
        VaultSettings.load()


async def test_an_authority_of_the_city_is_believed_besides_the_system_s_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    authority = Authority(tmp_path / "authority")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.issue("api"))
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with client_of(url) as stranger:
            with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await stranger.get("/v1/me")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        async with client_of(url) as api:
            assert (await api.get("/v1/me")).status_code == 204
