"""The routes of entries on lists: put somebody on one, and ask whether somebody stands on one."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from pydantic import AwareDatetime, BeforeValidator

from duban.clock import Clock
from duban.errors import Fault
from duban.texts import is_blank
from duban_console.action import NewEntry, action_message, new_entry
from duban_console.api.answer import respond
from duban_console.api.asker import Asks
from duban_console.api.document import answers, body
from duban_console.api.instants import written_instant
from duban_console.api.responses import SOURCE, Accepted, Decision
from duban_console.api.submission import CommandDoor, IdempotencyKey, Wait, answered, command_id
from duban_console.ledger import LedgerReader
from duban_console.listings import NameCheck, listed, written_otherwise

_OF = "The name; what no reader sees makes no difference: case, width, blanks, zero-width characters"
_AT = "As of this instant, with its offset; now without it"
_ALL = "Also entries that do not count yet, and those that have ended"


def serve_listings(app: FastAPI, ledger: LedgerReader, door: CommandDoor, clock: Clock) -> None:
    """Add the routes to ``app``."""

    @app.get("/v1/listings", responses=answers(NameCheck), tags=["listings"])
    async def listings(
        asks: Asks,
        of: Annotated[str, Query(min_length=1, max_length=120, description=_OF)],
        jurisdiction: str | None = None,
        list_: Annotated[str | None, Query(alias="list", description="Only this list, by its id in the pack")] = None,
        at: Annotated[AwareDatetime | None, BeforeValidator(written_instant), Query(description=_AT)] = None,
        everything: Annotated[bool, Query(alias="all", description=_ALL)] = False,
    ) -> Response:
        """Whether somebody stands on a list, and on what ground; `listed` only looks at what is in force."""
        for name, value in (("of", of), ("jurisdiction", jurisdiction), ("list", list_)):
            if "\0" in (value or ""):
                raise Fault(400, "invalid", "a name carries no NUL", name)
        if is_blank(of):
            raise Fault(400, "invalid", "the name shows nothing: it is blank", "of")
        asks.filters("check_name", jurisdiction, {"of": of})
        entries = asks.seen("check_name", await ledger.listings(of, jurisdiction, list_))
        check = listed(of.strip(), entries, at or clock.now(), everything=everything)
        return respond(asks, check, deed="check_name")

    @app.post("/v1/listings", status_code=202, responses=answers(Accepted, Decision, status=202), tags=["listings"],
              openapi_extra=body(NewEntry))  # fmt: skip
    async def put(request: Request, asks: Asks, wait: Wait = 0, idempotency_key: IdempotencyKey = None) -> Response:
        """Put somebody on a list, by hand of its keeper and with evidence; the same id again is the same entry."""
        with answered():
            entry = new_entry(await request.body())
        id_ = command_id(entry.id, idempotency_key)
        message = action_message(
            asks.acting("put_on_list", entry.command, jurisdiction=entry.jurisdiction),
            id_=id_,
            problem_id=entry.record_id(id_),
            jurisdiction=entry.jurisdiction,
            source=SOURCE,
            at=clock.now(),
        )
        entries = await ledger.listings(entry.of, entry.jurisdiction, entry.list)
        alike = written_otherwise(entry.of, entries, message.subject, clock.now())
        return await door.send(message, wait, asks, "put_on_list", alike=alike)
