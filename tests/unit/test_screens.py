"""Screens on walls: an address shows the board of a city to whoever has it, and nothing else, until it is ended."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from starlette.types import Message

from duban.io.rate_limits import RateKind
from duban_console.accounts.account import Appointment, Role
from duban_console.accounts.admission import Admission
from duban_console.accounts.log import AccountActKind
from duban_console.accounts.memory import MemoryAccounts
from duban_console.accounts.screen_door import MOST_SCREENS
from duban_console.accounts.session import SCREEN_BEGINNING, WallScreen
from duban_console.api.settings import ApiSettings
from tests.accounts import TERMS, fast
from tests.given import report, small_rules
from tests.page_town import HOST, Town, browser

#: Wednesday, ten o'clock in the morning in China.
AT: Final = datetime(2022, 4, 6, 2, tzinfo=UTC)
CITY: Final = "smallville"
LEADER: Final = Appointment(role=Role.LEADER, jurisdiction=CITY, unit="north")
_ADDRESS: Final = re.compile(rf'value="{HOST}(/screen/{SCREEN_BEGINNING}[\w-]+)"')


@dataclass
class Wall:
    """A city with a problem that is open, and a leader of it before their browser."""

    town: Town
    app: FastAPI
    leader: httpx2.AsyncClient

    async def make(self, place: str = "大厅", path: str = "/wall/screens") -> str:
        """The path of a screen's address."""
        page = await self.leader.post(path, data={"place": place})
        assert page.status_code == 200, page.text
        shown = _ADDRESS.search(page.text)
        assert shown is not None
        return shown[1]

    async def get(self, path: str) -> httpx2.Response:
        """What a screen is answered, which is signed in nowhere."""
        async with browser(self.app, accept_language="en") as screen:
            return await screen.get(path)

    async def acts(self) -> list[tuple[AccountActKind, str]]:
        lines = [line.act for line in await self.town.room.desk.log()]
        return [(act.kind, act.by) for act in lines if act.kind.name.startswith("SCREEN_")]


@pytest.fixture
async def wall() -> AsyncIterator[Wall]:
    town = Town(small_rules(), AT)
    town.register(report(title="Foul water at Li's"), AT)
    town.clock.tick(AT + timedelta(hours=1))
    app, token = town.app(), await town.room.person("sun", LEADER)
    async with browser(app, token, accept_language="en") as leader:
        yield Wall(town, app, leader)


async def test_a_screen_shows_the_board_without_a_session_and_without_a_title(wall: Wall) -> None:
    page = await wall.get(path := await wall.make())
    [number] = [record.number for record in wall.town.records.values()]
    assert page.status_code == 200
    assert number in page.text
    assert "Foul water" not in page.text
    assert "***" not in page.text
    assert f'hx-sse:connect="{path}/stream"' in page.text
    assert "set-cookie" not in page.headers
    assert "Foul water" in (await wall.leader.get("/wall")).text
    assert '"/wall/screens?city=smallville"' in (await wall.leader.get("/wall")).text


async def test_its_secret_opens_nothing_else_and_nothing_else_opens_it(wall: Wall) -> None:
    secret = (await wall.make()).removeprefix("/screen/")
    async with browser(wall.app, secret) as thief:
        for path in ("/", "/wall", "/ledger", f"/calendar/{secret}/en.ics"):
            assert (await thief.get(path)).status_code in (303, 404)
    feed = await wall.town.room.door.calendars.renew("sun")
    session = (await wall.town.room.door.sign_in("sun", "four plain words here"))[0]
    for other in (feed, session, secret[:-1], "x"):
        assert (await wall.get(f"/screen/{other}")).status_code == 404
        assert (await wall.get(f"/screen/{other}/stream")).status_code == 404


async def test_an_address_is_shown_once_lies_as_a_hash_and_holds_until_it_is_ended(wall: Wall) -> None:
    path = await wall.make("大厅 東側")
    page = (await wall.leader.get("/wall/screens")).text
    assert "大厅 東側" in page
    assert path not in page
    assert "not yet" in page
    assert (await wall.get(path)).status_code == 200
    [screen] = await wall.town.room.door.screens.screens(CITY)
    assert (screen.made_by, screen.seen_at) == ("sun", wall.town.room.clock.now())
    assert screen.hash not in path
    ended = await wall.leader.post(f"/wall/screens/{screen.id}")
    assert (ended.status_code, ended.headers["location"]) == (303, "/wall/screens?city=smallville")
    assert (await wall.get(path)).status_code == 404
    assert (await wall.leader.post(f"/wall/screens/{screen.id}")).status_code == 404
    assert await wall.acts() == [(AccountActKind.SCREEN_MADE, "sun"), (AccountActKind.SCREEN_ENDED, "sun")]


async def test_it_stays_when_whoever_made_it_goes_and_an_administrator_ends_it(wall: Wall) -> None:
    path = await wall.make()
    token = await wall.town.room.person("admin", Appointment(role=Role.ADMINISTRATOR))
    await wall.town.room.desk.turn_off("sun", by="admin")
    assert (await wall.get(path)).status_code == 200
    [screen] = await wall.town.room.door.screens.screens(CITY)
    async with browser(wall.app, token) as admin:
        assert (await admin.post(f"/wall/screens/{screen.id}", params={"city": CITY})).status_code == 303
    assert (await wall.get(path)).status_code == 404


@pytest.mark.parametrize("place", ["", "   ", "x" * 81, "a\u202eb"])
async def test_where_it_hangs_is_said_in_a_few_words(wall: Wall, place: str) -> None:
    answer = await wall.leader.post("/wall/screens", data={"place": place})
    assert (answer.status_code, 'id="place-flaw"' in answer.text) == (400, True)
    assert await wall.town.room.door.screens.screens(CITY) == []


async def test_a_city_has_no_more_than_so_many(wall: Wall) -> None:
    for number in range(MOST_SCREENS):
        await wall.town.room.door.screens.make(CITY, f"room {number}", by="sun")
    answer = await wall.leader.post("/wall/screens", data={"place": "one more"})
    assert (answer.status_code, "end one first" in answer.text) == (400, True)


async def test_screens_of_another_city_are_not_theirs(wall: Wall) -> None:
    door = wall.town.room.door.screens
    await door.make("elsewhere", "大厅", by="admin")
    [other] = await door.screens("elsewhere")
    assert (await wall.leader.post(f"/wall/screens/{other.id}")).status_code == 404
    assert (await wall.leader.post("/wall/screens?city=elsewhere", data={"place": "x"})).status_code == 404
    both = (LEADER, Appointment(role=Role.CLERK, jurisdiction="elsewhere", unit="water"))
    token = await wall.town.room.person("both", *both)
    async with browser(wall.app, token) as clerk:
        assert (await clerk.post("/wall/screens?city=elsewhere", data={"place": "x"})).status_code == 403
    assert len(await door.screens("elsewhere")) == 1


class FadingAccounts(MemoryAccounts):
    """Accounts whose database goes away once a screen was asked for."""

    are_away = False

    async def screen(self, hash_: str) -> WallScreen | None:
        if self.are_away:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed")
        self.are_away = True
        return WallScreen(hash_, CITY, "大厅", "sun", AT, seen_at=AT)


async def test_a_database_that_is_away_for_a_while_ends_no_stream() -> None:
    town = Town(small_rules(), AT)
    town.room.store = FadingAccounts()
    town.room.door = Admission(town.room.store, town.room.clock, fast(), TERMS)
    app, pieces, shown = town.app(), list[bytes](), asyncio.Event()

    async def receive() -> Message:
        await shown.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if piece := message.get("body"):
            pieces.append(piece)
            shown.set()

    path = f"/screen/{SCREEN_BEGINNING}x/stream"
    await app(
        {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
            "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        },
        receive, send,
    )  # fmt: skip
    assert pieces == [b": away\n\n"]


async def test_none_is_made_by_a_page_of_another_site(wall: Wall) -> None:
    answer = await wall.leader.post("/wall/screens", data={"place": "x"}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert await wall.town.room.door.screens.screens(CITY) == []


def test_what_asks_by_such_an_address_is_counted_as_a_look_up_by_a_code() -> None:
    [counted] = [each.rate for each in ApiSettings.COUNTED if "/screen/x/stream".startswith(each.path)]
    assert counted is RateKind.LOOKUP
