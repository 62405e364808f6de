"""By what one signs in oneself, on pages: a password is changed, a second factor begun, confirmed and ended."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape

import httpx2
import pyotp
import pytest
from PIL import Image, ImageDraw
from zxingcpp import read_barcodes

from duban.clock import DrivenClock
from duban.io.rate_limits import RateKind, RateLimits
from duban_console.accounts.account import PATIENCE, Account, ProviderIdentity
from duban_console.accounts.labels import CREDENTIAL_REFUSALS
from duban_console.accounts.log import AccountActKind
from duban_console.accounts.passwords import LONGEST, SHORTEST
from tests.accounts import AT, CLERK, MINUTE, OWN, TERMS, Room, factored, fast, refused
from tests.given import small_rules
from tests.page_town import Town, browser

NEW = "another four plain words"


class Person:
    """Somebody who is signed in, before their browser."""

    def __init__(self, room: Room, before: httpx2.AsyncClient) -> None:
        self.room, self.browser = room, before

    async def send(self, path: str, **fields: str) -> httpx2.Response:
        return await self.browser.post(f"/account/{path}", data=fields)

    async def account(self) -> Account:
        return await self.room.desk.account("li.na")

    async def kinds(self) -> list[AccountActKind]:
        return [line.act.kind for line in await self.room.desk.log()]

    async def begin(self) -> pyotp.TOTP:
        """The second factor that the page shows to be read by an app, by its link."""
        page = await self.send("factor")
        assert page.status_code == 200
        link = re.search(r'href="(otpauth://[^"]+)"', page.text)
        assert link is not None
        totp = pyotp.parse_uri(unescape(link[1]))
        assert isinstance(totp, pyotp.TOTP)
        typed = re.search(r'class="secret">([A-Z2-7 ]+)<', page.text)
        assert typed is not None
        assert typed[1].replace(" ", "") == totp.secret
        assert [code.text for code in read_barcodes(drawn(page.text))] == [unescape(link[1])]
        return totp


def drawn(page: str) -> Image.Image:
    """The picture of the secret in ``page``: its strokes, four dots wide."""
    whole = re.search(r'<svg width="(\d+)".*?<path class="qrline" stroke="#000" d="([^"]+)"', page)
    assert whole is not None
    picture, at, line = Image.new("L", (int(whole[1]), int(whole[1])), 255), 0, 0.0
    pen, scale = ImageDraw.Draw(picture), 5
    for way, along, down in re.findall(r"([Mmh])(-?\d+)(?: ?(-?[\d.]+))?", whole[2]):
        if way == "h":
            box = (at * scale, int(line) * scale, (at + int(along)) * scale - 1, int(line) * scale + scale - 1)
            pen.rectangle(box, fill=0)
        at, line = (0, 0.0) if way == "M" else (at, line)
        at, line = at + int(along), line + float(down or 0)
    return picture


@pytest.fixture
async def person() -> AsyncIterator[Person]:
    town = Town(small_rules(), AT, DrivenClock(AT))
    token = await town.room.person("li.na", CLERK)
    async with browser(town.app(), token, **{"accept-language": "en"}) as before:
        yield Person(town.room, before)


def test_the_rule_beside_the_field_is_the_one_that_is_held_to() -> None:
    assert (SHORTEST, LONGEST) == (12, 256)


async def test_a_password_is_changed_by_the_one_that_holds_and_every_other_session_ends(person: Person) -> None:
    elsewhere, _ = await person.room.door.sign_in("li.na", OWN)
    form = await person.browser.get("/account/password")
    assert "12 to 256 characters" in form.text
    done = await person.send("password", password=OWN, new=NEW, again=NEW)
    assert (done.status_code, done.headers["location"]) == (303, "/account?done=password")
    assert "Your password is changed" in (await person.browser.get("/account?done=password")).text
    assert await refused(person.room.door.principal(elsewhere)) == "no_session"
    assert await refused(person.room.door.sign_in("li.na", OWN)) == "not_signed_in"
    assert len(await person.room.door.sessions("li.na")) == 1
    assert (await person.room.door.sign_in("li.na", NEW))[1].account == "li.na"
    assert (await person.kinds()).count(AccountActKind.PASSWORD_SET) == 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"password": "wrong", "new": NEW, "again": NEW}, "password"),
        ({"password": OWN, "new": NEW, "again": f"{NEW}!"}, "again"),
        ({"password": OWN, "new": "too short", "again": "too short"}, "new"),
        ({"password": OWN, "new": OWN, "again": OWN}, "new"),
        ({"password": OWN, "new": "li.na-li.na-li.na", "again": "li.na-li.na-li.na"}, "new"),
        ({}, "new"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_the_password_holds(
    person: Person, fields: dict[str, str], field: str
) -> None:
    answer = await person.send("password", **{"password": OWN, **fields})
    assert answer.status_code == 400
    assert f'id="{field}-flaw"' in answer.text
    assert NEW not in answer.text
    assert (await person.browser.get("/account")).status_code == 200
    assert (await person.room.door.sign_in("li.na", OWN))[1].account == "li.na"


async def test_wrong_passwords_are_counted_and_bar_the_account_as_at_the_sign_in(person: Person) -> None:
    for _ in range(PATIENCE):
        assert (await person.send("factor/confirmation", password="wrong", code="1")).status_code == 400
    assert (await person.account()).barred(AT)
    assert (await person.send("password", password=OWN, new=NEW, again=NEW)).status_code == 400
    person.room.wait(MINUTE)
    assert (await person.send("password", password=OWN, new=NEW, again=NEW)).status_code == 303


async def test_they_are_taken_no_oftener_than_sign_ins_are() -> None:
    town = Town(small_rules(), AT, DrivenClock(AT))
    room = town.room
    room.door = type(room.door)(room.store, room.clock, fast(), TERMS, RateLimits({RateKind.SIGN_IN: 3}))
    token = await room.person("li.na", CLERK)
    async with browser(town.app(), token) as before:
        form = {"password": "wrong", "new": NEW, "again": NEW}
        codes = [(await before.post("/account/password", data=form)).status_code for _ in range(3)]
    assert codes == [400, 400, 429]


async def test_a_second_factor_counts_once_its_code_and_the_password_are_shown(person: Person) -> None:
    assert "Begin a second factor" in (await person.browser.get("/account/factor")).text
    totp = await person.begin()
    assert not (await person.account()).has_factor
    # What was shown is not shown again to whoever has no more than the session.
    assert 'class="secret"' not in (waiting := (await person.browser.get("/account/factor")).text)
    assert "waits for its first code" in waiting
    code = totp.at(AT)
    wrong = await person.send("factor/confirmation", password="wrong", code=code)
    assert (wrong.status_code, 'class="secret"' in wrong.text) == (400, False)
    again = await person.send("factor/confirmation", password=OWN, code="000")
    assert (again.status_code, 'id="code-flaw"' in again.text, 'class="secret"' in again.text) == (400, True, True)
    done = await person.send("factor/confirmation", password=OWN, code=code)
    codes = re.findall(r"<li><code>([0-9a-f]+)</code>", done.text)
    assert (done.status_code, len(codes)) == (200, 10)
    assert (await person.account()).has_factor
    assert await refused(person.room.door.sign_in("li.na", OWN)) == "code_needed"
    assert (await person.room.door.sign_in("li.na", OWN, codes[0]))[0]
    assert codes[1] not in (await person.browser.get("/account/factor")).text
    assert (await person.send("factor")).status_code == 409


async def test_with_a_second_factor_a_password_is_changed_by_a_code_of_it_as_well(person: Person) -> None:
    totp = await person.begin()
    await person.send("factor/confirmation", password=OWN, code=totp.at(AT))
    form = {"password": OWN, "new": NEW, "again": NEW}
    asked = await person.send("password", **form)
    assert (asked.status_code, 'id="code-flaw"' in asked.text) == (400, True)
    person.room.wait(MINUTE)
    assert (await person.send("password", **form, code=totp.at(person.room.clock.now()))).status_code == 303


async def test_a_second_factor_is_ended_by_password_and_code_and_every_session_with_it(person: Person) -> None:
    totp = await person.begin()
    confirmed = await person.send("factor/confirmation", password=OWN, code=totp.at(AT))
    recovery = re.findall(r"<li><code>([0-9a-f]+)</code>", confirmed.text)
    for fields in ({"password": OWN}, {"password": "wrong", "code": recovery[0]}, {"password": OWN, "code": "1"}):
        assert (await person.send("factor/end", **fields)).status_code == 400
    assert (await person.account()).has_factor
    done = await person.send("factor/end", password=OWN, code=recovery[0])
    assert (done.status_code, done.headers["location"]) == (303, "/sign-in?to=/account/factor")
    assert (await person.account()).factor is None
    assert await person.room.door.sessions("li.na") == []
    assert (await person.room.door.sign_in("li.na", OWN))[0]


async def test_who_has_no_second_factor_ends_none(person: Person) -> None:
    answer = await person.send("factor/end", password=OWN)
    assert (answer.status_code, "There is no second factor." in answer.text) == (400, True)
    answer = await person.send("factor/confirmation", password=OWN, code="1")
    assert (answer.status_code, "No second factor waits" in answer.text) == (400, True)


async def test_an_account_of_a_provider_is_told_that_its_password_is_kept_there() -> None:
    town = Town(small_rules(), AT, DrivenClock(AT))
    identity = ProviderIdentity("https://id.city.example", "4711")
    account = Account("wang", "王", AT, appointments=(CLERK,), identity=identity)
    async with town.room.store.transaction() as store:
        await store.put_account(account)
        token, _ = await town.room.door.begin(store, account, AT, "", "")
    async with browser(town.app(), token, **{"accept-language": "en"}) as before:
        for path in ("/account/password", "/account/factor"):
            page = await before.get(path)
            assert "https://id.city.example" in page.text
            assert 'name="password"' not in page.text
        changed = await before.post("/account/password", data={"password": "", "new": NEW, "again": NEW})
        begun = await before.post("/account/factor")
    assert (changed.status_code, begun.status_code) == (409, 409)
    after = await town.room.desk.account("wang")
    assert (after.password, after.factor, after.failures) == (None, None, 0)


async def test_nothing_is_changed_by_a_page_of_another_site() -> None:
    town = Town(small_rules(), AT, DrivenClock(AT))
    await factored(town.room)
    token = await town.room.person("wang", CLERK)
    async with browser(town.app(), token, sec_fetch_site="cross-site") as before:
        for path in ("password", "factor", "factor/confirmation", "factor/end"):
            assert (await before.post(f"/account/{path}")).status_code == 403


def test_every_refusal_stands_beside_a_field_of_these_pages() -> None:
    assert {field for field, _ in CREDENTIAL_REFUSALS.values()} == {"password", "new", "again", "code", "factor"}
