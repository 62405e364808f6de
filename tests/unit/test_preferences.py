"""How somebody is told: the calendar that they subscribe to, read by another library than the one that wrote it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest
import vobject
from fastapi import FastAPI

from duban.messages import commands as do
from duban.messages.report import Evidence
from duban_console.accounts.account import Appointment, Role
from duban_console.pages.calendar_view import MEDIA_TYPE
from tests.given import report, small_rules
from tests.page_town import HOST, Town, browser

#: Wednesday, ten o'clock in the morning in China.
AT: Final = datetime(2022, 4, 6, 2, tzinfo=UTC)
CITY: Final = "smallville"
HOUR: Final = timedelta(hours=1)
WATER: Final = do.Actor(unit="water")
BACK: Final = do.HandBack(
    actor=WATER, reason="not ours", clause="art. 2", evidence=(Evidence(uri="file:///a.jpg", sha256="0" * 64),)
)


@dataclass
class Desk:
    """A city of two problems for one unit and one that was handed back, and a clerk of that unit."""

    town: Town
    app: FastAPI
    ids: list[UUID]
    token: str

    async def make_address(self, language: str = "en") -> str:
        async with browser(self.app, self.token, accept_language=language) as clerk:
            page = await clerk.post("/preferences/calendar")
        assert page.status_code == 200
        shown = re.search(rf'value="{HOST}(/calendar/duban_calendar_[\w-]+/{language}\.ics)"', page.text)
        assert shown is not None
        return shown[1]

    async def calendar(self, path: str) -> Any:
        """The calendar at ``path``, as a program reads it that is signed in nowhere."""
        async with browser(self.app) as program:
            answer = await program.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, MEDIA_TYPE)
        assert "Foul" not in answer.text
        return vobject.readOne(answer.text)

    async def events(self, path: str) -> dict[str, Any]:
        return {event.url.value: event for event in (await self.calendar(path)).contents.get("vevent", [])}


@pytest.fixture
async def desk() -> Desk:
    town = Town(small_rules(), AT)
    ids = [town.register(report(title=f"Foul {number}"), AT + number * HOUR) for number in range(3)]
    town.act(ids[2], BACK, AT + 3 * HOUR)
    town.clock.tick(AT + 4 * HOUR)
    clerk = Appointment(role=Role.CLERK, jurisdiction=CITY, unit="water")
    return Desk(town, town.app(), ids, await town.room.person("li.na", clerk))


async def test_a_calendar_has_what_a_unit_owes_at_the_instant_when_that_is_due(desk: Desk) -> None:
    calendar = await desk.calendar(await desk.make_address())
    assert calendar.contents["name"][0].value == "Due by Duban"
    assert calendar.method.value == "PUBLISH"
    assert {calendar.contents[name][0].value for name in ("refresh-interval", "x-published-ttl")} == {"PT1H"}
    events = {event.url.value: event for event in calendar.vevent_list}
    urls = [f"{HOST}/records/{id_}" for id_ in desk.ids[:2]]
    assert events.keys() == set(urls)
    for url, id_ in zip(urls, desk.ids, strict=False):
        record, event = desk.town.records[id_], events[url]
        due = {deadline.obligation: deadline.lapse_at for deadline in record.deadlines}
        assert event.dtstart.value == due["acknowledge"]
        assert record.number in event.summary.value
        assert "Water bureau" in event.description.value
        assert event.description.value.endswith(url)


async def test_a_limit_keeps_its_uid_and_one_that_is_over_or_withdrawn_is_gone(desk: Desk) -> None:
    path, (first, second) = await desk.make_address(), [f"{HOST}/records/{id_}" for id_ in desk.ids[:2]]
    before = await desk.events(path)
    again = await desk.events(path)
    assert [event.uid.value for event in before.values()] == [event.uid.value for event in again.values()]
    desk.town.act(desk.ids[0], do.Acknowledge(actor=WATER), AT + 3 * HOUR)
    desk.town.act(desk.ids[1], BACK, AT + 3 * HOUR)
    after = await desk.events(path)
    assert second not in after
    assert after[first].uid.value != before[first].uid.value


async def test_a_calendar_is_in_the_language_of_who_subscribed(desk: Desk) -> None:
    calendar = await desk.calendar(await desk.make_address("zh"))
    assert calendar.contents["name"][0].value == "督办到期事项"


async def test_an_address_holds_until_it_is_renewed_or_ended_and_is_shown_once(desk: Desk) -> None:
    old = await desk.make_address()
    new = await desk.make_address()
    assert (await desk.events(new)).keys() == (await desk.events(new)).keys()
    async with browser(desk.app, desk.token) as clerk:
        shown = (await clerk.get("/preferences")).text
        assert "duban_calendar_" not in shown
        assert (await clerk.get(old)).status_code == 404
        assert (await clerk.get(new.replace("/en.ics", "/fr.ics"))).status_code == 404
        assert (await clerk.post("/preferences/calendar/end")).status_code == 303
        assert (await clerk.get(new)).status_code == 404


async def test_nothing_is_made_by_a_page_of_another_site(desk: Desk) -> None:
    async with browser(desk.app, desk.token, sec_fetch_site="cross-site") as clerk:
        for path in ("/preferences/calendar", "/preferences/calendar/end"):
            assert (await clerk.post(path)).status_code == 403
    assert await desk.town.room.store.feed("li.na") is None


async def test_a_calendar_shows_what_its_owner_may_see_now_and_not_when_it_was_made(desk: Desk) -> None:
    path = await desk.make_address()
    await desk.town.room.desk.appoint(
        "li.na", [Appointment(role=Role.CLERK, jurisdiction=CITY, unit="south")], by="admin"
    )
    assert await desk.events(path) == {}


async def test_who_acts_for_no_unit_is_offered_no_calendar(desk: Desk) -> None:
    token = await desk.town.room.person("chen", Appointment(role=Role.CUSTODIAN))
    async with browser(desk.app, token) as custodian:
        page = (await custodian.get("/preferences")).text
    assert 'action="/preferences/calendar"' not in page
