"""Pages by who comes: the table of access cell by cell, sign-in by a form, and no form of another site."""

from __future__ import annotations

import re
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi.routing import APIRoute

from duban.clock import DrivenClock
from duban.messages.commands import Actor
from duban.messages.events import Refused
from duban.messages.records import Problem
from duban.messages.struct import replace
from duban.moves import Status
from duban.pages.look import POLICY
from duban_console.accounts.access import ANYBODY, PAGES, SIGNED_IN, TABLE, THE_ACTION
from duban_console.accounts.account import OF_INSTALLATION, Appointment, Role
from duban_console.accounts.log import AccountActKind
from duban_console.accounts.memory import MemoryAccounts
from duban_console.action import ACTIONS
from duban_console.api.browser import Browser
from duban_console.api.submission import CommandDoor
from duban_console.ledger import Outcome
from duban_console.pages.app import console_look, create_pages
from duban_console.pages.parts import PageParts
from tests.accounts import AT, GIVEN, OWN, Room, factored
from tests.given import small_library
from tests.page_town import browser
from tests.unit.test_access_over_http import NEAR, expected
from tests.unit.test_api_access import OTHERS, OURS, Shelf

_SECTION: Final = re.compile(r'<input type="hidden" name="command" value="([^"]+)">')


class PageShelf(Shelf):
    """A ledger for pages: what is sent is decided at once, as ``outcome`` says, or not at all."""

    refusal: Any = None
    undecided: bool = False

    async def numbered(self, number: str) -> list[UUID]:
        return [id_ for id_, record in self.records.items() if record.number == number]

    async def awaited(self, source: str, command: str, seconds: float) -> Outcome | None:
        return None if self.undecided else Outcome(command, UUID(self.sent[-1].key.decode()), [], self.refusal)


class Visit:
    """The pages over a shelf, and people before their browsers."""

    def __init__(self) -> None:
        self.room = Room(MemoryAccounts(), DrivenClock(AT))
        self.shelf = PageShelf()
        ledger: Any = self.shelf
        parts = PageParts(
            console_look(), ledger, small_library(), CommandDoor(ledger, ledger, None), self.room.clock, None,
            self.room.door, None, Browser(), self.room.desks,
        )  # fmt: skip
        self.app = create_pages(parts, 100_000)

    def browser(self, token: str | None = None, **headers: str) -> httpx2.AsyncClient:
        return browser(self.app, token, **headers)

    async def person(self, role: Role, name: str = "") -> str:
        unit = None if role is Role.SOCIAL_SUPERVISOR else OURS
        where = {} if role in OF_INSTALLATION else {"jurisdiction": "linyi", "unit": unit}
        return await self.room.person(name or f"p-{role}", Appointment(role=role, **where))


@pytest.fixture
def visit() -> Visit:
    return Visit()


@pytest.fixture(scope="module")
async def city() -> tuple[Visit, dict[Role, str], tuple[Problem, ...]]:
    visit = Visit()
    records = (visit.shelf.put(OURS), visit.shelf.put(OTHERS), visit.shelf.put(OURS, "elsewhere"))
    return visit, {role: await visit.person(role) for role in Role}, records


def test_every_page_stands_in_the_table() -> None:
    served = {
        (method, route.path)
        for route in Visit().app.routes
        if isinstance(route, APIRoute) and not route.path.startswith(("/assets/", "/language/"))
        for method in route.methods or ()
    }
    assert served == PAGES.keys()


async def test_nobody_who_is_unknown_sees_a_page_and_each_is_led_to_sign_in(visit: Visit) -> None:
    async with visit.browser() as browser:
        for (method, path), deed in PAGES.items():
            filled = path.replace("{id}", str(uuid4())).replace("{action}", "verify")
            answer = await browser.request(method, filled.replace("{language}", "zh"))
            if path.startswith(("/calendar/", "/screen/")):  # where a program comes, which no form helps
                assert answer.status_code == 404
            elif deed == ANYBODY:
                assert answer.status_code in (200, 303, 401), path
            else:
                assert (path, answer.status_code) == (path, 303)
                assert answer.headers["location"].startswith("/sign-in")


async def test_a_page_is_shut_to_every_role_that_does_not_have_its_deed(city: Any) -> None:
    visit, tokens, _ = city
    for (method, path), deed in PAGES.items():
        if method == "POST" or deed in (ANYBODY, SIGNED_IN, THE_ACTION):
            continue
        for role, token in tokens.items():
            async with visit.browser(token) as browser:
                answer = await browser.request(method, path)
            assert (answer.status_code == 403) is (role not in TABLE[deed]), (path, role)


async def test_the_page_of_a_record_is_there_for_whom_the_table_says(city: Any) -> None:
    visit, tokens, records = city
    answers = {}
    for role, token in tokens.items():
        async with visit.browser(token) as browser:
            for near, record in zip(NEAR, records, strict=True):
                answers[role, near] = (await browser.get(f"/records/{record.id}")).status_code
    assert answers == {(role, near): expected("see_problem", role, near, 200) for role, near in answers}


@pytest.mark.parametrize("deed", ACTIONS)
async def test_an_action_is_taken_from_whom_the_table_says(city: Any, deed: str) -> None:
    """Under a pack that is not there nothing is offered: whoever may do it is told that it is not open, by 409."""
    visit, tokens, records = city
    answers, wanted = {}, {}
    for role, token in tokens.items():
        async with visit.browser(token) as browser:
            for near, record in zip(NEAR, records, strict=True):
                answer = await browser.post(f"/records/{record.id}/acts/{deed}", data={"key": deed})
                answers[role, near] = answer.status_code
                may = expected(deed, role, near, 409)
                wanted[role, near] = expected("see_problem", role, near, 409) if may == 409 else may
    assert answers == wanted
    assert visit.shelf.sent == []


async def test_whoever_signs_in_by_the_form_comes_to_the_page_that_they_wanted(visit: Visit) -> None:
    await visit.person(Role.CLERK, "li.na")
    async with visit.browser() as browser:
        form = {"name": "Li.Na", "password": "wrong", "to": "/account"}
        answer = await browser.post("/sign-in", data=form)
        assert answer.status_code == 401
        assert "wrong" not in answer.text
        assert 'aria-invalid="true"' in answer.text
        answer = await browser.post("/sign-in", data={**form, "password": OWN})
        assert (answer.status_code, answer.headers["location"]) == (303, "/account")
        assert "HttpOnly" in answer.headers["set-cookie"]
        page = await browser.get("/account")
        assert page.status_code == 200
        assert "li.na" in page.text
        assert page.headers["content-security-policy"] == POLICY
        assert page.headers["cache-control"] == "no-store"
        left = await browser.post("/sign-out")
        assert (left.status_code, left.headers["location"]) == (303, "/sign-in")
        assert (await browser.get("/account")).status_code == 303


async def test_nobody_is_led_from_sign_in_to_another_server(visit: Visit) -> None:
    await visit.person(Role.CLERK, "li.na")
    async with visit.browser() as browser:
        answer = await browser.post("/sign-in", data={"name": "li.na", "password": OWN, "to": "//elsewhere.example"})
    assert answer.headers["location"] == "/"


async def test_a_sign_in_by_the_provider_that_failed_says_why_in_words_of_ours(visit: Visit) -> None:
    async with visit.browser() as browser:
        off = await browser.get("/sign-in?refused=off&to=/ledger")
        other = await browser.get("/sign-in?refused=Call+555")
        statuses = [
            (await browser.get(f"/sign-in?refused={code}")).status_code
            for code in ("wrong_state", "code_refused", "not_let_in", "unavailable")
        ]
    assert statuses == [400, 401, 403, 503]  # as a program is answered at the callback
    assert "停用" in off.text
    assert 'value="/ledger"' in off.text
    assert "未通过校验" in other.text
    assert "Call 555" not in other.text


async def test_a_second_factor_is_asked_for_and_a_password_that_others_know_is_changed(visit: Visit) -> None:
    totp, _ = await factored(visit.room)
    form = {"name": "li.na", "password": OWN}
    async with visit.browser() as browser:
        answer = await browser.post("/sign-in", data=form)
        assert (answer.status_code, OWN in answer.text) == (401, False)
        assert (
            await browser.post("/sign-in", data={**form, "code": totp.at(visit.room.clock.now())})
        ).status_code == 303
    await visit.room.desk.add("wang", "王", (), by="admin", password=GIVEN)
    async with visit.browser() as browser:
        answer = await browser.post("/sign-in", data={"name": "wang", "password": GIVEN})
        assert 'name="new_password"' in answer.text
        weak = await browser.post("/sign-in", data={"name": "wang", "password": GIVEN, "new_password": "x"})
        assert weak.status_code == 400
        fine = await browser.post("/sign-in", data={"name": "wang", "password": GIVEN, "new_password": OWN})
        assert fine.status_code == 303


async def test_a_form_that_a_page_of_another_site_has_sent_is_taken_nowhere(visit: Visit) -> None:
    token = await visit.person(Role.OFFICE)
    record = visit.shelf.put(OURS)
    for headers in ({"origin": "https://elsewhere.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        async with visit.browser(token, **headers) as browser:
            for path in ("/sign-in", "/sign-out", f"/records/{record.id}/acts/verify", f"/account/sessions/{uuid4()}"):
                assert (await browser.post(path, data={"key": "verify"})).status_code == 403, (path, headers)
    assert visit.shelf.sent == []


async def test_what_is_denied_stands_in_the_log(visit: Visit) -> None:
    token = await visit.person(Role.CLERK, "li.na")
    theirs = visit.shelf.put(OTHERS)
    async with visit.browser(token) as browser:
        await browser.get(f"/records/{theirs.id}")
    lines = [line.act.detail for line in await visit.room.desk.log() if line.act.kind is AccountActKind.DENIED]
    assert lines == [f"see_problem: /records/{theirs.id}, unknown_record"]


class TestActs:
    """What somebody does on the page of a problem under the small pack."""

    @pytest.fixture
    async def problem(self, visit: Visit) -> Problem:
        problem = visit.shelf.put("water", "smallville")
        whole = replace(problem, pack="small@1", category="river", channel="hotline", status=Status.UNDERWAY)
        visit.shelf.records[problem.id] = whole
        return whole

    @pytest.fixture
    async def head(self, visit: Visit) -> str:
        return await visit.room.person("head", Appointment(role=Role.HEAD, jurisdiction="smallville", unit="water"))

    async def test_what_is_done_leads_back_to_the_record_and_is_sent_once_as_who_is_signed_in(
        self, visit: Visit, problem: Problem, head: str
    ) -> None:
        path = f"/records/{problem.id}"
        async with visit.browser(head) as browser:
            page = (await browser.get(path)).text
            command = _SECTION.search(page)
            assert command is not None
            form = {"key": "progress", "command": command[1], "unit": "water", "note": "half <done>"}
            answer = await browser.post(f"{path}/acts/progress", data=form)
            assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=progress")
            assert "已办理" in (await browser.get(f"{path}?done=progress")).text
        [sent] = visit.shelf.sent
        assert b'"person":"head"' in sent.value
        assert dict(sent.headers)["ce_id"].decode() == command[1]

    async def test_a_unit_that_the_body_names_is_not_believed(self, visit: Visit, problem: Problem, head: str) -> None:
        async with visit.browser(head) as browser:
            form = {"key": "progress", "unit": "office", "note": "as the office"}
            assert (await browser.post(f"/records/{problem.id}/acts/progress", data=form)).status_code == 403
        assert visit.shelf.sent == []

    async def test_what_is_wrong_stands_beside_its_field_and_nothing_is_sent(
        self, visit: Visit, problem: Problem, head: str
    ) -> None:
        async with visit.browser(head) as browser:
            form = {"key": "progress", "unit": "water", "reason": "kept as <written>"}
            answer = await browser.post(f"/records/{problem.id}/acts/progress", data=form)
        assert answer.status_code == 400
        assert 'id="progress-note-flaw"' in answer.text
        assert "kept as &lt;written&gt;" in answer.text
        assert visit.shelf.sent == []

    async def test_a_refusal_of_the_router_stands_on_the_page_with_what_was_written(
        self, visit: Visit, problem: Problem, head: str
    ) -> None:
        visit.shelf.refusal = Refused(
            command="c",
            command_type="t",
            actor=Actor(unit="water"),
            at=AT,
            code="missing_clause",
            reason="cite the clause",
        )
        async with visit.browser(head) as browser:
            form = {"key": "hand_back", "unit": "water", "reason": "not ours"}
            answer = await browser.post(f"/records/{problem.id}/acts/hand_back", data=form)
        assert answer.status_code == 409
        assert 'id="hand_back-clause-flaw"' in answer.text
        assert "cite the clause" in answer.text
        assert ">not ours</textarea>" in answer.text

    async def test_what_is_not_decided_in_time_is_said_to_be_sent(
        self, visit: Visit, problem: Problem, head: str
    ) -> None:
        visit.shelf.undecided = True
        async with visit.browser(head) as browser:
            form = {"key": "progress", "unit": "water", "note": "half"}
            answer = await browser.post(f"/records/{problem.id}/acts/progress", data=form)
        assert answer.headers["location"].endswith("?sent=progress")

    async def test_what_is_not_open_any_more_is_not_sent(self, visit: Visit, problem: Problem, head: str) -> None:
        async with visit.browser(head) as browser:
            answer = await browser.post(
                f"/records/{problem.id}/acts/acknowledge", data={"key": "acknowledge", "unit": "water"}
            )
        assert answer.status_code == 409
        assert visit.shelf.sent == []

    async def test_a_record_is_found_by_its_number(self, visit: Visit, problem: Problem, head: str) -> None:
        async with visit.browser(head) as browser:
            answer = await browser.get("/find", params={"name": problem.number})
            assert answer.headers["location"] == f"/records/{problem.id}"
            assert (await browser.get("/find", params={"name": "nothing"})).status_code == 200
