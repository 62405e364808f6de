"""The route of tables: what each row would become, and then the same file taken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from duban.errors import Fault
from duban.messages.sources import RegisteredSource
from duban.messages.struct import plain
from duban.policy.library import Library
from duban_intake.channels.columns import column_of
from duban_intake.channels.items import ItemMapping, Note, Parsed, ReportItem
from duban_intake.channels.kinds import KINDS
from duban_intake.channels.table import BadRow
from duban_intake.channels.table_file import KIND, TABLE
from duban_intake.domain import Receipt, digest, inadmissible, own_problem
from duban_intake.gateway.door import ReportDoor
from duban_intake.gateway.request import Handed
from duban_intake.gateway.responses import BadItem, HandedIn
from duban_intake.sources.registry import permit_report
from duban_intake.vault.answers import reached

#: What is noted of a row that was taken before.
_BEFORE: Final = "taken before"
_FILES: Final = ("text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
_BODY: Final = {"requestBody": {"required": True, "content": {
    name: {"schema": {"type": "string", "format": "binary"}} for name in _FILES}}}  # fmt: skip


class TableRow(BaseModel):
    """What a row becomes: a ``new`` report, one that is ``known`` already, or none, ``refused`` for the reason told."""

    line: int = Field(description="The line of the file, or the row of the sheet")
    becomes: Literal["new", "known", "refused"]
    id: str | None = None
    report: dict[str, Any] | None = None
    confided: list[str] = Field([], description="What of the reporter would be sealed into the vault")
    field: str | None = None
    message: str | None = None


class Preview(BaseModel):
    """What each row of a table would become; nothing was published. Send the same again with ``confirm``."""

    new: int
    known: int
    refused: int
    confirm: str
    rows: list[TableRow]


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """The rows of a table: reports that are new, those that are known, and what is wrong with the others."""

    new: tuple[ReportItem, ...]
    known: tuple[ReportItem, ...]
    bad: tuple[BadRow, ...]


def judged(
    parsed: Parsed,
    source: RegisteredSource,
    mapping: ItemMapping,
    receipts: Mapping[UUID, Receipt],
    library: Library,
    at: datetime,
) -> JudgedRows:
    """What the rows become by what is known ``at``: the pack in force, and the ``receipts`` that were given. Pure."""
    new, known, bad = [], [], list(parsed.bad)
    for entry in parsed.entries:
        receipt = receipts.get(own_problem(entry.message.source, entry.message.id))
        fault = _fault(entry, source, mapping, library, at)
        if receipt is not None and receipt.final:
            if receipt.digest == digest(entry.message.data):
                known.append(entry)
                continue
            say = f"{entry.message.id} is the id of another report, which stands; give this row one of its own"
            fault = BadRow(entry.item, mapping.id or "(row)", say)
        if fault is None:
            new.append(entry)
        else:
            bad.append(fault)
    return JudgedRows(tuple(new), tuple(known), tuple(sorted(bad, key=lambda row: row.line)))


def _fault(
    entry: ReportItem, source: RegisteredSource, mapping: ItemMapping, library: Library, at: datetime
) -> BadRow | None:
    """Why the policy, or its registration, does not let ``source`` hand in a row, if so."""
    try:
        permit_report(source, entry.message.data)
    except Fault as fault:
        return BadRow(entry.item, column_of("jurisdiction", mapping), str(fault))
    refusal = inadmissible(entry.message.data, library, at)
    if refusal is None:
        return None
    field, _, what = refusal.reason.partition(": ")
    return BadRow(entry.item, column_of(field, mapping), what)


def preview(rows: JudgedRows, confirm: str) -> Preview:
    """``rows`` as their sender is shown them, in the order of the file."""
    shown = [_shown(entry, "new") for entry in rows.new] + [_shown(entry, "known") for entry in rows.known]
    shown += [TableRow(line=row.line, becomes="refused", field=row.field, message=row.reason) for row in rows.bad]
    shown.sort(key=lambda row: row.line)
    return Preview(new=len(rows.new), known=len(rows.known), refused=len(rows.bad), confirm=confirm, rows=shown)


def _shown(entry: ReportItem, becomes: Literal["new", "known"]) -> TableRow:
    confided = sorted(entry.contact.model_dump(exclude_none=True)) if entry.contact else []
    report = plain(entry.message.data)
    return TableRow(line=entry.item, becomes=becomes, id=entry.message.id, report=report, confided=confided)


def serve_tables(app: FastAPI, door: ReportDoor, library: Library, faults: dict[int | str, dict[str, Any]]) -> None:
    """Give ``app`` the route of tables."""
    responses = {**faults, 200: {"model": Preview}, 202: {"model": HandedIn, "description": "The good rows are taken"}}

    @app.post("/v1/tables/{name:path}", response_model=Preview, responses=responses, openapi_extra=_BODY)
    async def upload(
        name: str,
        request: Request,
        confirm: Annotated[str | None, Query(description="Of the preview: takes the good rows of the file")] = None,
    ) -> JSONResponse:
        """Upload a table, CSV or .xlsx: first a preview of what each row becomes, then, with `confirm`, the good rows.

        The same rows may be sent again at any time; each report counts once.
        """
        source, body = await door.signed(request, name)
        with door.journal.watching(source):
            if KINDS.get(source.kind) is not TABLE:
                say = f"{source.name} is no source of the kind {KIND}; register one, with a mapping of its columns"
                raise Fault(422, "unusable_source", say)
            _, mapping = door.dialect(source)
            key = sha256(mapping.model_dump_json().encode() + body).hexdigest()
            if confirm not in (None, key):
                say = "the preview was of another file, or of another mapping; look at this one first"
                raise Fault(409, "other_file", say, "confirm")
            rows = await _rows(source, body, mapping)
            if confirm is None:
                return JSONResponse(preview(rows, key).model_dump(mode="json", exclude_none=True))
            handed_in = await door.hand_in_all(
                source,
                [(entry.item, Handed(entry.message, entry.contact, None)) for entry in rows.new],
                [BadItem(item=row.line, field=row.field, message=row.reason) for row in rows.bad],
                str(request.base_url),
                [Note(entry.message.id, _BEFORE) for entry in rows.known],
            )
            return JSONResponse(handed_in.model_dump(mode="json", exclude_none=True), 202)

    async def _rows(source: RegisteredSource, body: bytes, mapping: ItemMapping) -> JudgedRows:
        at = door.clock.now()
        parsed = await asyncio.to_thread(TABLE.parse, body, mapping, at)
        keys = [own_problem(entry.message.source, entry.message.id) for entry in parsed.entries]
        receipts = await reached(door.receipts.receipts(keys), "the receipts cannot be read now; nothing was taken")
        return judged(parsed, source, mapping, receipts, library, at)
