"""From where a command reads the ledger: the database, as an operator, or the API, as who is signed in."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from duban.errors import Unavailable
from duban.messages.records import AnyRecord, record_from_json
from duban.messages.struct import from_data, to_json
from duban.moves import Kind
from duban_cli.connection import asking, is_elsewhere, settings
from duban_cli.identity import API_VARIABLE, Server, api_client
from duban_cli.sign_in_file import only_api
from duban_console.api.responses import FILTERS, PAGES, PATHS
from duban_console.chain import Line
from duban_console.ledger import Chain, Filters, LedgerReader, Page, WaitingReport
from duban_console.listings import NameCheck, listed
from duban_console.reports import ShownReport

if TYPE_CHECKING:
    from duban.io.settings import Settings
    from duban.policy import PolicyPack
    from duban_console.rewards import RewardTold

#: As many as the API gives at once.
_MOST: Final = 500


def read_from() -> Settings | None:
    """The settings of the database, where one is named or an engine runs here; None where the API is to be asked.

    An API that is named goes before the engine here, and a sign-in stands in where no engine runs.

    Raises:
        Unavailable: there is neither.
    """
    if is_elsewhere():
        return settings()
    if os.environ.get(API_VARIABLE):
        return None
    try:
        return settings()
    except Unavailable:
        if only_api() is None:
            raise
        return None


@asynccontextmanager
async def ledger_in(known: Settings | None) -> AsyncIterator[LedgerReader | ApiLedger]:
    """The ledger in the database of ``known``, or without one as the API shows it."""
    if known is None:
        async with api_client() as api:
            yield ApiLedger(api)
    else:
        async with asking(known) as reader:
            yield reader


class ApiLedger:
    """The questions of :class:`LedgerReader` that a person asks, answered by the API with what is theirs."""

    def __init__(self, api: Server) -> None:
        self._api = api

    async def record(self, id_: UUID) -> AnyRecord | None:
        """The record as it stands."""
        return next(iter(await self._named(str(id_))), None)

    async def numbered(self, number: str) -> list[UUID]:
        """The records that bear ``number``: at most one in each jurisdiction."""
        return [record.id for record in await self._named(number)]

    async def history(self, id_: UUID) -> Chain | None:
        """Every event of the record; the chain of hashes is recomputed by the API, which alone has the bytes."""
        record = await self.record(id_)
        if record is None:
            return None
        history = (await self._api.asked("GET", f"{PATHS[record.kind]}/{id_}/history")).document
        return Chain([_line(event, id_) for event in history["events"]], history.get("first_broken_version"))

    async def unanswered(self, id_: UUID) -> list[WaitingReport]:
        """The reports of a problem that wait for a reply, the oldest first."""
        reports: list[WaitingReport] = []
        query: dict[str, Any] = {"limit": _MOST}
        while True:
            path = f"{PATHS[Kind.PROBLEM]}/{id_}/unanswered"
            # What is no problem, or what somebody may not know of it, has none to show.
            answer = await self._api.asked("GET", path, params=query, also=(403, 404))
            if answer.status != 200:
                return reports
            reports += [from_data(report, WaitingReport) for report in answer.document["reports"]]
            if (cursor := answer.document.get("cursor")) is None:
                return reports
            query["cursor"] = cursor

    async def reports(self, id_: UUID) -> list[ShownReport]:
        """The reports of a problem, the first first, as far as the API opens what is sealed of them."""
        answer = await self._api.asked("GET", f"{PATHS[Kind.PROBLEM]}/{id_}/reports", also=(403,))
        return [from_data(report, ShownReport) for report in answer.document.get("reports", ())]

    async def page(self, filters: Filters, limit: int, cursor: str | None = None) -> Page:
        """At most ``limit`` records that pass ``filters``, after ``cursor``."""
        records: list[AnyRecord] = []
        query = _query(filters)
        while True:
            at = {"limit": min(limit - len(records), _MOST), **({"cursor": cursor} if cursor else {})}
            page = (await self._api.asked("GET", PAGES[filters.kind], params={**query, **at})).document
            shown = [_record(document) for document in page[PATHS[filters.kind].rpartition("/")[2]]]
            records += [record for record in shown if not filters.statuses or record.status in filters.statuses]
            cursor = page.get("cursor")
            if cursor is None or len(records) == limit:
                return Page(records, cursor)

    async def check(self, query: Mapping[str, Any]) -> NameCheck:
        """Whether somebody stands on a list."""
        return from_data((await self._api.asked("GET", "/v1/listings", params=query)).document, NameCheck)

    async def looked_up(self, code: str) -> list[RewardTold]:
        """The rewards for the report whose ``code`` it is."""
        from duban_console.rewards import RewardTold

        answer = await self._api.asked("POST", "/v1/rewards/lookup", json={"code": code}, also=(404,))
        return [RewardTold.model_validate(reward) for reward in answer.document.get("rewards", ())]

    async def packs(self, refs: Iterable[str]) -> dict[str, PolicyPack]:
        """Those of the packs ``id@version`` that are published."""
        from duban.policy import PolicyPack

        answers = {ref: await self._api.asked("GET", f"/v1/packs/{ref}", also=(404,)) for ref in refs}
        return {
            ref: PolicyPack.model_validate(answer.document["pack"])
            for ref, answer in answers.items()
            if answer.status == 200
        }

    async def _named(self, name: str) -> list[AnyRecord]:
        answer = await self._api.asked("GET", "/v1/records", params={"name": name})
        return [_record(document) for document in answer.document["records"]]


async def name_check(
    ledger: LedgerReader | ApiLedger,
    name: str,
    at: datetime,
    *,
    jurisdiction: str | None,
    list_: str | None,
    everything: bool,
) -> NameCheck:
    """Whether ``name`` stands on a list at ``at``."""
    if isinstance(ledger, LedgerReader):
        entries = await ledger.listings(name, jurisdiction, list_)
        return listed(name.strip(), entries, at, everything=everything)
    query = {"of": name, "jurisdiction": jurisdiction, "list": list_, "at": at.isoformat(), "all": everything}
    return await ledger.check({key: value for key, value in query.items() if value is not None})


def _query(filters: Filters) -> dict[str, Any]:
    """What the API is asked for ``filters``; several statuses are looked at when the records have come."""
    rule, holder = FILTERS[filters.kind]
    query = {
        "jurisdiction": filters.jurisdiction, rule: filters.rule, holder: filters.holder, "channel": filters.channel,
        "enterprise": filters.enterprise, "sponsor": filters.sponsor, "matter": filters.matter, "of": filters.of,
        "status": filters.statuses[0].value if len(filters.statuses) == 1 else None,
        "overdue": True if filters.overdue_at is not None else None,
    }  # fmt: skip
    return {name: value for name, value in query.items() if value is not None}


def _record(document: Mapping[str, Any]) -> AnyRecord:
    return record_from_json(to_json(document))


def _line(event: Mapping[str, Any], id_: UUID) -> Line:
    body = {name: value for name, value in event.items() if name != "hash"}
    return Line(event["version"], to_json({"problem_id": str(id_), **body}), event["hash"])
