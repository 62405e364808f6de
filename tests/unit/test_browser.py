"""What a cookie is believed for: a page of another site gets nothing by it, whatever its browser sends along."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from pydantic import ValidationError

from duban.clock import DrivenClock
from duban.errors import SettingsError
from duban_console.accounts.memory import MemoryAccounts
from duban_console.api.browser import Browser, cross_site
from duban_console.oidc.settings import OidcSettings
from tests.accounts import AT, OWN, Room
from tests.unit.test_oidc import code, of_sessions

HTTPS, NEAR = "https://duban.example", "http://127.0.0.1:8320"
TAKEN, REFUSED, UNKNOWN = None, "cross_site", "no_origin"


@pytest.mark.parametrize(
    ("ours", "site", "origin", "expected"),
    [
        # by https the browser says who has had it ask
        (HTTPS, "same-origin", HTTPS, TAKEN),
        (HTTPS, "same-origin", None, TAKEN),
        (HTTPS, "none", None, TAKEN),
        (HTTPS, "same-site", "https://pages.duban.example", REFUSED),
        (HTTPS, "same-site", HTTPS, REFUSED),
        (HTTPS, "cross-site", "https://evil.example", REFUSED),
        (HTTPS, "cross-site", HTTPS, REFUSED),
        (HTTPS, "whatever comes", HTTPS, REFUSED),
        # by http, or an old one, whose page it was
        (HTTPS, None, HTTPS, TAKEN),
        (HTTPS, None, "https://duban.example:443", TAKEN),
        (HTTPS, None, "https://DUBAN.example", TAKEN),
        (HTTPS, None, "http://duban.example", REFUSED),
        (HTTPS, None, "https://duban.example:8443", REFUSED),
        (HTTPS, None, "https://duban.example.evil.example", REFUSED),
        (HTTPS, None, "https://evil.example", REFUSED),
        (HTTPS, None, "null", REFUSED),
        (HTTPS, None, "", REFUSED),
        (HTTPS, None, "https://[", REFUSED),
        (HTTPS, None, "https://duban.example:99999", REFUSED),
        (NEAR, None, NEAR, TAKEN),
        (NEAR, None, "http://127.0.0.1:9000", REFUSED),
        (NEAR, None, "http://localhost:8320", REFUSED),
        # and nobody else is a browser
        (HTTPS, None, None, UNKNOWN),
    ],
)
def test_who_has_had_the_browser_ask_says_whether_its_cookie_counts(
    ours: str, site: str | None, origin: str | None, expected: str | None
) -> None:
    headers = {name: said for name, said in (("sec-fetch-site", site), ("origin", origin)) if said is not None}
    for method in ("POST", "DELETE", "PATCH", "PUT"):
        why = cross_site(method, headers, ours)
        assert (why and why.code) == expected
    for method in ("GET", "HEAD", "OPTIONS"):
        assert cross_site(method, headers, ours) is None


@pytest.fixture
def room() -> Room:
    return Room(MemoryAccounts(), DrivenClock(AT))


@pytest.fixture
async def near(room: Room) -> AsyncIterator[httpx2.AsyncClient]:
    app = of_sessions(room, None, Browser())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=NEAR) as client:
        yield client


async def signed_in(room: Room, client: httpx2.AsyncClient, **headers: str) -> httpx2.Response:
    if not await room.store.accounts():
        await room.person()
    who = {"name": "li.na", "password": OWN, "cookie": True}
    return await client.post("/v1/sessions", json=who, headers={"origin": NEAR, **headers})


async def test_who_signs_in_by_password_has_the_token_in_a_cookie_where_that_is_asked_for(
    room: Room, near: httpx2.AsyncClient
) -> None:
    answer = await signed_in(room, near)
    assert (answer.status_code, sorted(answer.json())) == (201, ["session"])
    kept = answer.headers["set-cookie"].lower()
    assert kept.startswith("duban=duban_session_")
    assert "httponly" in kept
    assert "secure" not in kept  # by plain http a browser would not keep it, and it goes to loopback alone
    assert (await near.get("/v1/me")).json()["account"] == "li.na"
    first = near.cookies["duban"]
    await signed_in(room, near)
    assert near.cookies["duban"] != first
    answer = await near.get("/v1/me", headers={"authorization": f"Bearer {first}"})
    assert code(answer) == (401, "no_session")


async def test_a_page_of_another_site_acts_in_nobodys_name_and_signs_nobody_in(
    room: Room, near: httpx2.AsyncClient
) -> None:
    elsewhere = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert code(await signed_in(room, near, **elsewhere)) == (403, "cross_site")
    await signed_in(room, near)
    answer = await near.delete("/v1/sessions/current", headers=elsewhere)
    assert code(answer) == (403, "cross_site")
    assert "evil" not in answer.json()["error"]["message"]
    assert code(await near.delete("/v1/sessions/current")) == (403, "no_origin")
    token = near.cookies["duban"]
    assert (await near.get("/v1/me", headers=elsewhere)).status_code == 200
    shown = {"authorization": f"Bearer {token}", **elsewhere}
    assert (await near.delete("/v1/sessions/current", headers=shown)).status_code == 204


async def test_a_token_that_is_shown_goes_before_a_cookie(room: Room, near: httpx2.AsyncClient) -> None:
    await signed_in(room, near)
    other = await room.person("wang")
    assert (await near.get("/v1/me", headers={"authorization": f"Bearer {other}"})).json()["account"] == "wang"
    assert code(await near.get("/v1/me", headers={"authorization": "Bearer x"})) == (401, "no_session")


async def test_no_cookie_goes_over_a_network_in_the_clear(room: Room) -> None:
    app = of_sessions(room, None, Browser())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://city.example") as far:
        assert code(await signed_in(room, far)) == (400, "no_cookies")
        kept = {"cookie": f"duban={await room.person('wang')}"}
        assert code(await far.get("/v1/me", headers=kept)) == (400, "no_cookies")


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"api_url": "http://duban.example"}, "https://"),
        ({"api_url": "duban.example"}, "https://"),
        ({"api_url": "https://duban.example/"}, "no slash"),
        ({"api_url": "https://duban.example/api"}, "scheme and host alone"),
        ({"oidc_issuer": "https://sign-in.example"}, "DUBAN_API_URL, DUBAN_OIDC_CLIENT, DUBAN_OIDC_MAPPING"),
        ({"oidc_issuer": "http://sign-in.example"}, "loopback alone"),
    ],
)
def test_what_cannot_be_set_is_named(told: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        OidcSettings.load(**told)


def test_loopback_needs_no_https() -> None:
    with pytest.raises(ValidationError):
        OidcSettings(api_url="http://[::2]:8320")
    assert OidcSettings(api_url="http://[::1]:8320").api_url
    assert OidcSettings(api_url="http://localhost:8320", oidc_issuer=None).api_url
