"""How somebody is told: the contacts of a unit, and the calendar of what is due.

The calendar is read by another library than the one that wrote it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import httpx2
import pytest
import vobject
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from duban.messages import commands as do
from duban.messages.contacts import RegisteredContact, RegisteredRota
from duban.messages.report import Evidence
from duban_console.accounts.account import ACCOUNT_NAME, Appointment, Role
from duban_console.pages.calendar_view import MEDIA_TYPE
from duban_console.pages.contact_view import is_person
from tests.given import report, small_rules
from tests.page_staff import AT, CITY, CLERK, Staff, contact, staff_of
from tests.page_town import HOST, Town, browser

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


@pytest.fixture
async def staff() -> Staff:
    return await staff_of(Town(small_rules(), AT))


async def send(
    staff: Staff, name: str, path: str, person: str = "", unit: str = "water", **fields: str
) -> httpx2.Response:
    return await staff.send(name, f"/preferences/{path}", unit, person=person, **fields)


async def test_somebody_says_how_they_are_told_and_it_stands_on_the_topic(staff: Staff) -> None:
    fields = {"mail": "li@water.example li@home.example", "sms": "+8613800000000", "begins": "22:00", "ends": "07:00"}
    answer = await send(staff, "li", "contact", "li", digest="08:30 14:30", **fields)
    assert answer.status_code == 303
    (changed,) = staff.published
    assert isinstance(changed, RegisteredContact)
    assert changed.key == "smallville/water/li"
    assert [(way.by, way.to) for way in changed.ways] == [
        ("mail", "li@water.example"), ("mail", "li@home.example"), ("sms", "+8613800000000"),
    ]  # fmt: skip
    assert changed.quiet is not None
    assert (changed.quiet.begins, changed.quiet.ends, changed.digest) == ("22:00", "07:00", ("08:30", "14:30"))
    page = await staff.page("li")
    assert 'value="li@water.example li@home.example"' in page
    assert ("contact_changed", "li", "li") in await staff.town.room.acts()
    await send(staff, "li", "contact", "li", do="remove")
    assert staff.published[-1] == contact("li")
    assert "You are told nothing yet" in await staff.page("li")


async def test_what_the_operator_has_set_up_stays_when_its_owner_saves(staff: Staff) -> None:
    hook = ("webhook", "https://li.example/duban")
    await staff.standing(contact("li", hook, ("mail", "old@water.example"), zone="Asia/Shanghai"))
    answer = await send(staff, "li", "contact", "li", mail="li@water.example", webhook="https://elsewhere.example/")
    assert answer.status_code == 303
    assert staff.published == [contact("li", ("mail", "li@water.example"), hook, zone="Asia/Shanghai")]


@pytest.mark.parametrize(
    ("field", "given"),
    [("mail", {"mail": "li@water.example, wang"}), ("sms", {"sms": "call me"}), ("quiet", {"begins": "22:00"}),
     ("quiet", {"begins": "22:00", "ends": "22:00"}), ("digest", {"mail": "a@b.example", "digest": "8:30"}),
     ("ways", {"mail": " ".join(f"a{number}@b.example" for number in range(11))})],
)  # fmt: skip
async def test_what_is_not_taken_says_so_beside_its_field_and_keeps_what_was_written(
    staff: Staff, field: str, given: dict[str, str]
) -> None:
    answer = await send(staff, "li", "contact", "li", **given)
    assert answer.status_code == 400
    assert answer.text.count('class="flaw"') == 1
    assert f'class="flaw" id="contact-li-{field}' in answer.text or field == "ways"
    for name in given:
        assert f'name="{name}"' in answer.text
        assert f'value="{given[name]}"' in answer.text
    assert staff.published == []


async def test_the_contact_of_a_unit_is_for_its_head_and_the_office_to_change(staff: Staff) -> None:
    assert (await send(staff, "li", "contact", mail="li@water.example")).status_code == 403
    assert (await send(staff, "li", "contact", "zhao", mail="li@water.example")).status_code == 403
    assert staff.published == []
    assert (await send(staff, "zhao", "contact", wecom="water", mail="desk@water.example")).status_code == 303
    assert staff.published == [contact(None, ("mail", "desk@water.example"), ("wecom", "water"))]
    page = await staff.page("li")
    assert "desk@water.example" in page
    assert 'value="desk@water.example"' not in page
    assert (await send(staff, "chen", "contact", mail="new@water.example")).status_code == 303
    assert 'value="new@water.example"' in await staff.page("chen", "/preferences?unit=water")
    assert ("denied", "li", "li") in await staff.town.room.acts()


async def test_the_office_comes_to_every_unit_and_a_unit_to_its_own_alone(staff: Staff) -> None:
    assert '<option value="water">Water bureau</option>' in await staff.page("chen")
    assert "<option" not in await staff.page("zhao")


async def test_the_clock_of_quiet_hours_and_turns_is_named(staff: Staff) -> None:
    rota = RegisteredRota(jurisdiction=CITY, unit="water", persons=("li",), since=AT, zone="Asia/Shanghai")
    await staff.standing(contact("li", ("mail", "li@water.example"), zone="Asia/Kathmandu"), rota)
    page = await staff.page("li")
    assert "set for this contact: Nepal Time (Asia/Kathmandu, UTC+5:45)." in page
    assert '2022-04-13 10:00 <span class="quietly">China Time (Asia/Shanghai, UTC+8)</span>' in page
    page = await staff.page("zhao")
    assert page.count("By the clock of the city: China Time (Asia/Shanghai, UTC+8).") == 3
    assert page.count('aria-describedby="contact-zhao-quiet contact-zhao-clock"') == 2


async def test_an_account_named_by_an_address_of_mail_has_a_contact_of_its_own(staff: Staff) -> None:
    name = "sun@water.example"
    await staff.of(name, CLERK)
    assert (await send(staff, name, "contact", name, mail="sun@water.example")).status_code == 303
    assert staff.published == [contact(name, ("mail", "sun@water.example"))]
    page = await staff.page(name)
    assert 'id="contact-sun@water.example"' in page
    assert 'value="sun@water.example"' in page
    assert f"Notices to {name}" in await staff.page("zhao")
    assert (await send(staff, name, "trial", name)).headers["location"].endswith("done=tried")
    assert "Mail 1: <strong>delivered</strong>" in await staff.page(name)


@given(st.from_regex(ACCOUNT_NAME, fullmatch=True))
def test_whatever_names_an_account_may_name_a_contact(name: str) -> None:
    assert is_person(name)


@pytest.mark.parametrize("keeper", ["zhao", "chen"])
async def test_a_contact_of_somebody_without_an_account_is_added_by_who_keeps_them(staff: Staff, keeper: str) -> None:
    fields = {"do": "add", "sms": "+8608162212345", "begins": "22:00", "ends": "07:00"}
    assert (await send(staff, keeper, "contact", "duty-phone", **fields)).status_code == 303
    (added,) = staff.published
    assert isinstance(added, RegisteredContact)
    assert (added.key, [(way.by, way.to) for way in added.ways]) == (
        "smallville/water/duty-phone", [("sms", "+8608162212345")],
    )  # fmt: skip
    assert (added.quiet is not None, added.zone) == (True, None)
    page = await staff.page(keeper, "/preferences?unit=water")
    assert "Notices to duty-phone" in page
    assert (await send(staff, keeper, "contact", "duty-phone", sms="12345")).status_code == 303
    assert (await send(staff, keeper, "contact", "duty-phone", do="remove")).status_code == 303
    assert staff.published[-1] == contact("duty-phone")
    assert "Notices to duty-phone" not in await staff.page(keeper, "/preferences?unit=water")


@pytest.mark.parametrize(
    ("person", "fields", "why"),
    [("Duty phone", {"sms": "12345"}, "new-contact-person-hint"), ("", {"sms": "12345"}, "new-contact-person-hint"),
     ("a/b", {"sms": "12345"}, "new-contact-person-hint"), ("wang", {"sms": "12345"}, "new-contact-person-hint"),
     ("duty-phone", {"sms": " "}, "Fill in at least one way."), ("duty-phone", {"sms": "x"}, "new-contact-sms-hint")],
)  # fmt: skip
async def test_an_id_that_is_none_or_is_there_and_a_contact_without_a_way_is_not_added(
    staff: Staff, person: str, fields: dict[str, str], why: str
) -> None:
    await staff.standing(contact("wang", ("mail", "wang@water.example")))
    answer = await send(staff, "zhao", "contact", person, do="add", digest="08:30", **fields)
    assert (answer.status_code, answer.text.count('class="flaw"')) == (400, 1)
    assert why in answer.text
    assert f'name="person" type="text" value="{person}"' in answer.text
    assert answer.text.count('value="08:30"') == 1
    assert staff.published == []


async def test_nobody_adds_a_contact_who_does_not_keep_them(staff: Staff) -> None:
    assert 'id="new-contact"' not in await staff.page("li")
    assert (await send(staff, "li", "contact", "duty-phone", do="add", sms="12345")).status_code == 403
    assert (await send(staff, "zhao", "contact", "duty-phone", unit="south", do="add", sms="12345")).status_code == 404
    assert staff.published == []


async def test_a_unit_is_shown_to_nobody_of_another(staff: Staff) -> None:
    await staff.of("sun", Appointment(role=Role.HEAD, jurisdiction=CITY, unit="south"))
    for path in ("contact", "trial"):
        assert (await send(staff, "sun", path, mail="sun@south.example")).status_code == 404
        assert (await send(staff, "chen", path, unit="nowhere")).status_code == 404
    assert staff.published == []


async def test_a_trial_says_what_came_of_each_way_and_comes_once_a_minute(staff: Staff) -> None:
    await staff.standing(contact("li", ("mail", "li@water.example"), ("sms", "+8613800000000")))
    assert (await send(staff, "li", "trial", "wang")).status_code == 403
    answer = await send(staff, "li", "trial", "li")
    assert answer.headers["location"].endswith("done=tried")
    page = await staff.page("li")
    assert "Mail 1: <strong>delivered</strong>" in page
    assert "Short message 1: <strong>refused: ask the operator</strong>" in page
    assert (await send(staff, "li", "trial", "li")).headers["location"].endswith("done=soon")
    assert len(staff.published) == 1
    staff.town.clock.tick(AT + HOUR)
    assert (await send(staff, "li", "trial", "li")).headers["location"].endswith("done=tried")
    assert (await send(staff, "zhao", "trial")).status_code == 404
