"""A city behind its pages, in memory: the services' own handlers, the desk that follows them, and people's browsers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, cast
from uuid import UUID, uuid4

import httpx2
from fastapi import FastAPI

from duban.clock import DrivenClock
from duban.errors import DubanError
from duban.io.evidence.reception import Reception
from duban.io.publisher import Publisher
from duban.messages import commands as do
from duban.messages.contacts import CONTACTS, RegisteredContact
from duban.messages.envelope import Message, Publishable, Record, decode
from duban.messages.events import LedgerEvent, Refused
from duban.messages.notices import NOTICES, Notice
from duban.messages.records import AnyRecord, Event, Listing, Problem
from duban.messages.report import Filed, Report
from duban.messages.struct import to_json
from duban.moves import Kind, Status
from duban.pages.maps import maps_in
from duban.policy import PolicyPack, PublishedCalendar, Rules
from duban.policy.library import Library
from duban.texts import folded
from duban_console.accounts.memory import MemoryAccounts
from duban_console.api.browser import Browser
from duban_console.api.submission import CommandDoor
from duban_console.chain import Line
from duban_console.contact_desk import ContactDesk
from duban_console.contacts import Registered, trial_ids
from duban_console.custody import Custody
from duban_console.desk.memory import MemoryDesk
from duban_console.desk.projector import DeskProjector
from duban_console.desk.reader import DeskReader
from duban_console.desk.views import MemoryViews
from duban_console.issues.desk import IssueDesk
from duban_console.issues.memory import MemoryIssues
from duban_console.ledger import BadCursor, Chain, Filters, LedgerReader, Outcome, Page, WaitingReport
from duban_console.operation.desk import OperationDesk
from duban_console.packs.publication import Published, prepared
from duban_console.pages.app import console_look, create_pages
from duban_console.pages.parts import PageParts
from duban_console.policies.experiments import ExperimentDesk
from duban_console.policies.proposal_memory import MemoryProposals
from duban_console.policies.proposals import PackTopic, ProposalDesk
from duban_console.source_journal import SourceActivity
from duban_simulation.engine import at_once
from tests.accounts import Room
from tests.desk import delivered
from tests.services import Services

HOST: Final = "http://127.0.0.1"


class Town(Services):
    """The services under ``rules``, and the ledger as pages ask it; what is published is decided at once."""

    def __init__(self, rules: Rules, at: datetime, accounts: DrivenClock | None = None) -> None:
        super().__init__(rules)
        self.rules = rules
        self._clock.tick(at)
        self.clock = self._clock
        self.desk = MemoryDesk()
        self.views = MemoryViews()
        self.notices: list[Message[Notice]] = []
        self._projector = DeskProjector(self.desk, self._library, self._clock)
        self.lines: dict[UUID, list[Line]] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.untaken: list[LedgerEvent] = []
        self.heard: dict[str, SourceActivity] = {}
        self.board = ContactBoard()
        self.contact_desk = ContactDesk(self.board, self._clock, self.board.outcomes)
        self.room = Room(MemoryAccounts(), accounts or DrivenClock(at))
        self.issues = MemoryIssues(self.room.store)
        self.packs = TownPacks(self._library)
        self.proposals = ProposalDesk(MemoryProposals(self.room.store), self.packs, self._clock, self._clock)
        self.experiments = ExperimentDesk(cast(LedgerReader, self), self._library, self._clock)

    def app(
        self,
        reception: Reception | None = None,
        operation: OperationDesk | None = None,
        vault: Custody | None = None,
        *,
        has_desk: bool = True,
        desk: DeskReader | None = None,
        maps: Path | None = None,
        fonts: Path | None = None,
    ) -> FastAPI:
        """The pages of this city, which ask ``desk`` if one is given; its operators have some by ``operation``."""
        ledger, publisher = cast(LedgerReader, self), cast(Publisher, TownPublisher(self))
        door = CommandDoor(ledger, publisher, reception.desk if reception else None)
        parts = PageParts(
            console_look(maps=maps_in(maps)), ledger, self._library, door, self._clock, reception, self.room.door, None,
            Browser(), self.room.desks, (desk or self.desk) if has_desk else None, operation, vault, self.contact_desk,
            self.experiments, self.proposals,
            view_shelf=self.views,
            issue_desk=IssueDesk(self.issues, publisher, self.room.clock, "https://duban.example"),
            fonts=fonts,
        )  # fmt: skip
        return create_pages(parts, 100_000)

    def register(self, report: Report, at: datetime) -> UUID:
        """A problem in the ledger."""
        id_ = uuid4()
        key = str(id_)
        filed = Filed(source="tests", id=key, received_at=at, report=report)
        command = do.Register(actor=do.Actor(unit=do.ENGINE), filed=filed)
        self.send(Message(f"register {key}", "tests", key, at, report.jurisdiction, key, command))
        self.follow()
        return id_

    def act(self, id_: UUID, command: do.Command, at: datetime) -> None:
        """Somebody acts on it."""
        record, key = self.records[id_], str(id_)
        self.send(Message(str(uuid4()), "tests", key, at, record.jurisdiction, key, command))
        self.follow()

    def _note(self, data: LedgerEvent | Refused) -> None:
        super()._note(data)
        if isinstance(data, Refused):
            self.outcomes[data.command] = Outcome(data.command, UUID(int=0), [], data)
            return
        line = Line(data.event.version, to_json(data.event), data.hash)
        self.lines.setdefault(data.record.id, []).append(line)
        before = self.outcomes.get(data.event.command)
        lines = [*(before.lines if before else []), line]
        self.outcomes[data.event.command] = Outcome(data.event.command, data.record.id, lines, None)
        self.untaken.append(data)

    def follow(self) -> None:
        """The desk takes in what has happened."""
        events, self.untaken = self.untaken, []
        for event in events:  # each a batch of its own, for which nothing is waited
            at_once(self._projector([delivered(event)]))

    async def record(self, id_: UUID) -> AnyRecord | None:
        return self.records.get(id_)

    async def history(self, id_: UUID) -> Chain | None:
        return Chain(self.lines[id_], None) if id_ in self.lines else None

    async def numbered(self, number: str) -> list[UUID]:
        return [id_ for id_, record in self.records.items() if record.number == number]

    async def page(self, filters: Filters, limit: int, cursor: str | None = None) -> Page:
        statuses = filters.statuses or tuple(Status)
        records = [
            record for record in self.records.values()
            if record.kind is filters.kind and record.jurisdiction == filters.jurisdiction
            and record.status in statuses and (filters.rule is None or getattr(record, "list", None) == filters.rule)
        ]  # fmt: skip
        if cursor is not None and not cursor.isdigit():
            raise BadCursor(cursor)
        first = int(cursor or 0)
        return Page(records[first : first + limit], str(first + limit) if len(records) > first + limit else None)

    async def listings(self, of: str, jurisdiction: str | None = None, list_: str | None = None) -> list[Listing]:
        return [
            record for record in self.records.values()
            if isinstance(record, Listing) and folded(record.of) == folded(of)
            and jurisdiction in (None, record.jurisdiction) and list_ in (None, record.list)
        ]  # fmt: skip

    async def unanswered(self, id_: UUID, limit: int | None = None, after: int = 0) -> list[WaitingReport]:
        problem = self.records[id_]
        waits = isinstance(problem, Problem) and problem.unanswered
        return [WaitingReport(source="tests", id=str(id_), version=1)] if waits else []

    async def events(
        self, jurisdiction: str, before: datetime, kinds: Collection[Kind] = tuple(Kind), *_: object
    ) -> list[Event]:
        return [
            line.event
            for id_, lines in self.lines.items()
            for line in lines
            if self.records[id_].jurisdiction == jurisdiction and self.records[id_].kind in kinds
            and line.event.at < before
        ]  # fmt: skip

    async def source_activities(self) -> dict[str, SourceActivity]:
        return self.heard

    async def begun_after(self, jurisdiction: str, since: datetime, until: datetime, most: int) -> datetime | None:
        begun = sorted((lines[0].event.at for lines in self._past(jurisdiction, since, until)), reverse=True)
        return begun[most] if len(begun) > most else None

    async def past(self, jurisdiction: str, since: datetime, until: datetime) -> AsyncIterator[list[bytes]]:
        for lines in self._past(jurisdiction, since, until):
            yield [line.body for line in lines if line.event.at < until]

    def _past(self, jurisdiction: str, since: datetime, until: datetime) -> list[list[Line]]:
        of_city = (lines for id_, lines in self.lines.items() if self.records[id_].jurisdiction == jurisdiction)
        return [lines for lines in of_city if since <= lines[0].event.at < until]

    async def awaited(self, source: str, command: str, seconds: float) -> Outcome | None:
        return self.outcomes.get(command)

    async def decide(self, record: Record) -> None:
        """What a page sends is decided, and the desk takes it in."""
        self._settle([record])
        message = self._read(record, do.COMMANDS).message
        outcome = self.outcomes[message.id]
        self.outcomes[message.id] = Outcome(outcome.command, UUID(message.subject), outcome.lines, outcome.refused)
        self.follow()


class TownPacks(PackTopic):
    """The topic of packs, which is ``library``."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.published: list[str] = []
        self.fault: DubanError | None = None

    async def check(self, pack: PolicyPack, at: datetime) -> bool:
        changes, _ = prepared([(Path("draft"), pack)], self._standing(pack), at)
        return changes[0].action == "publish"

    async def publish(self, pack: PolicyPack, at: datetime) -> None:
        _, records = prepared([(Path("draft"), pack)], self._standing(pack), at)
        if self.fault is not None:
            raise self.fault
        self.published += [record.key.decode() for record in records]
        self._library.add(pack)

    def _standing(self, pack: PolicyPack) -> dict[str, Published]:
        notice = self._library.calendar(pack.time.calendar)
        standing: dict[str, Published] = {known.ref: known for known in self._library.packs}
        return standing if notice is None else {**standing, "calendar": PublishedCalendar(notice=notice)}


class TownPublisher:
    """The topic of commands, at whose other end the router of ``town`` decides at once."""

    def __init__(self, town: Town) -> None:
        self._town = town

    def check(self, record: Record) -> None:
        """Anything goes."""

    async def publish(self, records: Iterable[Record]) -> None:
        for record in records:
            if record.topic == Notice.TOPIC:
                self._town.notices.append(decode(record.key, record.value, record.headers, NOTICES))
            else:
                await self._town.decide(record)


class ContactBoard:
    """The topic of contacts, at whose other end every trial that goes by mail is delivered at once."""

    def __init__(self) -> None:
        self.published: list[Registered] = []
        self.delivered: set[UUID] = set()

    async def publish(self, records: Sequence[Publishable]) -> None:
        for record in records:
            if record.value is not None:
                registered: Registered = decode(record.key, record.value, record.headers, CONTACTS).data
                self.published.append(registered)
                if isinstance(registered, RegisteredContact) and registered.tested_at is not None:
                    self.delivered |= {id_ for way, id_ in trial_ids(registered).items() if way.startswith("mail")}

    async def outcomes(self, ids: list[UUID]) -> dict[UUID, str]:
        return {id_: "posted" if id_ in self.delivered else "set_aside" for id_ in ids}


def browser(app: FastAPI, token: str | None = None, **headers: str) -> httpx2.AsyncClient:
    """Somebody's browser, which has kept the token of their session."""
    cookies = {"duban": token} if token else {}
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.AsyncClient(transport=transport, base_url=HOST, cookies=cookies, headers={"origin": HOST, **named})
