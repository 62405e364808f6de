"""The API with accounts: nobody unknown comes in, everybody sees what is theirs, and acts as who they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from duban.clock import DrivenClock
from duban.errors import SettingsError
from duban.messages.envelope import Record
from duban.messages.records import AnyRecord, Listing, Problem
from duban.moves import Status
from duban.policy.library import Library
from duban_console.accounts.access import ANYBODY, ROUTES
from duban_console.accounts.account import Appointment, Role
from duban_console.accounts.local_key import LocalKeys
from duban_console.accounts.log import AccountActKind
from duban_console.accounts.memory import MemoryAccounts
from duban_console.accounts.session import Scope
from duban_console.api.app import create_app
from duban_console.api.settings import ApiSettings
from duban_console.ledger import Chain, Filters, Outcome, Page
from tests.accounts import ADMIN, AT, CLERK, DAY, MINUTE, OFFICE, OWN, Room

OURS, OTHERS = CLERK.unit, "市水务局"
ELSEWHERE = Appointment(role=Role.OFFICE, jurisdiction="mianyang", unit="办公室")


@dataclass
class Shelf:
    """The ledger as the API asks it, and the topic as it publishes to it."""

    records: dict[UUID, AnyRecord] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    sent: list[Record] = field(default_factory=list)

    def put(self, lead: str | None, jurisdiction: str = "linyi", **fields: Any) -> Problem:
        problem = Problem(
            id=uuid4(), jurisdiction=jurisdiction, pack="p@1", number=str(len(self.records)), title="t",
            status=Status.DISPATCHED, version=1, category="c", channel="c", lead_unit=lead, **fields,
        )  # fmt: skip
        self.records[problem.id] = problem
        return problem

    async def record(self, id_: UUID) -> AnyRecord | None:
        return self.records.get(id_)

    async def page(self, filters: Filters, limit: int, cursor: str | None = None) -> Page:
        begin = int(cursor or 0)
        rows = [record for record in self.records.values() if record.kind is filters.kind]
        return Page(rows[begin : begin + limit], str(begin + limit) if begin + limit < len(rows) else None)

    async def history(self, id_: UUID) -> Chain | None:
        return Chain([], None)

    async def unanswered(self, id_: UUID, limit: int | None = None, after: int = 0) -> list[Any]:
        return []

    async def outcome(self, source: str, command: str) -> Outcome | None:
        return self.outcomes.get(command)

    async def listings(self, of: str, jurisdiction: str | None = None, list_: str | None = None) -> list[Listing]:
        return [record for record in self.records.values() if isinstance(record, Listing)]

    def check(self, record: Record) -> None:
        """Anything goes."""

    async def publish(self, records: list[Record]) -> None:
        self.sent += records


@dataclass
class Api:
    """The API over a shelf and the accounts, and whoever asks it."""

    room: Room
    shelf: Shelf
    client: httpx2.AsyncClient

    async def asked(self, method: str, path: str, token: str | None = None, **rest: Any) -> httpx2.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await self.client.request(method, path, headers=headers, **rest)

    async def code(self, method: str, path: str, token: str | None = None, **rest: Any) -> tuple[int, str]:
        answer = await self.asked(method, path, token, **rest)
        return answer.status_code, answer.json()["error"]["code"] if answer.status_code >= 400 else ""


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    room, shelf = Room(MemoryAccounts(), DrivenClock(AT)), Shelf()
    ledger: Any = shelf
    app = create_app(ledger, ledger, room.clock, Library(), None, 100_000, room.door)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield Api(room, shelf, client)


def acting(action: str, unit: str | None, person: str | None = None, **fields: Any) -> dict[str, Any]:
    actor = {"unit": unit} if person is None else {"unit": unit, "person": person}
    return {"json": {"action": action, "actor": actor, **fields}}


async def test_nobody_unknown_comes_in_by_any_route_and_is_told_how(api: Api) -> None:
    for (method, path), deed in ROUTES.items():
        if deed == ANYBODY or path.startswith("/v1/vault"):
            continue
        path = path.replace("{id}", str(uuid4())).replace("{sha256}", "0" * 64).replace("{source}", "s")
        body: Any = {"json": {}} if method == "POST" else {}
        answer = await api.asked(method, path, **body)
        assert (path, answer.status_code) == (path, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert method == "HEAD" or answer.json()["error"]["code"] == "no_token"
        assert (await api.asked(method, path, "duban_session_guessed", **body)).status_code == 401


async def test_whoever_signs_in_is_told_who_they_are_and_signs_out(api: Api) -> None:
    await api.room.person()
    wrong: Any = {"json": {"name": "li.na", "password": "wrong"}}
    assert await api.code("POST", "/v1/sessions", **wrong) == (401, "not_signed_in")
    answer = await api.asked("POST", "/v1/sessions", json={"name": "Li.Na", "password": OWN})
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    token, session = answer.json()["token"], answer.json()["session"]
    me = (await api.asked("GET", "/v1/me", token)).json()
    assert (me["account"], me["full_name"], me["scope"]) == ("li.na", "李娜", "act")
    assert me["appointments"] == [{"role": "unit_clerk", "jurisdiction": "linyi", "unit": OURS}]
    assert "acknowledge" in me["deeds"]
    assert "dispatch" not in me["deeds"]
    assert session["id"] in [one["id"] for one in (await api.asked("GET", "/v1/sessions", token)).json()["sessions"]]
    assert (await api.asked("DELETE", "/v1/sessions/current", token)).status_code == 204
    assert await api.code("GET", "/v1/me", token) == (401, "no_session")
    other = await api.room.person("wang")
    [mine] = (await api.asked("GET", "/v1/sessions", other)).json()["sessions"]
    assert await api.code("DELETE", f"/v1/sessions/{uuid4()}", other) == (404, "unknown_session")
    assert await api.code("DELETE", f"/v1/sessions/{mine['id']}", other) == (204, "")
    assert await api.code("GET", "/v1/me", other) == (401, "no_session")


async def test_a_password_that_somebody_else_has_given_is_changed_by_signing_in(api: Api) -> None:
    given = await api.room.desk.add("li.na", "李娜", by="admin")
    told = {"name": "li.na", "password": given.password}
    assert await api.code("POST", "/v1/sessions", json=told) == (401, "password_to_change")
    assert await api.code("POST", "/v1/sessions", json={**told, "new_password": "x"}) == (400, "weak_password")
    assert await api.code("POST", "/v1/sessions", json={**told, "new_password": OWN}) == (201, "")


async def test_a_unit_sees_its_own_and_what_it_joins_in_and_the_rest_is_not_there(api: Api) -> None:
    clerk = await api.room.person("clerk", CLERK)
    office, far = await api.room.person("chen", OFFICE), await api.room.person("far", ELSEWHERE)
    own, joined = api.shelf.put(OURS), api.shelf.put(OTHERS, co_units=(OURS,))
    other = api.shelf.put(OTHERS)

    async def listed(token: str) -> list[str]:
        return [one["id"] for one in (await api.asked("GET", "/v1/problems", token)).json()["problems"]]

    assert await listed(clerk) == [str(own.id), str(joined.id)]
    assert await listed(office) == [str(own.id), str(joined.id), str(other.id)]
    assert await listed(far) == []
    for path in ("", "/history", "/unanswered"):
        assert await api.code("GET", f"/v1/problems/{own.id}{path}", clerk) == (200, "")
        assert await api.code("GET", f"/v1/problems/{other.id}{path}", clerk) == (404, "unknown_problem")
        assert await api.code("GET", f"/v1/problems/{other.id}{path}", office) == (200, "")
        assert await api.code("GET", f"/v1/problems/{other.id}{path}", far) == (404, "unknown_problem")
    assert await api.code("GET", f"/v1/duties/{other.id}", clerk) == (404, "unknown_duty")
    unknown = (await api.asked("GET", f"/v1/problems/{(gone := uuid4())}", clerk)).json()
    hidden = (await api.asked("GET", f"/v1/problems/{other.id}", clerk)).json()
    assert str(hidden).replace(str(other.id), "") == str(unknown).replace(str(gone), "")


async def test_a_page_is_as_long_as_was_asked_for_and_leads_on_where_much_is_not_there(api: Api) -> None:
    clerk = await api.room.person("clerk", CLERK)
    own = {0, 1, 4, 5, 6, 9, 13, 17, 18}
    every = [api.shelf.put(OURS if number in own else OTHERS) for number in range(20)]
    ours = [every[number] for number in sorted(own)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = (await api.asked("GET", "/v1/problems", clerk, params=query)).json()
        seen += [one["id"] for one in page["problems"]]
        cursor = page.get("cursor")
        assert len(page["problems"]) <= 3
        if cursor is None:
            break
        assert len(page["problems"]) == 3
    assert seen == [str(problem.id) for problem in ours]


async def test_a_request_looks_only_so_far_and_leads_on_from_there(api: Api) -> None:
    clerk = await api.room.person("clerk", CLERK)
    for _ in range(41):
        api.shelf.put(OTHERS)
    own = api.shelf.put(OURS)
    first = (await api.asked("GET", "/v1/problems", clerk, params={"limit": 1})).json()
    assert first == {"problems": [], "cursor": "40"}
    second = (await api.asked("GET", "/v1/problems", clerk, params={"limit": 1, "cursor": "40"})).json()
    assert [one["id"] for one in second["problems"]] == [str(own.id)]


async def test_who_acts_is_who_is_signed_in_whatever_the_body_says(api: Api) -> None:
    clerk = await api.room.person("clerk", CLERK)
    own, other = api.shelf.put(OURS), api.shelf.put(OTHERS)
    path = f"/v1/problems/{own.id}/actions"
    assert await api.code("POST", path, clerk, **acting("acknowledge", OURS)) == (202, "")
    assert await api.code("POST", path, clerk, **acting("acknowledge", OURS, "李娜")) == (202, "")
    assert [b'"person":"clerk"' in (record.value or b"") for record in api.shelf.sent] == [True, True]
    assert await api.code("POST", path, clerk, **acting("acknowledge", OTHERS)) == (403, "other_unit")
    assert await api.code("POST", path, clerk, **acting("acknowledge", OURS, "wang")) == (403, "other_person")
    dispatch = acting("dispatch", OURS, lead_unit=OTHERS, clause="1")
    assert await api.code("POST", path, clerk, **dispatch) == (403, "no_role")
    assert await api.code("POST", f"/v1/problems/{uuid4()}/actions", clerk, **dispatch) == (403, "no_role")
    theirs = f"/v1/problems/{other.id}/actions"
    assert await api.code("POST", theirs, clerk, **acting("acknowledge", OURS)) == (404, "unknown_problem")
    assert await api.code("POST", theirs, clerk, **acting("acknowledge", OTHERS)) == (404, "unknown_problem")
    assert len(api.shelf.sent) == 2


async def test_a_record_is_begun_in_ones_own_city_for_ones_own_unit(api: Api) -> None:
    clerk = await api.room.person("clerk", CLERK)
    entry = {"jurisdiction": "linyi", "target": "t", "read_on": "2026-11-01", "value": 1.0, "actor": {"unit": OURS}}
    assert await api.code("POST", "/v1/readings", clerk, json={**entry, "unit": OURS}) == (202, "")
    elsewhere = {**entry, "unit": OURS, "jurisdiction": "mianyang"}
    assert await api.code("POST", "/v1/readings", clerk, json=elsewhere) == (403, "other_city")
    others = {**entry, "unit": OURS, "actor": {"unit": OTHERS}}
    assert await api.code("POST", "/v1/readings", clerk, json=others) == (403, "other_unit")
    admin = await api.room.person("admin", ADMIN)
    assert await api.code("POST", "/v1/readings", admin, json={**entry, "unit": OURS}) == (403, "no_role")
    assert await api.code("GET", "/v1/problems", admin) == (403, "no_role")


async def test_what_came_of_a_command_is_told_to_whom_its_record_is_there(api: Api) -> None:
    clerk = await api.room.person("clerk", CLERK)
    for name, problem in (("own", api.shelf.put(OURS)), ("other", api.shelf.put(OTHERS))):
        api.shelf.outcomes[name] = Outcome(name, problem.id, [], None)
    assert await api.code("GET", "/v1/commands/own", clerk) == (200, "")
    assert await api.code("GET", "/v1/commands/s/own", clerk) == (200, "")
    assert await api.code("GET", "/v1/commands/other", clerk) == (404, "unknown_command")
    assert await api.code("GET", "/v1/commands/none", clerk) == (404, "unknown_command")


async def test_a_key_to_read_reads_until_its_end_and_no_longer(api: Api) -> None:
    await api.room.desk.add("app", "App", [OFFICE], by="admin", is_system=True)
    key, _ = await api.room.keys.add("app", Scope.READ, DAY, by="admin")
    problem = api.shelf.put(OTHERS)
    assert await api.code("GET", f"/v1/problems/{problem.id}", key) == (200, "")
    path, verify = f"/v1/problems/{problem.id}/actions", acting("verify", OFFICE.unit, passed=True)
    assert await api.code("POST", path, key, **verify) == (403, "key_reads_only")
    api.room.wait(DAY - MINUTE)
    assert await api.code("GET", "/v1/problems", key) == (200, "")
    api.room.wait(MINUTE)
    assert await api.code("GET", "/v1/problems", key) == (401, "no_session")


async def test_an_appointment_that_is_taken_shuts_out_at_once(api: Api) -> None:
    token = await api.room.person("li.na", CLERK, OFFICE)
    assert await api.code("GET", "/v1/problems", token) == (200, "")
    await api.room.desk.appoint("li.na", [CLERK], by="admin")
    assert await api.code("GET", "/v1/problems", token) == (401, "no_session")


async def test_what_is_denied_stands_in_the_log_by_whom_which_deed_on_what(api: Api) -> None:
    clerk = await api.room.person("li.na", CLERK)
    theirs, ours = api.shelf.put(OTHERS), api.shelf.put(OURS)
    act = {"action": "acknowledge", "actor": {"unit": OTHERS}}
    await api.asked("GET", f"/v1/problems/{theirs.id}", clerk)
    await api.asked("POST", f"/v1/problems/{ours.id}/actions", clerk, json=act)
    await api.asked(
        "POST", f"/v1/problems/{ours.id}/actions", clerk, json={**act, "action": "hand_back", "reason": "no"}
    )
    await api.asked("GET", f"/v1/problems/{uuid4()}", clerk)  # is not there for anybody
    await api.asked("GET", f"/v1/problems/{ours.id}", clerk)
    pledge = await api.asked("POST", "/v1/pledges", await api.room.person("wang", ADMIN), json={})
    assert pledge.status_code == 403
    lines = [line.act for line in await api.room.desk.log() if line.act.kind is AccountActKind.DENIED]
    assert [(act.by, act.account, act.detail) for act in lines] == [
        ("li.na", "li.na", f"see_problem: /v1/problems/{theirs.id}, unknown_problem"),
        ("li.na", "li.na", f"acknowledge: /v1/problems/{ours.id}/actions, other_unit"),
        ("li.na", "li.na", f"hand_back: /v1/problems/{ours.id}/actions, no_role"),
        ("wang", "wang", "pledge: /v1/pledges, no_role"),
    ]


async def test_no_answer_runs_anything_or_is_kept(api: Api) -> None:
    token = await api.room.person("clerk", CLERK)
    problem = api.shelf.put(OURS)
    for path in (f"/v1/problems/{problem.id}", "/v1/problems", "/v1/nothing", "/openapi.json"):
        headers = (await api.asked("GET", path, token)).headers
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


async def test_the_document_says_by_what_somebody_is_known(api: Api) -> None:
    document = (await api.asked("GET", "/openapi.json")).json()
    assert document["components"]["securitySchemes"] == {
        "HTTPBearer": {
            "type": "http", "scheme": "bearer",
            "description": "The token of a session (POST /v1/sessions), or the key of a system",
        }
    }  # fmt: skip
    assert document["paths"]["/v1/problems"]["get"]["security"] == [{"HTTPBearer": []}]


async def test_the_document_says_of_every_route_who_has_it_and_how_others_are_answered(api: Api) -> None:
    document = (await api.asked("GET", "/openapi.json")).json()
    of_api = {route: deed for route, deed in ROUTES.items() if not route[1].startswith("/v1/vault")}
    operations = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert operations.keys() == of_api.keys()
    for route, deed in of_api.items():
        operation = operations[route]
        assert (route, "429" in operation["responses"]) == (route, True)
        assert (route, operation["security"]) == (route, [] if deed == ANYBODY else [{"HTTPBearer": []}])
        if deed != ANYBODY:
            assert (route, {"401", "403"} - operation["responses"].keys()) == (route, set())


async def test_who_asks_is_told_what_they_may_by_appointment_and_a_key_to_read_no_more_than_that(api: Api) -> None:
    clerk = await api.room.person("li.na", CLERK, OFFICE)
    me = (await api.asked("GET", "/v1/me", clerk)).json()
    by_role = {each["role"]: each for each in me["may"]}
    assert (by_role["unit_clerk"]["jurisdiction"], by_role["unit_clerk"]["unit"]) == ("linyi", OURS)
    assert by_role["unit_clerk"]["deeds"]["acknowledge"] == "own"
    assert by_role["office"]["deeds"]["pause"] == "city"
    assert {deed for each in me["may"] for deed in each["deeds"]} == set(me["deeds"])
    await api.room.desk.add("feed", "Feed", [OFFICE], by="admin", is_system=True)
    key, _ = await api.room.keys.add("feed", Scope.READ, DAY, by="admin")
    of_key = (await api.asked("GET", "/v1/me", key)).json()
    assert set(of_key["may"][0]["deeds"]) == set(of_key["deeds"])
    assert "pause" not in of_key["deeds"]


async def test_the_command_line_of_the_machine_acts_for_every_unit_as_whoever_runs_it(api: Api) -> None:
    store, keys = api.room.store, LocalKeys(api.room.store, api.room.clock, "local")
    key = await keys.renewed(None)
    problem, far = api.shelf.put(OTHERS), api.shelf.put("anybody", "mianyang")
    for unit, record in ((OTHERS, problem), ("whoever", problem), ("anybody", far)):
        path = f"/v1/problems/{record.id}/actions"
        assert await api.code("POST", path, key, **acting("acknowledge", unit, "local:wang")) == (202, "")
    assert [b'"person":"local:wang"' in (record.value or b"") for record in api.shelf.sent] == [True] * 3
    path = f"/v1/problems/{problem.id}/actions"
    assert await api.code("POST", path, key, **acting("acknowledge", OTHERS, "wang")) == (403, "other_person")
    clerk = await api.room.person("clerk", Appointment(role=Role.CLERK, jurisdiction="linyi", unit=OTHERS))
    assert await api.code("POST", path, clerk, **acting("acknowledge", OTHERS, "local:wang")) == (403, "other_person")
    entry = {"jurisdiction": "mianyang", "target": "t", "read_on": "2026-11-01", "value": 1.0, "unit": "x"}
    assert await api.code("POST", "/v1/readings", key, json={**entry, "actor": {"unit": "x"}}) == (202, "")
    assert (await store.accounts())[-1].name == "local"


def test_an_api_that_knows_no_accounts_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for accounts in (None, ""):
        monkeypatch.delenv("DUBAN_ACCOUNTS", raising=False)
        if accounts is not None:
            monkeypatch.setenv("DUBAN_ACCOUNTS", accounts)
        with pytest.raises(SettingsError, match="DUBAN_ACCOUNTS: "):
            ApiSettings.load()
    monkeypatch.delenv("DUBAN_ACCOUNTS")
    with pytest.raises(
        SettingsError, match="is missing, and needed: PostgreSQL with the accounts, as a URL with the role"
    ):
        ApiSettings.load()
