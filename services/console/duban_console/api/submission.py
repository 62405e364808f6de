"""A command on its way to the router, and what came of it as an answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID, uuid4

from fastapi import Header, Query, Response

from duban.errors import Fault
from duban.io.evidence.desk import EvidenceDesk, checked
from duban.io.publisher import Publisher
from duban.messages.commands import Command
from duban.messages.envelope import Message, encode
from duban.messages.records import AnyRecord
from duban.messages.struct import replace
from duban_console.action import COMMAND_ID, InvalidAction
from duban_console.api.answer import respond
from duban_console.api.asker import Asker
from duban_console.api.responses import SOURCE, Accepted, decision
from duban_console.ledger import LedgerReader, Outcome
from duban_console.listings import SameName

_MOST_WAIT: Final = 30.0
Wait = Annotated[float, Query(ge=0, le=_MOST_WAIT, description="Seconds to wait for the outcome")]
IdempotencyKey = Annotated[str | None, Header(pattern=COMMAND_ID, description="The command's id, if the body has none")]


@contextmanager
def answered() -> Iterator[None]:
    """What is no action is answered with the field that is wrong."""
    try:
        yield
    except InvalidAction as error:
        raise Fault(400, error.code, error.message, error.field or None) from None


def command_id(chosen: str | None, header: str | None) -> str:
    """The id of the command: its sender's choice, else a new one."""
    if chosen and header and chosen != header:
        raise Fault(400, "invalid", "the header Idempotency-Key says another id than the body; send one", "id")
    return chosen or header or str(uuid4())


@dataclass(frozen=True, slots=True)
class CommandDoor:
    """Sends commands to the router, and answers what comes of them; the evidence of each is there before it goes."""

    ledger: LedgerReader
    publisher: Publisher
    evidence: EvidenceDesk | None

    async def send(
        self,
        message: Message[Command],
        wait: float,
        asks: Asker,
        deed: str,
        on: AnyRecord | None = None,
        alike: tuple[SameName, ...] = (),
    ) -> Response:
        """Send ``message``: 202 once the broker has it; its outcome if that stands within ``wait`` seconds.

        Who asks sees that by the ``deed`` that it is, and ``on`` which record. ``alike`` is told with either.

        Raises:
            Fault: 409, its evidence is not in the store.
        """
        outcome = await self.decided(message, wait)
        if outcome is None:
            url = f"/v1/commands/{SOURCE}/{message.id}"
            accepted = Accepted(
                command=message.id, source=SOURCE, status="accepted", problem_id=message.subject, status_url=url,
                alike=alike,
            )  # fmt: skip
            return respond(asks, accepted, 202, {"Location": url}, deed=deed, of=on)
        stands = await self.ledger.record(outcome.problem_id)
        answer = replace(decision(SOURCE, outcome, stands), alike=alike)
        if (refused := outcome.refused) is None:
            return respond(asks, answer, deed=deed, of=on or stands)
        error = {"error": {"code": refused.code, "message": refused.reason}}
        return respond(asks, answer, 409, deed=deed, of=on or stands, beside=error)

    async def decided(self, message: Message[Command], wait: float) -> Outcome | None:
        """Send ``message``, and what came of it if that stands within ``wait`` seconds.

        Raises:
            Fault: 409, its evidence is not in the store, or its id is another's.
        """
        await checked(self.evidence, getattr(message.data, "evidence", ()))
        record = encode(message)
        self.publisher.check(record)
        await self.publisher.publish([record])
        outcome = await self.ledger.awaited(SOURCE, message.id, wait) if wait else None
        if outcome is not None and outcome.problem_id != UUID(message.subject):
            say = f"the id {outcome.command} belongs to a command for {outcome.problem_id}"
            raise Fault(409, "id_taken", say, "id")
        return outcome
