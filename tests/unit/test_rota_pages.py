"""Who is on call, in the browser: a rota made, seen, changed and ended, and a turn handed over."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from duban.messages.contacts import OnCall, RegisteredRota
from duban_console.accounts.account import Appointment, Role
from tests.given import small_rules
from tests.page_staff import AT, CITY, CLERK, Staff, contact, staff_of
from tests.page_town import Town, browser

PEOPLE: Final = ("li", "wang", "zhao")
MADE: Final[dict[str, Any]] = {"person": ["wang", "li", ""], "since": "2022-04-06T09:00", "days": "7", "minutes": "5"}
ROTA: Final = RegisteredRota(jurisdiction=CITY, unit="water", persons=("li", "wang"), since=AT, zone="Asia/Shanghai")
#: Thursday evening until Friday morning, in the turn that begins ``AT``; and so a week later, in the next.
TIMES: Final = {"begins": "2022-04-07T18:00", "ends": "2022-04-08T09:00"}
OF_NEXT: Final = {"begins": "2022-04-14T18:00", "ends": "2022-04-15T09:00"}


@pytest.fixture
async def staff() -> Staff:
    staff = await staff_of(Town(small_rules(), AT))
    await staff.standing(*(contact(name, ("mail", f"{name}@water.example")) for name in PEOPLE))
    return staff


def turns(page: str) -> list[tuple[str, ...]]:
    """The rows of the turns on a page: from, until, who."""
    table = page.partition('id="turns"')[2].partition("</table>")[0]
    rows = re.findall(r"<tr><td.*?</tr>", table)
    return [tuple(re.sub("<.*?>", "", cell) for cell in re.findall(r"<td.*?>(.*?)</td>", row)) for row in rows]


def rota(staff: Staff) -> RegisteredRota:
    """The rota that was published last."""
    published = staff.published[-1]
    assert isinstance(published, RegisteredRota)
    return published


def on_call(staff: Staff, at: datetime) -> OnCall:
    turn = rota(staff).on_call(at)
    assert turn is not None
    return turn


@pytest.mark.parametrize("keeper", ["zhao", "chen"])
async def test_whoever_keeps_the_contacts_makes_a_rota_which_all_of_the_unit_see(staff: Staff, keeper: str) -> None:
    assert "This unit has no rota" in await staff.page("li", "/rota")
    assert (await staff.send(keeper, "/rota", **MADE)).headers["location"].endswith("done=changed")
    assert staff.published == [
        RegisteredRota(
            jurisdiction=CITY, unit="water", persons=("wang", "li"), since=datetime(2022, 4, 6, 1, tzinfo=UTC),
            zone="Asia/Shanghai",
        )
    ]  # fmt: skip
    page = await staff.page("li", "/rota")
    assert turns(page)[:3] == [
        ("now", "2022-04-13 09:00", "wang"), ("2022-04-13 09:00", "2022-04-20 09:00", "li"),
        ("2022-04-20 09:00", "2022-04-27 09:00", "wang"),
    ]  # fmt: skip
    assert "by the clock of the city: China Time (Asia/Shanghai, UTC+8)" in page
    assert "<strong>wang</strong>" in await staff.page("li")
    assert (keeper, "rota:smallville/water: made") in [
        (line.act.by, line.act.detail) for line in await staff.town.room.desk.log()
    ]


async def test_the_office_sees_who_is_on_call_in_every_unit(staff: Staff) -> None:
    await staff.standing(ROTA)
    page = await staff.page("chen", "/rota")
    assert re.search(r"Water bureau</a></th><td>li</td><td.*?>2022-04-13 10:00</td><td>wang</td>", page)
    assert turns(page) == []
    assert turns(await staff.page("chen", "/rota?unit=water"))[0] == ("now", "2022-04-13 10:00", "li")
    await staff.of("sun", Appointment(role=Role.CLERK, jurisdiction=CITY, unit="south"))
    assert "2022-04-13" not in await staff.page("sun", "/rota")


@pytest.mark.parametrize(
    ("field", "given"),
    [("persons", {"person": ["", ""]}), ("persons", {"person": ["li", "nobody"]}), ("since", {"since": ""}),
     ("since", {"since": "0001-01-01T00:00"}), ("days", {"days": "0"}), ("days", {"days": "a week"}),
     ("minutes", {"minutes": "121"})],
)  # fmt: skip
async def test_what_is_not_taken_says_so_beside_its_field_and_keeps_what_was_written(
    staff: Staff, field: str, given: dict[str, Any]
) -> None:
    answer = await staff.send("zhao", "/rota", **{**MADE, "minutes": "9", **given})
    assert answer.status_code == 400
    assert answer.text.count('class="flaw"') == 1
    assert f'class="flaw" id="{field}-hint"' in answer.text
    if field != "minutes":
        assert 'name="minutes" type="number" value="9"' in answer.text
    for name in (name for name in given if name != "person"):
        assert f'value="{given[name]}"' in answer.text
    assert staff.published == []


async def test_what_somebody_else_changed_meanwhile_is_not_written_over_unseen(staff: Staff) -> None:
    def seen(page: str) -> str:
        mark = re.search(r'name="seen" value="([0-9a-f]*)"', page)
        assert mark is not None
        return mark[1]

    await staff.standing(ROTA)
    before = seen(await staff.page("zhao", "/rota"))
    await staff.send("chen", "/rota", **{**MADE, "days": "3", "unit": "water"})
    for path, form in (("/rota", {**MADE, "days": "9"}), ("/rota/end", {})):
        answer = await staff.send("zhao", path, **form, seen=before)
        assert (answer.status_code, answer.text.count('class="flaw"')) == (400, 1)
        assert "Somebody changed the rota meanwhile" in answer.text
        assert rota(staff).days == 3
        if form:
            assert 'name="days" type="number" value="9"' in answer.text
    await staff.send("zhao", "/rota", **{**MADE, "days": "9"}, seen=seen(answer.text))
    assert rota(staff).days == 9


async def test_a_rota_is_changed_from_the_turn_of_now_on_and_who_stands_in_stays(staff: Staff) -> None:
    await staff.standing(ROTA)
    staff.town.clock.tick(AT + timedelta(days=8))
    page = await staff.page("zhao", "/rota")
    assert 'name="since" type="datetime-local" value="2022-04-13T10:00"' in page
    chosen = re.findall(r"<option selected>(\w+)</option>", page)
    assert chosen == ["wang", "li"]
    assert (await staff.send("zhao", "/rota/relief", person="zhao", **OF_NEXT)).status_code == 303
    since = {"since": "2022-04-13T10:00"}
    assert (await staff.send("zhao", "/rota", **{**MADE, **since, "person": [*chosen, "zhao"]})).status_code == 303
    assert rota(staff).persons == ("wang", "li", "zhao")
    assert turns(await staff.page("li", "/rota"))[:6] == [
        ("now", "2022-04-14 18:00", "wang"), ("2022-04-14 18:00", "2022-04-15 09:00", "zhao stands in"),
        ("2022-04-15 09:00", "2022-04-20 10:00", "wang"), ("2022-04-20 10:00", "2022-04-27 10:00", "li"),
        ("2022-04-27 10:00", "2022-05-04 10:00", "zhao"), ("2022-05-04 10:00", "2022-05-11 10:00", "wang"),
    ]  # fmt: skip


async def test_a_rota_is_ended_and_then_nobody_is_on_call(staff: Staff) -> None:
    await staff.standing(ROTA)
    assert (await staff.send("zhao", "/rota/end")).headers["location"].endswith("done=ended")
    assert rota(staff).persons == ()
    assert "This unit has no rota" in await staff.page("li", "/rota")
    assert (await staff.send("zhao", "/rota/end")).status_code == 404
    assert (await staff.send("zhao", "/rota/relief", person="li", **TIMES)).status_code == 404


async def test_a_clerk_makes_and_ends_no_rota_and_nobody_touches_that_of_another_unit(staff: Staff) -> None:
    await staff.standing(ROTA)
    await staff.of("sun", Appointment(role=Role.HEAD, jurisdiction=CITY, unit="south"))
    for path in ("/rota", "/rota/end"):
        assert (await staff.send("li", path, **MADE)).status_code == 403
        assert (await staff.send("sun", path, **MADE)).status_code == 404
        assert (await staff.send("chen", path, unit="nowhere", **MADE)).status_code == 404
    assert (await staff.send("sun", "/rota/relief", person="li", **TIMES)).status_code == 404
    assert 'action="/rota"' not in (await staff.page("li", "/rota")).partition("<main")[2].replace("get", "")
    assert staff.published == []


async def test_a_turn_is_handed_over_by_who_has_it_and_any_by_who_keeps_the_contacts(staff: Staff) -> None:
    await staff.standing(ROTA)
    assert (await staff.send("li", "/rota/relief", person="zhao", **TIMES)).headers["location"].endswith("relieved")
    turn = on_call(staff, datetime(2022, 4, 7, 10, tzinfo=UTC))
    assert (turn.person, turn.ends) == ("zhao", datetime(2022, 4, 8, 1, tzinfo=UTC))
    assert turns(await staff.page("li", "/rota"))[:4] == [
        ("now", "2022-04-07 18:00", "li"), ("2022-04-07 18:00", "2022-04-08 09:00", "zhao stands in"),
        ("2022-04-08 09:00", "2022-04-13 10:00", "li"), ("2022-04-13 10:00", "2022-04-20 10:00", "wang"),
    ]  # fmt: skip
    assert "<strong>li</strong> · until 2022-04-07 18:00" in await staff.page("li")
    across = {"begins": "2022-04-12T18:00", "ends": "2022-04-15T09:00"}
    others = {"begins": "2022-04-07T17:00", "ends": "2022-04-07T19:00"}
    for not_mine in (OF_NEXT, across, others):
        answer = await staff.send("li", "/rota/relief", person="zhao", **not_mine)
        assert (answer.status_code, 'class="flaw" id="begins-hint">Of one turn of your own' in answer.text) == (
            400,
            True,
        )
        assert f'value="{not_mine["begins"]}"' in answer.text
    assert len(staff.published) == 1
    assert (await staff.send("zhao", "/rota/relief", person="zhao", **OF_NEXT)).status_code == 303
    assert len(rota(staff).reliefs) == 2


@pytest.mark.parametrize(
    ("field", "given"),
    [("person", {"person": "nobody"}), ("begins", {"begins": "", "ends": ""}), ("ends", {"ends": "2022-04-07T18:00"}),
     ("ends", {"begins": "2022-04-01T18:00", "ends": "2022-04-02T18:00"}), ("ends", {"ends": "9999-01-01T00:00"})],
)  # fmt: skip
async def test_a_turn_is_handed_over_to_nobody_unknown_and_to_no_time_that_is_none(
    staff: Staff, field: str, given: dict[str, str]
) -> None:
    await staff.standing(ROTA)
    answer = await staff.send("zhao", "/rota/relief", **{"person": "li", **TIMES, **given})
    assert (answer.status_code, answer.text.count('class="flaw"')) == (400, 1)
    assert f'class="flaw" id="{field}-hint"' in answer.text
    assert staff.published == []


async def test_no_more_stand_in_than_fit(staff: Staff) -> None:
    await staff.standing(ROTA)
    answers = [await staff.send("zhao", "/rota/relief", person="zhao", **OF_NEXT) for _ in range(51)]
    assert [answer.status_code for answer in answers[-2:]] == [303, 400]
    assert "So many stand in already" in answers[-1].text


async def test_who_takes_no_turns_and_keeps_no_contacts_hands_over_nothing(staff: Staff) -> None:
    await staff.standing(ROTA)
    await staff.of("ma", CLERK)
    assert "Hand over a turn" in await staff.page("li", "/rota")
    assert "Hand over a turn" not in await staff.page("ma", "/rota")
    assert (await staff.send("ma", "/rota/relief", person="wang", **TIMES)).status_code == 403


async def test_who_has_turns_and_cannot_be_reached_is_shown(staff: Staff) -> None:
    await staff.standing(ROTA, contact("wang"))
    page = await staff.page("zhao", "/rota")
    assert turns(page)[1] == ("2022-04-13 10:00", "2022-04-20 10:00", "wang no contact: cannot be reached")
    assert '<option value="wang" selected>wang: no contact</option>' in page


async def test_before_it_begins_nobody_is_on_call_and_the_page_says_when_it_does(staff: Staff) -> None:
    assert (await staff.send("zhao", "/rota", **{**MADE, "since": "2022-04-11T09:00"})).status_code == 303
    page = await staff.page("li", "/rota")
    assert "Nobody is on call yet." in page
    assert turns(page)[0] == ("2022-04-11 09:00", "2022-04-18 09:00", "wang")


async def test_a_unit_of_which_nobody_can_be_called_is_led_to_its_contacts(staff: Staff) -> None:
    page = await staff.page("chen", "/rota?unit=south")
    assert 'href="/preferences?city=smallville&amp;unit=south#new-contact"' in page
    answer = await staff.send("chen", "/rota", unit="south", **MADE)
    assert (answer.status_code, staff.published) == (400, [])


async def test_who_acts_for_no_unit_is_told_so(staff: Staff) -> None:
    token = await staff.town.room.person("ren", Appointment(role=Role.CUSTODIAN))
    async with browser(staff.town.app(), token, accept_language="en") as reader:
        assert "You act for no unit" in (await reader.get("/rota")).text
