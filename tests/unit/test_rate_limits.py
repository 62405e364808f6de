"""The laws of how often a server may be asked: by address and by account, behind proxies, and by whoever guesses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from hypothesis import given, settings
from hypothesis import strategies as st
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import SecretStr
from starlette.types import ASGIApp

from duban.clock import DrivenClock
from duban.errors import DubanError, Fault, SettingsError
from duban.io.faults import fault_answer
from duban.io.http import Http
from duban.io.rate_limits import Counted, RateKind, RateLimits, network
from duban.io.settings import ServerSettings
from duban.pace import Pace
from duban.pages.look import PageLook
from duban.pages.mishap_page import answer_of
from duban_console.accounts.admission import Admission
from duban_console.accounts.desk import AccountDesk
from duban_console.accounts.memory import MemoryAccounts
from duban_console.accounts.passwords import Passwords
from duban_console.api.settings import ApiSettings
from duban_console.pages.app import console_look
from duban_intake.gateway.settings import GatewaySettings
from duban_intake.site.app import site_look
from duban_local.children import free_port
from tests.accounts import AT, OWN, fast
from tests.conftest import eventually


class Seconds:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@settings(max_examples=30)
@given(st.integers(1, 60), st.lists(st.floats(0, 30), min_size=1, max_size=40))
def test_no_minute_holds_more_than_two_minutes_worth_and_all_time_no_more_than_its_own(
    rate: int, gaps: list[float]
) -> None:
    pace, at, taken = Pace(), 0.0, list[float]()
    for gap in gaps:
        at += gap
        while pace.wait("a", rate, at) == 0:
            pace.count("a", rate, at)
            taken.append(at)
    for since in taken:
        assert len([at for at in taken if since <= at < since + 60]) <= 2 * rate
    assert len(taken) <= rate + at * rate / 60 + 1e-6


def test_whoever_may_ask_for_everything_again_is_forgotten_and_of_too_many_who_came_first() -> None:
    pace = Pace(most=3)
    for number in range(10):
        pace.count(str(number), 60, 0.0)
    assert len(pace) == 3
    assert [pace.wait(name, 1, 0.0) > 0 for name in ("6", "7", "9")] == [False, True, True]
    pace.count("late", 60, 60.0)
    assert len(pace) == 1


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a socket", "a socket"),
        ("", ""),
    ],
)
def test_an_address_of_ipv6_counts_with_its_network(address: str, counted_as: str) -> None:
    assert network(address) == counted_as


def refused(limits: RateLimits, address: str, method: str, path: str) -> int | None:
    """After how many seconds it may be asked again, if it may not now."""
    fault: Fault | None = None
    try:
        limits.take_from(address, method, path)
    except Fault as raised:
        fault = raised
    if fault is None:
        return None
    assert (fault.status, fault.code) == (429, "too_fast")
    assert f"go on in {fault.retry} s" in str(fault)
    return fault.retry


def test_each_rate_is_counted_apart_and_each_address_and_what_was_refused_is_not_counted() -> None:
    seconds = Seconds()
    counted = (Counted("POST", "/in", RateKind.SIGN_IN), Counted("POST", "/free", None))
    limits = RateLimits({RateKind.SIGN_IN: 2, RateKind.REQUEST: 3, RateKind.LOOKUP: 0}, counted, seconds)
    here, beside, elsewhere = "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"
    assert [refused(limits, each, "POST", "/in") for each in (here, beside, here, elsewhere)] == [None, None, 30, None]
    assert [refused(limits, here, "GET", "/in") for _ in range(4)] == [None, None, None, 20]
    assert [refused(limits, here, "POST", "/free") for _ in range(10)] == [None] * 10
    seconds.at = 29.5
    assert refused(limits, here, "POST", "/in") == 1
    seconds.at = 30.0
    assert [refused(limits, here, "POST", "/in") for _ in range(2)] == [None, 30]


def test_what_counts_as_what() -> None:
    api, gateway = (
        ApiSettings(accounts=SecretStr("postgresql://x"), sign_in_rate=1, lookup_rate=1, request_rate=1),
        GatewaySettings(lookup_rate=1),
    )
    guessed = [
        (api.rate_limits(), "POST", "/v1/sessions"),
        (api.rate_limits(), "POST", "/v1/rewards/lookup"),
        (api.rate_limits(), "POST", "/account/password"),
        (api.rate_limits(), "GET", "/screen/secret"),
        (api.rate_limits(), "GET", "/v1/problems"),
        (gateway.rate_limits(), "GET", "/open311/v2/tokens/1.json"),
    ]
    for limits, method, path in guessed:
        assert [refused(limits, "192.0.2.7", method, path) for _ in range(2)] == [None, 60]
    reports = GatewaySettings(request_rate=1, lookup_rate=1).rate_limits()
    assert [refused(reports, "192.0.2.7", "POST", "/v1/reports") for _ in range(3)] == [None] * 3


@asynccontextmanager
async def served(
    refusal: Callable[[Fault], ASGIApp] = fault_answer, **given_: Any
) -> AsyncIterator[httpx2.AsyncClient]:
    """A server that answers from where it was asked, and with ``refusal`` whoever asks too often."""
    app = FastAPI()

    @app.get("/")
    async def whence(request: Request) -> list[str]:
        assert request.client is not None
        return [request.client.host, request.url.scheme]

    port = free_port()
    http = Http(app, ServerSettings(**given_), port, "DUBAN_PORT", refusal=refusal)
    running = asyncio.create_task(http.run())
    await eventually(lambda: http.listening)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client
    http.stop()
    await running


FORGED = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}


async def test_nobody_is_believed_who_is_no_trusted_proxy() -> None:
    async with served() as client:
        assert (await client.get("/", headers=FORGED)).json() == ["127.0.0.1", "http"]
    async with served(trusted_proxies="192.0.2.0/24") as client:
        assert (await client.get("/", headers=FORGED)).json() == ["127.0.0.1", "http"]


async def test_a_trusted_proxy_is_believed_and_what_its_client_made_up_is_not() -> None:
    async with served(trusted_proxies="127.0.0.1, 192.0.2.0/24", request_rate=2) as client:
        assert (await client.get("/", headers=FORGED)).json() == ["203.0.113.9", "https"]
        chains = ("198.51.100.1, 203.0.113.9, 192.0.2.5", "198.51.100.2, 203.0.113.9", "203.0.113.8")
        statuses = []
        for chain in chains:
            answer = await client.get("/", headers={"x-forwarded-for": chain})
            statuses.append(answer.status_code)
        assert statuses == [200, 429, 200]
        last = await client.get("/", headers=FORGED)
        assert last.json()["error"]["code"] == "too_fast"
        assert 0 < int(last.headers["retry-after"]) <= 30


@pytest.mark.parametrize("look", [console_look(), site_look({})], ids=["console", "site"])
async def test_who_reads_pages_is_told_by_a_page_that_they_ask_too_often_and_a_program_in_json(look: PageLook) -> None:
    async with served(partial(answer_of, look), request_rate=1) as client:
        assert (await client.get("/")).status_code == 200
        page = await client.get("/", headers={"accept": "text/html", "accept-language": "en"})
        program = await client.get("/")
    assert (page.status_code, page.headers["content-type"]) == (429, "text/html; charset=utf-8")
    assert "Wait a minute" in page.text
    assert 0 < int(page.headers["retry-after"]) <= 60
    assert (program.status_code, program.json()["error"]["code"]) == (429, "too_fast")


@pytest.mark.parametrize("proxies", ["proxy.example", "192.0.2.1/24", "*"])
def test_proxies_are_addresses_and_networks(proxies: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUBAN_TRUSTED_PROXIES", proxies)
    with pytest.raises(SettingsError, match="DUBAN_TRUSTED_PROXIES"):
        ServerSettings.load()


class CountedHashes(Passwords):
    """Passwords that count which were looked at."""

    def __init__(self) -> None:
        super().__init__(PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),)))
        self.compared = 0

    async def fits(self, password: str, known: str | None) -> bool:
        self.compared += 1
        return await super().fits(password, known)


async def test_who_guesses_from_many_addresses_and_for_many_names_is_bounded_and_an_account_is_not_opened() -> None:
    seconds, clock, store, passwords = Seconds(), DrivenClock(AT), MemoryAccounts(), CountedHashes()
    api = ApiSettings(accounts=SecretStr("postgresql://x"), sign_in_rate=4, account_sign_in_rate=3)
    by_address = RateLimits(api.rates(), api.COUNTED, seconds)
    by_account = RateLimits({RateKind.SIGN_IN: api.account_sign_in_rate}, seconds=seconds)
    await AccountDesk(store, clock, fast()).add("li.na", "李娜", by="admin", password=OWN)
    door = Admission(store, clock, passwords, limits=by_account)

    async def guess(address: str, name: str) -> None:
        with suppress(DubanError):
            by_address.take_from(address, "POST", "/v1/sessions")
            await door.sign_in(name, "a guess of many words", address=address)

    # One address for many names.
    for number in range(40):
        await guess("192.0.2.7", f"name{number}")
    assert passwords.compared == 4
    # Many addresses for one name.
    for number in range(40):
        await guess(f"198.51.100.{number}", "LI.NA ")
    assert passwords.compared == 4 + 3
    # Many addresses of one network.
    for number in range(40):
        await guess(f"2001:db8::{number:x}", f"name{number}")
    assert passwords.compared == 4 + 3 + 4
    account = await store.account("li.na")
    assert account is not None
    assert account.failures == 3


async def test_an_account_asks_no_more_than_its_rate_from_wherever_it_asks() -> None:
    store, clock = MemoryAccounts(), DrivenClock(AT)
    await AccountDesk(store, clock, fast()).add("li.na", "李娜", by="admin", password="given by the office")
    door = Admission(store, clock, fast(), limits=RateLimits({RateKind.REQUEST: 2}, seconds=Seconds()))
    token, _ = await door.sign_in("li.na", "given by the office", new=OWN)
    for _ in range(2):
        await door.principal(token, "192.0.2.7")
    with pytest.raises(Fault, match="2 requests a minute are not taken from one account") as caught:
        await door.principal(token, "198.51.100.1")
    assert (caught.value.status, caught.value.retry) == (429, 30)


async def test_who_comes_while_too_many_sign_in_is_sent_away_and_nobody_else_waits_longer() -> None:
    passwords = Passwords(PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),)), 1, 3)
    known = await passwords.hash(OWN)
    outcomes = await asyncio.gather(*(passwords.fits(OWN, known) for _ in range(10)), return_exceptions=True)
    assert outcomes[:4] == [True] * 4
    faults = [outcome for outcome in outcomes if isinstance(outcome, Fault)]
    assert [(fault.status, fault.code, fault.retry) for fault in faults] == [(503, "busy", 5)] * 6
    assert await passwords.fits(OWN, known)
