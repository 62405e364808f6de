"""Sign-in by a provider, and the tokens of systems: what is believed of which token, and what follows from it here."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from fastapi import Depends, FastAPI
from joserfc import jwt

from duban.clock import DrivenClock
from duban.io.faults import answer_faults
from duban.texts import is_own_path
from duban_console.accounts.account import ProviderIdentity
from duban_console.accounts.log import AccountActKind
from duban_console.accounts.memory import MemoryAccounts
from duban_console.accounts.provider_admissions import claim_mapping
from duban_console.accounts.provider_door import ProviderDoor
from duban_console.api.asker import AccessGate, asker
from duban_console.api.browser import Browser
from duban_console.api.routes.oidc import serve_oidc
from duban_console.api.routes.sessions import serve_sessions
from duban_console.oidc.provider import Client, Provider
from duban_console.oidc.round_trip import new_trip
from duban_console.oidc.settings import CALLBACK, PATH
from duban_console.oidc.sign_on import SignOn
from tests.accounts import ADMIN, AT, CLERK, MINUTE, OFFICE, OWN, Room, refused
from tests.issuer import AUDIENCE, CLIENT, ISSUER, KEY, NEXT_KEY, Issuer

URL = "https://duban.example"
SKEW = timedelta(seconds=60)
MAPPING = """
people:
  admit:
    - when: {groups: clerks}
      appointments: [{role: unit_clerk, jurisdiction: linyi, unit: 市生态环境局}]
    - when: {groups: office}
      appointments: [{role: office, jurisdiction: linyi, unit: 督办室}]
    - when: {groups: admins}
      appointments: [{role: administrator}]
systems:
  admit:
    - when: {client_id: hotline}
      scope: read
      appointments: [{role: office, jurisdiction: linyi, unit: 督办室}]
"""
LI: dict[str, Any] = {"preferred_username": "li.na", "name": "李娜", "groups": ["clerks"]}


@dataclass
class City:
    """The API of a city with a provider, and a browser before it."""

    room: Room
    issuer: Issuer
    browser: httpx2.AsyncClient

    async def begin(self, to: str = "/v1/me") -> dict[str, str]:
        """What the provider is asked for as a sign-in begins."""
        answer = await self.browser.get(PATH, params={"to": to})
        assert answer.status_code == 303, answer.text
        return {name: said[0] for name, said in parse_qs(urlsplit(answer.headers["location"]).query).items()}

    async def back(self, asked: dict[str, str], **claims: Any) -> httpx2.Response:
        """The browser comes back with a code for a token that claims that."""
        self.issuer.codes["c"] = self.issuer.id_token(**{"nonce": asked["nonce"], **LI, **claims})
        return await self.browser.get(CALLBACK, params={"code": "c", "state": asked["state"]})

    async def signed_in(self, **claims: Any) -> httpx2.Response:
        answer = await self.back(await self.begin(), **claims)
        assert answer.status_code == 303, answer.text
        return answer

    async def log(self, kind: AccountActKind) -> list[tuple[str, str]]:
        return [(line.act.account, line.act.detail) for line in await self.room.desk.log() if line.act.kind is kind]

    async def shown(self, token: str) -> httpx2.Response:
        return await self.browser.get("/v1/me", headers={"authorization": f"Bearer {token}"})


def of_sessions(room: Room, sign_on: SignOn | None, browser: Browser) -> FastAPI:
    """The API as far as it knows who comes; the rest of it would take most of the time of these tests to set up."""
    app = FastAPI(dependencies=[Depends(asker)])
    app.state.gate = AccessGate(room.door, sign_on, browser)
    answer_faults(app, 100_000)
    serve_sessions(app, room.door, sign_on, browser)
    serve_oidc(app, room.door, sign_on, browser)
    return app


@pytest.fixture
async def city() -> AsyncIterator[City]:
    room = Room(MemoryAccounts(), DrivenClock(AT))
    issuer = Issuer(room.clock)
    client = Client(CLIENT, "of the client", URL + CALLBACK, audience=AUDIENCE)
    door = ProviderDoor(room.store, room.clock, room.door, claim_mapping(MAPPING, "m"))
    sign_on = SignOn(Provider(ISSUER, client, room.clock, issuer.transport), door, room.clock, URL)
    app = of_sessions(room, sign_on, Browser(URL))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=URL) as browser:
        yield City(room, issuer, browser)


def encoded(part: bytes) -> str:
    return urlsafe_b64encode(part).decode().rstrip("=")


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"] if answer.status_code >= 400 else ""


async def test_whom_the_provider_knows_has_an_account_from_the_first_sign_in_on(city: City) -> None:
    asked = await city.begin("/v1/sessions?of=me")
    assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
    assert asked["redirect_uri"] == URL + CALLBACK
    assert asked["scope"] == "openid profile"
    answer = await city.back(asked)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{URL}/v1/sessions?of=me")
    challenge = encoded(sha256(city.issuer.exchange["code_verifier"].encode()).digest())
    assert (asked["code_challenge"], asked["code_challenge_method"]) == (challenge, "S256")
    assert city.issuer.exchange["redirect_uri"] == URL + CALLBACK
    me = (await city.browser.get("/v1/me")).json()
    assert (me["account"], me["full_name"], me["scope"]) == ("li.na", "李娜", "act")
    account = await city.room.store.account("li.na")
    assert account is not None
    assert (account.identity, account.password, account.appointments) == (
        ProviderIdentity(ISSUER, "77"),
        None,
        (CLERK,),
    )
    assert await city.room.acts() == [("account_added", "provider", "li.na"), ("signed_in", "li.na", "li.na")]


async def test_the_session_travels_in_a_cookie_that_no_script_reads_and_no_other_host_sets(city: City) -> None:
    answer = await city.signed_in()
    kept, gone = (next(c for c in answer.headers.get_list("set-cookie") if c.startswith(name)) for name in (
        "__Host-duban=", "__Host-duban-sign-in=",
    ))  # fmt: skip
    assert {part.strip().lower() for part in kept.split(";")[1:]} == {"httponly", "path=/", "samesite=lax", "secure"}
    assert "max-age=0" in gone.lower()
    token = kept.split("=", 1)[1].split(";")[0]
    assert token.startswith("duban_session_")
    assert (await city.shown(token)).status_code == 200


async def test_appointments_follow_the_claims_at_every_sign_in_and_what_is_taken_shuts_out(city: City) -> None:
    await city.signed_in()
    elsewhere = city.browser.cookies["__Host-duban"]
    city.browser.cookies.clear()
    await city.signed_in(groups=["office"], name="李娜娜", preferred_username="another")
    account = await city.room.store.account("li.na")
    assert account is not None
    assert (account.appointments, account.full_name) == ((OFFICE,), "李娜娜")
    assert code(await city.shown(elsewhere)) == (401, "no_session")
    assert await city.log(AccountActKind.APPOINTMENTS_SET) == [
        ("li.na", "given office:linyi:督办室; taken unit_clerk:linyi:市生态环境局")
    ]
    token = city.browser.cookies["__Host-duban"]
    assert code(await city.back(await city.begin(), groups=[])) == (403, "not_let_in")
    assert code(await city.shown(token)) == (401, "no_session")
    account = await city.room.store.account("li.na")
    assert account is not None
    assert account.appointments == ()


async def test_whom_the_mapping_does_not_let_in_is_refused_and_written_down(city: City) -> None:
    assert code(await city.back(await city.begin(), groups=["others"])) == (403, "not_let_in")
    assert await city.log(AccountActKind.SIGN_IN_REFUSED) == [("", f"not_let_in by {ISSUER}, 77")]
    assert await city.room.store.accounts() == []
    assert code(await city.browser.get("/v1/me")) == (401, "no_token")


async def test_an_account_of_the_same_name_is_not_taken_over(city: City) -> None:
    token = await city.room.person("li.na", ADMIN)
    assert code(await city.back(await city.begin())) == (403, "name_taken")
    city.room.wait(MINUTE)
    await city.signed_in(sub="78", preferred_username="li.na2")
    assert code(await city.back(await city.begin(), sub="79", preferred_username="li.na2")) == (403, "name_taken")
    assert (await city.shown(token)).json()["account"] == "li.na"
    assert (await city.shown(token)).json()["appointments"] == [{"role": "administrator"}]


async def test_an_account_of_the_provider_has_no_password_factor_key_or_appointment_of_ours(city: City) -> None:
    await city.signed_in()
    assert await refused(city.room.door.sign_in("li.na", OWN)) == "not_signed_in"
    assert await refused(city.room.desk.reset_password("li.na", by="admin")) == "of_provider"
    assert await refused(city.room.desk.begin_factor("li.na", by="admin")) == "of_provider"
    assert await refused(city.room.desk.appoint("li.na", [ADMIN], by="admin")) == "of_provider"


async def test_who_is_turned_off_here_stays_so_whatever_the_provider_says(city: City) -> None:
    await city.signed_in()
    assert (await city.shown(token := city.issuer.access_token())).status_code == 200
    for name in ("li.na", "hotline"):
        await city.room.desk.turn_off(name, by="admin")
    assert code(await city.browser.get("/v1/me")) == (401, "no_session")
    assert code(await city.back(await city.begin())) == (403, "off")
    assert code(await city.shown(token)) == (403, "off")
    assert code(await city.shown(city.issuer.access_token(jti="another"))) == (403, "off")
    assert [account.off_at for account in await city.room.store.accounts()] == [AT, AT]


async def test_who_reads_pages_is_led_to_one_that_says_why_nobody_was_signed_in(city: City) -> None:
    city.browser.headers["accept"] = "text/html,application/xhtml+xml"
    answer = await city.back(await city.begin("/ledger?lamp=red"), groups=[])
    assert (answer.status_code, answer.headers["location"]) == (
        303, "/sign-in?refused=not_let_in&to=%2Fledger%3Flamp%3Dred",
    )  # fmt: skip
    assert 'duban-sign-in=""' in answer.headers["set-cookie"]
    answer = await city.browser.get(CALLBACK, params={"code": "c", "state": "guessed"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?refused=no_sign_in_begun&to=%2F")
    for query in ({"code": "c"}, {"code": "c", "state": "of another one"}):
        await city.begin()
        answer = await city.browser.get(CALLBACK, params=query)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?refused=wrong_state&to=%2F")
    assert not await city.room.store.sessions("li.na")


async def test_a_session_that_was_there_before_ends_as_one_begins(city: City) -> None:
    planted = await city.room.person("mallory")
    city.browser.cookies.set("__Host-duban", planted, domain="duban.example")
    await city.signed_in()
    fresh = [cookie.value for cookie in city.browser.cookies.jar if cookie.name == "__Host-duban"]
    assert planted not in fresh
    assert code(await city.shown(planted)) == (401, "no_session")


async def test_an_answer_of_the_provider_counts_once_in_the_browser_that_asked_and_not_long_after(city: City) -> None:
    asked = await city.begin()
    kept = city.browser.cookies["__Host-duban-sign-in"]
    assert asked["state"] not in kept
    city.browser.cookies.clear()
    assert code(await city.back(asked)) == (400, "no_sign_in_begun")
    other = await city.begin()
    assert code(await city.back(asked)) == (400, "wrong_state")
    assert code(await city.back(other)) == (400, "no_sign_in_begun")  # it was begun, and is over

    asked = await city.begin()
    kept = city.browser.cookies["__Host-duban-sign-in"]
    assert (await city.back(asked)).status_code == 303
    thief = {"cookie": f"__Host-duban-sign-in={kept}"}
    again = await city.browser.get(CALLBACK, params={"code": "c", "state": asked["state"]}, headers=thief)
    assert code(again) == (401, "code_refused")
    assert "set-cookie" in again.headers

    asked = await city.begin()
    city.room.wait(10 * MINUTE)
    assert code(await city.back(asked)) == (400, "no_sign_in_begun")


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"nonce": "another"}, "wrong_nonce"),
        ({"nonce": None}, "wrong_nonce"),
        ({"aud": "another"}, "wrong_audience"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "bad_token"),
        ({"aud": [CLIENT, "another"]}, "bad_token"),
        ({"iss": "https://another.example"}, "wrong_issuer"),
        ({"sub": None}, "bad_token"),
        ({"sub": "a\x00b"}, "bad_token"),
        ({"exp": None}, "bad_token"),
        ({"at_hash": "another"}, "bad_token"),
    ],
)
async def test_a_token_that_was_not_given_for_this_sign_in_is_not_believed(
    city: City, claims: dict[str, Any], expected: str
) -> None:
    assert code(await city.back(await city.begin(), **claims)) == (401, expected)
    assert await city.log(AccountActKind.SIGN_IN_REFUSED) == [("", expected)]


async def test_clocks_may_differ_by_a_minute_and_no_more(city: City) -> None:
    now = int(AT.timestamp())
    cases: list[tuple[dict[str, Any], str]] = [
        ({"exp": now - 59}, ""), ({"exp": now - 60}, "token_expired"),
        ({"iat": now + 60}, ""), ({"iat": now + 61}, "not_yet"),
        ({"nbf": now + 60}, ""), ({"nbf": now + 61}, "not_yet"),
    ]  # fmt: skip
    for claims, expected in cases:
        assert code(await city.back(await city.begin(), **claims))[1] == expected, claims
        assert code(await city.shown(city.issuer.access_token(**claims)))[1] == expected, claims


async def test_no_token_is_believed_that_the_provider_alone_cannot_have_signed(city: City) -> None:
    claims = city.issuer.claims(aud=AUDIENCE, sub="hotline", client_id="hotline")
    good = city.issuer.signed({"alg": "RS256", "kid": "first", "typ": "at+jwt"}, claims)
    assert (await city.shown(good)).status_code == 200
    head, body, signature = good.split(".")
    none, shared = (encoded(b'{"alg":"%s","typ":"at+jwt","kid":"first"}' % alg) for alg in (b"none", b"HS256"))
    public = KEY.as_pem(private=False)  # which everybody has
    by_public_key = f"{shared}.{body}.{encoded(hmac.digest(public, f'{shared}.{body}'.encode(), 'sha256'))}"
    forged = jwt.encode({"alg": "RS256", "kid": "first", "typ": "at+jwt"}, claims, NEXT_KEY)
    for token in (
        f"{none}.{body}.",
        f"{none}.{body}.{signature}",
        f"{head}.{body}.",
        by_public_key,
        forged,
        "a.b.c",
        "..",
    ):
        assert code(await city.shown(token)) == (401, "bad_token"), token


async def test_a_key_that_the_provider_has_taken_in_use_is_asked_for_and_not_more_than_once_a_minute(
    city: City,
) -> None:
    await city.shown(city.issuer.access_token())
    city.issuer.key = NEXT_KEY
    city.room.wait(MINUTE)
    assert code(await city.shown(city.issuer.access_token())) == (401, "unknown_key")
    city.issuer.keys.append(NEXT_KEY)
    asked = city.issuer.asked.count("/keys")
    for _ in range(3):
        assert code(await city.shown(city.issuer.access_token())) == (401, "unknown_key")
    assert city.issuer.asked.count("/keys") == asked
    city.room.wait(MINUTE)
    assert (await city.shown(city.issuer.access_token())).status_code == 200
    city.issuer.keys.remove(KEY)
    city.issuer.key = KEY
    city.room.wait(60 * MINUTE)
    assert code(await city.shown(city.issuer.access_token())) == (401, "unknown_key")


async def test_a_system_is_known_by_a_token_for_this_api_with_the_scope_that_the_mapping_says(city: City) -> None:
    token = city.issuer.access_token()
    me = (await city.shown(token)).json()
    assert (me["account"], me["system"], me["scope"]) == ("hotline", True, "read")
    assert me["appointments"] == [{"role": "office", "jurisdiction": "linyi", "unit": "督办室"}]
    assert "verify" not in me["deeds"]
    assert (await city.shown(token)).status_code == 200
    assert (await city.shown(city.issuer.access_token(aud=["x", AUDIENCE], jti="2"))).status_code == 200
    assert await city.room.acts() == [
        ("account_added", "provider", "hotline"),
        *[("signed_in", "hotline", "hotline")] * 2,
    ]
    for claims, expected in (
        ({"aud": CLIENT}, (401, "wrong_audience")), ({"aud": None}, (401, "wrong_audience")),
        ({"iss": "https://another.example"}, (401, "wrong_issuer")),
        ({"typ": "JWT"}, (401, "not_an_access_token")), ({"exp": None}, (401, "bad_token")),
        ({"sub": "li.na"}, (403, "not_of_system")), ({"client_id": "other", "sub": "other"}, (403, "not_let_in")),
    ):  # fmt: skip
        assert code(await city.shown(city.issuer.access_token(**claims))) == expected, claims
    assert len(await city.room.store.accounts()) == 1


async def test_a_person_is_no_system_nor_the_other_way_round(city: City) -> None:
    await city.signed_in(sub="hotline")
    assert code(await city.shown(city.issuer.access_token())) == (403, "other_kind")
    account = await city.room.store.account("li.na")
    assert account is not None
    assert (account.is_system, account.appointments) == (False, (CLERK,))


async def test_that_a_system_is_refused_is_written_down_once_a_token(city: City) -> None:
    token = city.issuer.access_token(client_id="other", sub="other")
    for _ in range(3):
        assert code(await city.shown(token)) == (403, "not_let_in")
    assert await city.log(AccountActKind.SIGN_IN_REFUSED) == [("", f"not_let_in by {ISSUER}, other")]


async def test_where_the_provider_is_away_that_is_said_and_our_own_sessions_hold(city: City) -> None:
    token = await city.room.person("wang")
    city.issuer.is_away = True
    answer = await city.browser.get(PATH)
    assert code(answer) == (503, "unavailable")
    assert ISSUER in answer.json()["error"]["message"]
    assert answer.headers["retry-after"]
    assert code(await city.shown(city.issuer.access_token())) == (503, "unavailable")
    assert (await city.shown(token)).status_code == 200
    assert len(city.issuer.asked) == 1  # and the second did not wait for an answer of its own
    city.issuer.is_away = False
    city.room.wait(timedelta(seconds=5))
    asked = await city.begin()
    city.issuer.is_away = True
    assert code(await city.back(asked)) == (503, "unavailable")
    city.issuer.is_away = False
    city.issuer.metadata["issuer"] = "https://another.example"
    city.room.wait(60 * MINUTE)
    assert code(await city.browser.get(PATH)) == (503, "unavailable")


async def test_who_the_provider_does_not_sign_in_is_told_and_so_is_who_comes_from_another(city: City) -> None:
    async def back(**said: str) -> tuple[int, str]:
        asked = await city.begin()
        return code(await city.browser.get(CALLBACK, params={"state": asked["state"], **said}))

    assert await back(error="access_denied") == (401, "provider_refused")
    assert await back(code="made up") == (401, "code_refused")
    assert await back(code="c", iss="https://another.example") == (401, "wrong_issuer")
    city.issuer.metadata["authorization_response_iss_parameter_supported"] = True
    city.room.wait(60 * MINUTE)
    assert await back(code="c") == (401, "wrong_issuer")
    assert await back(code="made up", iss=ISSUER) == (401, "code_refused")


async def test_what_the_provider_tells_besides_counts_if_it_is_about_the_same(city: City) -> None:
    city.issuer.userinfo = {"sub": "77", **LI, "sid": "x"}
    nothing = dict.fromkeys(LI)
    await city.signed_in(**nothing)
    assert (await city.browser.get("/v1/me")).json()["account"] == "li.na"
    city.issuer.userinfo = {"sub": "78", **LI}
    assert code(await city.back(await city.begin(), **nothing)) == (401, "bad_token")


async def test_who_signs_out_is_told_where_that_goes_on(city: City) -> None:
    end: dict[str, Any] = {"url": "/v1/sessions/current", "headers": {"origin": URL}}
    await city.signed_in()
    token = city.browser.cookies["__Host-duban"]
    answer = await city.browser.delete(**end)
    assert answer.status_code == 204
    assert "__Host-duban" not in city.browser.cookies
    assert code(await city.shown(token)) == (401, "no_session")
    city.issuer.metadata["end_session_endpoint"] = f"{ISSUER}/end"
    city.room.wait(60 * MINUTE)
    await city.signed_in()
    assert (await city.browser.delete(**end)).json() == {"end_session_url": f"{ISSUER}/end?client_id={CLIENT}"}
    local = await city.room.person("wang")
    own = {"authorization": f"Bearer {local}"}
    assert (await city.browser.delete("/v1/sessions/current", headers=own)).status_code == 204


async def test_a_program_has_the_browser_come_back_to_its_own_machine(city: City) -> None:
    answer = await city.browser.get(PATH, params={"port": 40123})
    asked = {name: said[0] for name, said in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert asked["redirect_uri"] == "http://127.0.0.1:40123/callback"
    assert (await city.back(asked)).status_code == 303
    assert city.issuer.exchange["redirect_uri"] == "http://127.0.0.1:40123/callback"
    assert (await city.browser.get("/v1/me")).json()["account"] == "li.na"
    assert code(await city.browser.get(PATH, params={"port": 65536})) == (400, "invalid")
    trip = replace(new_trip(AT, "/"), port=65536)
    kept = {"cookie": f"__Host-duban-sign-in={trip.written()}"}
    answer = await city.browser.get(CALLBACK, params={"code": "c", "state": trip.state}, headers=kept)
    assert code(answer) == (400, "no_sign_in_begun")


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "evil",
        "",
        "/a\r\nset-cookie: x=y",
        "/ ",
        "/\tx",
        "/\\",
    ],
)
async def test_nobody_is_led_elsewhere_after_signing_in(city: City, to: str) -> None:
    assert code(await city.browser.get(PATH, params={"to": to})) == (400, "not_ours")
    assert not is_own_path(to)
    trip = new_trip(AT, to)
    kept = {"cookie": f"__Host-duban-sign-in={trip.written()}"}
    answer = await city.browser.get(CALLBACK, params={"code": "c", "state": trip.state}, headers=kept)
    assert code(answer) == (400, "no_sign_in_begun")


async def test_without_a_provider_there_is_none() -> None:
    app = of_sessions(Room(MemoryAccounts(), DrivenClock(AT)), None, Browser())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:
        assert code(await client.get(PATH)) == (404, "no_provider")
        assert code(await client.get(CALLBACK, params={"state": "s"})) == (404, "no_provider")
