"""Pages of many records: the ledger and its files, inbox, a unit's own, wall chart, comparison, wall, bulletins."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO, StringIO
from pathlib import Path
from typing import Final, cast
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from openpyxl import load_workbook

from duban.clock import DrivenClock
from duban.errors import Fault
from duban.messages import commands as do
from duban.messages.records import Event
from duban.messages.report import Evidence
from duban_console.accounts.account import Appointment, Role
from duban_console.accounts.log import AccountActKind
from duban_console.api.bulletins import BulletinDesk
from duban_console.ledger import LedgerReader, TooManyEvents
from duban_console.pages.routes.wall import changes
from tests.given import report, rules_with
from tests.office_fonts import office_fonts
from tests.page_town import Town, browser

#: Wednesday, ten o'clock in the morning in China.
AT: Final = datetime(2022, 4, 6, 2, tzinfo=UTC)
CITY: Final = "smallville"
WATER, OFFICE = do.Actor(unit="water"), do.Actor(unit="office")
BULLETINS: Final = [
    {"id": "state", "kind": "bulletin", "title": {"en": "State {first} to {last}"}, "period": "monthly",
     "recipients": ["@units"], "signed_by": "north", "basis": "practice"},
    {"id": "board", "kind": "exposure", "title": {"en": "Exposure {month}"}, "period": "monthly",
     "recipients": ["south"], "public": True, "needs_approval": True, "basis": "practice"},
]  # fmt: skip


@dataclass
class Given:
    """A city of three problems: one in hand, one handed back, one struck off the list of what was forgotten."""

    town: Town
    app: FastAPI
    ids: list[UUID]

    async def page(self, role: Role, unit: str | None, path: str, **headers: str) -> httpx2.Response:
        name = f"{role}-{unit}"
        if await self.town.room.store.account(name) is None:
            where = {} if role is Role.AUDITOR else {"jurisdiction": CITY, "unit": unit}
            self.tokens[name] = await self.town.room.person(name, Appointment(role=role, **where))
        async with browser(self.app, self.tokens[name], **headers) as reader:
            return await reader.get(path)

    def __post_init__(self) -> None:
        self.tokens: dict[str, str] = {}

    async def send(self, role: Role, unit: str, path: str, **form: str) -> httpx2.Response:
        await self.page(role, unit, "/account")
        async with browser(self.app, self.tokens[f"{role}-{unit}"]) as reader:
            return await reader.post(path, data=form)

    async def office(self, path: str, **headers: str) -> httpx2.Response:
        return await self.page(Role.OFFICE, "office", path, **headers)


@pytest.fixture(scope="module")
async def given() -> Given:
    town = Town(rules_with(bulletins=BULLETINS), AT)
    filed = [report(title=title, area="north", enterprise=name)
             for title, name in (("Black water <b>", "=Acme"), ("Foam", None), ("Dead fish", None))]  # fmt: skip
    ids = [town.register(each, AT + timedelta(hours=at)) for at, each in enumerate(filed)]
    town.act(ids[0], do.Acknowledge(actor=WATER), AT + timedelta(hours=4))
    plan = do.RectificationPlan(
        person="Wang", target="clear water", measures=("dig",), due_at=AT + timedelta(days=20),
        rectification=do.Rectification.PHASED,
        milestones=(do.Milestone(title="half of it", due_at=AT + timedelta(days=9)),),
    )  # fmt: skip
    town.act(ids[0], do.Plan(actor=WATER, plan=plan), AT + timedelta(hours=5))
    town.act(ids[0], do.Sponsor(actor=OFFICE, sponsor="office"), AT + timedelta(hours=5))
    evidence = (Evidence(uri="file:///a.jpg", sha256="0" * 64),)
    back = do.HandBack(actor=WATER, reason="not ours", clause="art. 2", evidence=evidence)
    town.act(ids[1], back, AT + timedelta(hours=6))
    town.run(AT + timedelta(days=12))
    town.follow()
    return Given(town, town.app(), ids)


async def test_the_ledger_shows_each_problem_once_with_its_lamp_and_leads_to_it(given: Given) -> None:
    page = (await given.office("/ledger")).text
    for id_ in given.ids:
        assert page.count(f'href="/records/{id_}"') == 1
    assert "Black water &lt;b&gt;" in page
    assert 'class="lamp red"' in page


async def test_the_ledger_is_chosen_from_by_its_address(given: Given) -> None:
    page = (await given.office("/ledger?status=registered")).text
    assert [str(id_) in page for id_ in given.ids] == [False, True, False]
    assert [str(id_) in (await given.office("/ledger?text=fish")).text for id_ in given.ids] == [False, False, True]
    assert "没有符合条件的问题" in (await given.office("/ledger?from=2023-01-01&unit=water&lamp=green")).text
    strange = await given.office("/ledger?from=yesterday&lamp=blue&status=x&closed=perhaps&order=random&unit=%00")
    assert strange.status_code == 200
    assert (await given.office("/ledger?cursor=guessed")).status_code == 400
    assert (await given.office("/ledger?city=elsewhere")).status_code == 404


async def test_a_limit_is_yellow_as_long_before_as_a_view_says(given: Given) -> None:
    def counts(page: str) -> list[str]:
        return re.findall(r"<strong>([0-9]+)</strong>", page)

    usual = await given.office("/ledger?closed=no")
    early = await given.office("/ledger?closed=no&near=400")
    red, yellow, green, none = map(int, counts(usual.text))
    assert green > 0
    assert list(map(int, counts(early.text))) == [red, yellow + green, 0, none]
    assert "near=400" in early.text
    assert counts((await given.office("/ledger?closed=no&near=soon")).text) == counts(usual.text)


async def test_what_is_chosen_is_saved_under_a_name_found_again_by_its_owner_alone_and_removed(given: Given) -> None:
    saved = await given.send(
        Role.OFFICE, "office", "/ledger/views?text=fish&lamp=red&order=due&guess=1&status=", name=" <b>Dead & fish "
    )
    assert (saved.status_code, saved.headers["location"]) == (
        303, f"/ledger?city={CITY}&text=fish&lamp=red&order=due",
    )  # fmt: skip
    page = (await given.office("/ledger")).text
    assert f'href="/ledger?city={CITY}&amp;text=fish&amp;lamp=red&amp;order=due">&lt;b&gt;Dead &amp; fish</a>' in page
    assert "Dead &amp; fish" not in (await given.page(Role.CLERK, "water", "/ledger")).text
    opened = (await given.office(saved.headers["location"])).text
    assert 'aria-current="page">&lt;b&gt;Dead' in opened
    assert 'action="/ledger/views/removal?city=smallville"' in opened
    assert (await given.send(Role.OFFICE, "office", "/ledger/views?lamp=red", name=" \u200b ")).status_code == 400
    assert (await given.send(Role.OFFICE, "office", "/ledger/views?city=elsewhere", name="x")).status_code == 404
    removed = await given.send(Role.OFFICE, "office", f"/ledger/views/removal?city={CITY}", name="<b>Dead & fish")
    assert removed.headers["location"] == f"/ledger?city={CITY}"
    assert "Dead &amp; fish" not in (await given.office("/ledger")).text


async def test_the_ledger_is_taken_along_whole_and_no_title_is_a_formula(given: Given) -> None:
    book = await given.office("/ledger/xlsx?closed=no")
    sheet = load_workbook(BytesIO(book.content)).worksheets[0]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=3)]
    assert rows[0][:3] == ["编号", "标题", "类别"]
    assert {row[1] for row in rows[1:]} == {"Black water <b>", "Foam", "Dead fish"}
    lines = list(csv.reader(StringIO((await given.office("/ledger/csv")).content.decode("utf-8-sig"))))
    assert [["" if cell is None else str(cell) for cell in row] for row in rows[1:]] == [
        [cell.removeprefix("'") for cell in line] for line in lines[1:]
    ]
    assert "'=Acme" in {cell for line in lines for cell in line}
    assert (await given.office("/ledger/docx")).status_code == 404


async def test_a_unit_finds_what_is_its_own_and_not_what_is_anothers(given: Given) -> None:
    water = (await given.page(Role.CLERK, "water", "/mine")).text
    assert [str(id_) in water for id_ in given.ids] == [True, False, True]
    assert "Water bureau" in water
    south = (await given.page(Role.CLERK, "south", "/mine")).text
    assert not any(str(id_) in south for id_ in given.ids)
    assert (await given.page(Role.CLERK, "south", "/mine?unit=water")).status_code == 404
    ledger = (await given.page(Role.CLERK, "south", "/ledger")).text
    assert not any(str(id_) in ledger for id_ in given.ids)


async def test_the_inbox_has_what_waits_for_the_office_and_opens_its_form(given: Given) -> None:
    page = (await given.office("/inbox")).text
    link = f"/records/{given.ids[1]}?act=dispatch#act-dispatch"
    assert link in page
    opened = (await given.office(link)).text
    assert re.search(r'<details id="act-dispatch" open>', opened)
    assert (await given.office("/inbox?wait=handed_back&unit=*")).text.count(str(given.ids[1])) == 1
    assert (await given.office("/inbox?unit=water")).status_code == 404


async def test_the_wall_chart_counts_back_to_each_milestone(given: Given) -> None:
    page = (await given.office("/leader", accept_language="en")).text
    assert str(given.ids[0]) in page
    assert "half of it" in page
    assert "没有在办的包案问题" in (await given.office("/leader?sponsor=south")).text


async def test_units_stand_beside_each_other_in_figures_and_drawn_with_their_tables(given: Given) -> None:
    page = (await given.office("/comparison?period=yearly")).text
    assert "Water bureau" in page
    assert page.count("<svg") >= 2
    assert page.count("<table") == 1 + page.count("<figure")
    assert (await given.page(Role.CLERK, "south", "/comparison")).status_code == 200


async def test_the_wall_screen_is_sent_anew_when_something_happens_and_not_before(given: Given) -> None:
    page = await given.office("/wall")
    assert 'hx-sse:connect="/wall/stream?city=smallville"' in page.text
    states = iter(["one\ntwo", "one\ntwo", "three"])

    async def state() -> str:
        return next(states)

    async def still_there() -> bool:
        return True

    said = [piece async for piece in changes(state, still_there, looks=3, seconds=0)]
    assert said == ["data: one\ndata: two\n\n", ": as it was\n\n", "data: three\n\n"]


async def test_a_stream_ends_when_the_server_does(given: Given) -> None:
    async def state() -> str:
        return "one"

    async def gone() -> bool:
        return False

    assert [piece async for piece in changes(state, gone, looks=3, seconds=0)] == []


async def test_a_bulletin_is_shown_with_the_figures_of_its_file_and_of_the_api(given: Given) -> None:
    query = "bulletin=state&day=2022-04-15&period="
    page = await given.office(f"/bulletins?{query}")
    assert page.status_code == 200
    assert page.text.count("<figure") >= 1
    rows = list(csv.reader(StringIO((await given.office(f"/bulletins/csv?{query}")).content.decode("utf-8-sig"))))
    shown = re.findall(
        r"<td[^>]*>([^<]*)</td>", page.text.partition('aria-labelledby="sheet">')[2].partition("</table>")[0]
    )
    assert shown == [cell or "–" for row in rows[1:] for cell in row]
    town = given.town
    desk = BulletinDesk(town, town._library, town.clock)  # type: ignore[arg-type]  # it asks for nothing else
    made = await desk.edition(town.rules.pack.ref, "state", "2022-04-15", None, "zh")
    assert [
        ["" if row[key] is None else str(row[key]) for key, _ in made.sheet.columns] for row in made.sheet.rows
    ] == rows[1:]
    book = load_workbook(BytesIO((await given.office(f"/bulletins/xlsx?{query}")).content)).worksheets[0]
    assert book.cell(1, 1).value == made.sheet.title
    assert (await given.office(f"/bulletins/pdf?{query}")).content[:5] == b"%PDF-"


async def test_a_pdf_of_the_pages_is_set_in_the_offices_own_fonts(given: Given, tmp_path: Path) -> None:
    path = "/bulletins/pdf?bulletin=state&day=2022-04-15&period="
    plain = (await given.office(path)).content
    async with browser(given.town.app(fonts=office_fonts(tmp_path)), given.tokens["office-office"]) as reader:
        own = (await reader.get(path)).content
    assert own[:5] == b"%PDF-"
    assert own != plain


async def test_a_bulletin_is_not_compiled_of_what_is_not_over_and_not_for_a_unit(given: Given) -> None:
    assert (await given.office("/bulletins?bulletin=state&day=2030-01-01")).status_code == 400
    assert (await given.office("/bulletins?bulletin=state&day=never")).status_code == 400
    assert (await given.office("/bulletins?bulletin=strange")).status_code == 400
    assert (await given.office("/bulletins/csv?bulletin=strange&day=2022-04-15")).status_code == 404
    assert (await given.page(Role.CLERK, "water", "/bulletins")).status_code == 403


@pytest.mark.parametrize(
    ("role", "unit", "first"),
    [(Role.OFFICE, "office", "/inbox"), (Role.CLERK, "water", "/mine"), (Role.LEADER, "office", "/inbox"),
     (Role.AUDITOR, None, "/ledger")],
)  # fmt: skip
async def test_the_first_page_is_where_somebodys_work_lies(
    given: Given, role: Role, unit: str | None, first: str
) -> None:
    answer = await given.page(role, unit, "/")
    assert (answer.status_code, answer.headers["location"]) == (303, first)


async def test_a_city_too_large_for_the_page_is_compiled_by_the_command(given: Given) -> None:
    class Large(Town):
        async def events(self, *_: object) -> list[Event]:
            raise TooManyEvents("there are more than 7 events to read")

    town = Large(given.town.rules, AT)
    desk = BulletinDesk(cast(LedgerReader, town), town._library, DrivenClock(AT + timedelta(days=12)))
    with pytest.raises(Fault, match=r"more than 7 events.*duban bulletin") as refused:
        await desk.edition(town.rules.pack.ref, "state", "2022-04-15", None, "zh")
    assert (refused.value.status, refused.value.code) == (413, "too_many")


async def signed(given: Given, role: Role, unit: str, bulletin: str, **form: str) -> httpx2.Response:
    """``unit`` signs a bulletin of April, whose figures it has seen, or says so."""
    address = f"city={CITY}&bulletin={bulletin}&day=2022-04-15&period="
    page = (await given.page(role, unit, f"/bulletins?{address}")).text
    [seen] = re.findall(r'name="sha256" value="([0-9a-f]{64})"', page) or ["0" * 64]
    return await given.send(role, unit, f"/bulletins/signature?{address}", **{"sha256": seen, **form})


async def test_a_bulletin_is_signed_by_whom_the_pack_names_and_stands_as_it_was_then(given: Given) -> None:
    office = await signed(given, Role.OFFICE, "office", "state")
    assert office.status_code == 403
    assert "签发。" in (await given.office("/bulletins?bulletin=state&day=2022-04-15")).text
    assert (await signed(given, Role.LEADER, "north", "state", sha256="0" * 64)).status_code == 409
    done = await signed(given, Role.LEADER, "north", "state", number="绵督〔2022〕4号")
    assert done.status_code == 303
    place = done.headers["location"]
    desk = BulletinDesk(cast(LedgerReader, given.town), given.town._library, given.town.clock)
    compiled = await desk.compiled(given.town.rules.pack.ref, "state", "2022-04-15", None, "zh")
    document = (await given.office(f"{place}/json")).content
    assert document == compiled
    page = (await given.office(place)).text
    assert sha256(document).hexdigest() in page
    assert "绵督〔2022〕4号" in page
    sheet = load_workbook(BytesIO((await given.office(f"{place}/xlsx")).content)).worksheets[0]
    assert "Water bureau" in {cell.value for row in sheet.iter_rows() for cell in row}
    assert (await signed(given, Role.LEADER, "north", "state")).status_code == 409
    [line] = [line.act for line in await given.town.room.store.log() if line.act.kind is AccountActKind.BULLETIN_SIGNED]
    assert line.by == "leader-north"
    assert sha256(document).hexdigest() in line.detail


async def test_what_was_signed_is_sent_once_to_its_recipients_who_find_it_then(given: Given) -> None:
    done = await signed(given, Role.OFFICE, "office", "board")
    place = done.headers["location"]
    assert "送审稿" not in (await given.office(place)).text
    for unit in ("south", "water"):
        assert (await given.page(Role.CLERK, unit, place)).status_code == 404
    assert (await given.send(Role.LEADER, "north", f"{place}/sending")).status_code == 403
    given.town.notices.clear()
    for _ in range(2):
        assert (await given.send(Role.OFFICE, "office", f"{place}/sending")).status_code == 303
    assert len({notice.id for notice in given.town.notices}) == 1
    [notice, again] = given.town.notices
    assert notice.data == again.data
    assert (notice.key, notice.data.recipient, notice.data.event) == ("south", "south", "bulletin_sent")
    assert place in notice.data.text
    # It is public: another unit finds it, too.
    for unit in ("south", "water"):
        assert place in (await given.page(Role.CLERK, unit, "/bulletins/issues")).text
        assert (await given.page(Role.CLERK, unit, f"{place}/csv")).status_code == 200
    sent = [line.act.by for line in await given.town.room.store.log() if line.act.kind is AccountActKind.BULLETIN_SENT]
    assert sent == ["office-office"]


async def test_what_is_not_public_is_there_for_its_recipients_alone(given: Given) -> None:
    await signed(given, Role.LEADER, "north", "state")
    [issue] = [each for each in await given.town.issues.issues(CITY) if each.bulletin == "state"]
    assert "water" in issue.recipients
    place = f"/bulletins/issues/{issue.id}"
    assert (await given.send(Role.OFFICE, "office", f"{place}/sending")).status_code == 303
    assert (await given.page(Role.CLERK, "water", place)).status_code == 200
    assert (await given.page(Role.CLERK, "south", place)).status_code == 404
    told = {notice.key: notice.data.text for notice in given.town.notices if notice.data.problem_id == issue.id}
    assert told.keys() == set(issue.recipients)
    assert "你单位情况" in told["water"]
