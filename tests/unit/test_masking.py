"""Every route that shows a record, asked by every role: each facet is there for those of the table and nobody else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final, get_args
from uuid import UUID, uuid4

import httpx2
import msgspec
import pytest
from fastapi.routing import APIRoute
from msgspec import inspect

from duban.clock import DrivenClock
from duban.messages.changes import Change
from duban.messages.commands import Actor
from duban.messages.envelope import Record
from duban.messages.events import GENESIS, Refused, canonical, chained
from duban.messages.records import AnyRecord, Duty, Event, Listing, Problem, Reading, Reward
from duban.messages.report import Filed
from duban.moves import Kind, Status
from duban.policy.library import Library
from duban_console.accounts.access import ROUTES, TABLE
from duban_console.accounts.account import OF_INSTALLATION, Appointment, Role
from duban_console.accounts.facets import FILTERS, SEEN_BY, Facet
from duban_console.accounts.memory import MemoryAccounts
from duban_console.accounts.session import Scope
from duban_console.api.app import create_app
from duban_console.api.mask import MASK, STANDS_IN
from duban_console.chain import Line
from duban_console.ledger import Chain, Filters, LedgerReport, Outcome, Page, WaitingReport
from tests.accounts import AT, DAY, Room

UNIT: Final = "市生态环境局"
#: How a facet is found in an answer: a word that its fields are filled with, or the latitude of a point.
LATITUDE: Final = 12.345678
WORD: Final = re.compile(r"hidden-(\w+?)-")
MODELS: Final[dict[Kind, type[AnyRecord]]] = {
    Kind.PROBLEM: Problem, Kind.DUTY: Duty, Kind.LISTING: Listing, Kind.REWARD: Reward, Kind.READING: Reading,
}  # fmt: skip
#: The query parameters of the lists that go by nothing that may be masked.
HARMLESS: Final = {
    "jurisdiction", "status", "stage", "lead_unit", "category", "matter", "channel", "sponsor", "overdue", "limit",
    "cursor", "duty", "unit", "list", "keeper", "reward", "fixed_by", "target", "name", "at", "all",
    "due_before",
}  # fmt: skip


def facets_in(text: str) -> set[Facet]:
    """The facets that stand in an answer."""
    return {Facet(name) for name in WORD.findall(text)} | ({Facet.PLACE} if str(LATITUDE) in text else set())


def filled(info: Any, mark: str = "x") -> Any:
    """A value of the type ``info`` with nothing left out; a field in which a facet stands is filled with its word."""
    match info:
        case inspect.StructType(cls=model, fields=fields):
            values = {each.name: filled(each.type, _word(model, each.name) or mark) for each in fields}
            return model(**{name: LATITUDE if name == "latitude" else value for name, value in values.items()})
        case inspect.Metadata(type=inner):
            value = filled(inner, mark)
        case inspect.UnionType(types=types):
            value = filled(next(each for each in types if not isinstance(each, inspect.NoneType)), mark)
        case inspect.DictType(key_type=key, value_type=inner):
            value = {filled(key, mark): filled(inner, mark)}
        case inspect.VarTupleType(item_type=item):
            value = (filled(item, mark),)
        case inspect.ListType(item_type=item):
            value = [filled(item, mark)]
        case _:
            value = _plain(info, mark)
    return value


def _plain(info: Any, mark: str) -> Any:
    """The same of a type that is made of no others."""
    if isinstance(info, inspect.EnumType):
        return list(info.cls)[-1]
    if isinstance(info, inspect.LiteralType):
        return info.values[0]
    pattern = getattr(info, "pattern", None) or ""
    values: dict[type, Any] = {
        inspect.StrType: "0" * 64 if "{64}" in pattern else "AAAA" if "+/=" in pattern else mark,
        inspect.IntType: 1, inspect.FloatType: 1.0, inspect.BoolType: True, inspect.AnyType: mark,
        inspect.DateTimeType: AT, inspect.DateType: AT.date(), inspect.UUIDType: UUID(int=7),
    }  # fmt: skip
    return values[type(info)]


def _word(model: type, name: str) -> str | None:
    return next((f"hidden-{facet}-{name}" for facet, places in STANDS_IN.items() if (model, name) in places), None)


def record_of(kind: Kind) -> AnyRecord:
    """A record of ``kind`` with every field filled, of the unit and the city of those who ask."""
    model = MODELS[kind]
    holder = {"lead_unit", "unit", "keeper", "fixed_by"} & set(model.__struct_fields__)
    record: AnyRecord = filled(inspect.type_info(model))
    begun = {"registered": record.marks["x"]}
    return msgspec.structs.replace(
        record, id=uuid4(), jurisdiction="linyi", number=kind.value, status=Status.DISPATCHED, marks=begun,
        **dict.fromkeys(holder, UNIT),
    )  # fmt: skip


def history_of(id_: UUID) -> list[Line]:
    """One event of every kind of change, with every field filled."""
    lines: list[Line] = []
    for version, change in enumerate(get_args(Change), start=1):
        event = Event(
            problem_id=id_, version=version, at=AT, actor=Actor(unit=UNIT), reason="hidden-text-reason", command="c",
            change=filled(inspect.type_info(change)),
        )  # fmt: skip
        body = canonical(event)
        lines.append(Line(version, body, chained(lines[-1].hash if lines else GENESIS, body)))
    return lines


@dataclass
class Shelf:
    """The ledger with one record of each kind, and the topic."""

    records: dict[Kind, AnyRecord] = field(default_factory=lambda: {kind: record_of(kind) for kind in Kind})
    sent: list[Record] = field(default_factory=list)

    async def record(self, id_: UUID) -> AnyRecord | None:
        return next((record for record in self.records.values() if record.id == id_), None)

    async def numbered(self, number: str) -> list[UUID]:
        return [record.id for record in self.records.values()]

    async def page(self, filters: Filters, limit: int, cursor: str | None = None) -> Page:
        return Page([self.records[filters.kind]], None)

    async def history(self, id_: UUID) -> Chain | None:
        return Chain(history_of(id_), None)

    async def filed(self, id_: UUID) -> list[LedgerReport]:
        return [LedgerReport(filled(inspect.type_info(Filed)), None)]

    async def unanswered(self, id_: UUID, limit: int | None = None, after: int = 0) -> list[WaitingReport]:
        return [WaitingReport(source="s", id="1", version=1)]

    async def outcome(self, source: str, command: str) -> Outcome | None:
        problem = self.records[Kind.PROBLEM]
        return Outcome(command, problem.id, history_of(problem.id), filled(inspect.type_info(Refused)))

    async def awaited(self, source: str, command: str, seconds: float) -> Outcome | None:
        return await self.outcome(source, command)

    async def listings(self, of: str, jurisdiction: str | None = None, list_: str | None = None) -> list[AnyRecord]:
        return [self.records[Kind.LISTING]]

    def check(self, record: Record) -> None:
        """Anything goes."""

    async def publish(self, records: list[Record]) -> None:
        self.sent += records


@dataclass
class Api:
    """The API over the shelf, and a token for each role."""

    room: Room
    shelf: Shelf
    client: httpx2.AsyncClient
    tokens: dict[Role, str]

    async def known(self, name: str, *appointments: Appointment) -> str:
        """The key of an account: one of a person would take a password, which is made to be slow."""
        await self.room.desk.add(name, name, appointments, by="admin", is_system=True)
        return (await self.room.keys.add(name, Scope.ACT, DAY, by="admin"))[0]

    async def asked(self, who: Role | str, method: str, path: str, **rest: Any) -> httpx2.Response:
        token = self.tokens[who] if isinstance(who, Role) else who
        return await self.client.request(method, path, headers={"authorization": f"Bearer {token}"}, **rest)


def appointed(role: Role, jurisdiction: str = "linyi") -> Appointment:
    city = {} if role in OF_INSTALLATION else {"jurisdiction": jurisdiction, "unit": UNIT}
    return Appointment(role=role, **city)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    room, shelf = Room(MemoryAccounts(), DrivenClock(AT)), Shelf()
    ledger: Any = shelf
    app = create_app(ledger, ledger, room.clock, Library(), None, 100_000, room.door)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:
        found = Api(room, shelf, client, {})
        found.tokens |= {role: await found.known(f"the.{role}", appointed(role)) for role in Role}
        yield found


#: The routes that show records: those whose deed is to see one, or to look one up by a name. A bulletin is of a city.
SHOWING: Final = {
    path: deed
    for (method, path), deed in ROUTES.items()
    if method == "GET" and deed in TABLE and not path.startswith(("/v1/evidence", "/v1/vault", "/v1/packs"))
}


def called(path: str, shelf: Shelf) -> str:
    """``path`` with what leads to the record on the shelf."""
    kind = next((kind for kind in Kind if path.startswith(f"/v1/{_plural(kind)}")), Kind.PROBLEM)
    query = {"/v1/listings": "?of=somebody", "/v1/records": "?name=all"}.get(path, "")
    ids = {"{id}": "c" if path.startswith("/v1/commands") else str(shelf.records[kind].id), "{source}": "s"}
    for name, value in ids.items():
        path = path.replace(name, value)
    return path + query


def _plural(kind: Kind) -> str:
    return "duties" if kind is Kind.DUTY else f"{kind}s"


@pytest.mark.parametrize("path", SHOWING)
async def test_each_facet_is_there_for_the_roles_of_the_table_by_every_route(api: Api, path: str) -> None:
    way = called(path, api.shelf)
    whole = facets_in((await api.asked(Role.AUDITOR, "GET", way)).text)
    shown = 0
    for role in Role:
        answer = await api.asked(role, "GET", way)
        if answer.status_code == 403:
            continue
        shown += 1
        assert answer.status_code == 200, (role, answer.text)
        expected = {facet for facet in whole if role in SEEN_BY[facet]}
        assert facets_in(answer.text) == expected, role
        told = {Facet(name) for name in answer.headers.get("duban-masked", "").split(", ") if name}
        assert whole - expected <= told <= {facet for facet in Facet if role not in SEEN_BY[facet]}, role
    assert shown > 1


def test_every_facet_stands_in_some_answer_and_every_kind_of_record_is_shown() -> None:
    shelf = Shelf()
    texts = [msgspec.json.encode(record).decode() for record in shelf.records.values()]
    assert set().union(*map(facets_in, texts)) == set(Facet)
    for kind in Kind:
        assert {f"/v1/{_plural(kind)}/{{id}}", f"/v1/{_plural(kind)}/{{id}}/history"} <= SHOWING.keys()


async def test_no_hash_of_a_masked_history_lets_a_guess_be_tried_out(api: Api) -> None:
    path = f"/v1/problems/{api.shelf.records[Kind.PROBLEM].id}/history"
    hashes = {line.hash for line in history_of(api.shelf.records[Kind.PROBLEM].id)}
    for role in (Role.CLERK, Role.INSPECTOR):
        masked = (await api.asked(role, "GET", path)).json()
        assert {event["hash"] for event in masked["events"]} == {MASK}
        assert masked["verified"]
    assert {event["hash"] for event in (await api.asked(Role.OFFICE, "GET", path)).json()["events"]} == hashes
    commands = (await api.asked(Role.OPERATOR, "GET", "/v1/commands/c")).json()
    assert {event["hash"] for event in commands["events"]} == {MASK}


@pytest.mark.parametrize("wait", [0, 1])
async def test_what_comes_of_an_action_is_shown_as_the_record_is_to_whom_acts(api: Api, wait: int) -> None:
    path = f"/v1/problems/{api.shelf.records[Kind.PROBLEM].id}/actions?wait={wait}"
    for role in (Role.OFFICE, Role.CLERK, Role.HEAD):
        act = {"action": "acknowledge", "actor": {"unit": UNIT}}
        answer = await api.asked(role, "POST", path, json=act)
        assert answer.status_code == (409 if wait else 202), answer.text
        assert facets_in(answer.text) == ({facet for facet in Facet if role in SEEN_BY[facet]} if wait else set())


@pytest.mark.parametrize("jurisdiction", ["", "&jurisdiction=linyi"])
async def test_no_filter_goes_by_what_is_masked(api: Api, jurisdiction: str) -> None:
    path = f"/v1/problems?enterprise=x{jurisdiction}"
    answer = await api.asked(Role.SOCIAL_SUPERVISOR, "GET", path)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (403, "masked", "enterprise")
    assert (await api.asked(Role.CLERK, "GET", path)).status_code == 200


def test_every_parameter_of_a_list_goes_by_a_facet_that_is_known_or_by_none() -> None:
    nothing: Any = None
    app = create_app(nothing, nothing, DrivenClock(), Library(), None, 1024, nothing)
    asked: set[str] = set()
    for route in app.routes:
        if (
            isinstance(route, APIRoute)
            and route.path.replace(":path}", "}") in SHOWING
            and "GET" in (route.methods or ())
        ):
            asked |= {parameter.alias for parameter in route.dependant.query_params}
    assert asked - HARMLESS == FILTERS.keys()


async def test_who_has_several_appointments_sees_what_any_shows_and_filters_by_what_all_show(api: Api) -> None:
    here, there = appointed(Role.SOCIAL_SUPERVISOR), appointed(Role.OFFICE, "mianyang")
    both = await api.known("both", here, there)
    problem = api.shelf.records[Kind.PROBLEM]
    path = f"/v1/problems/{problem.id}"
    assert facets_in((await api.asked(both, "GET", path)).text) == set()
    assert (await api.asked(both, "GET", "/v1/problems?enterprise=x")).status_code == 403
    assert (await api.asked(both, "GET", "/v1/problems?enterprise=x&jurisdiction=mianyang")).status_code == 200
    api.shelf.records[Kind.PROBLEM] = msgspec.structs.replace(problem, jurisdiction="mianyang")
    assert facets_in((await api.asked(both, "GET", path)).text) == set(Facet)
    clerk = await api.known("clerk.too", here, appointed(Role.CLERK))
    api.shelf.records[Kind.PROBLEM] = problem
    assert facets_in((await api.asked(clerk, "GET", path)).text) == set(Facet) - {Facet.REPORTER}


def test_what_is_left_out_looks_as_if_it_had_never_been_there(api: Api) -> None:
    """A record without an enterprise and one whose enterprise is masked are answered alike."""
    from duban_console.api.mask import masked

    problem: Any = api.shelf.records[Kind.PROBLEM]
    without = msgspec.structs.replace(problem, location=None, enterprise=None, handle=None)
    bare, full = (masked(one, frozenset(Facet), lambda _: frozenset(Facet)) for one in (without, problem))
    assert msgspec.json.encode(bare) == msgspec.json.encode(full)
