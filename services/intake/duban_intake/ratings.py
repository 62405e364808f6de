"""From what reporters say of what became of their reports to commands: only whose report it is has a say."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from duban.messages.commands import Rate
from duban.messages.delivery import Delivery, SetAside
from duban.messages.envelope import Message, Record, derived_id, encode
from duban.messages.ratings import RatedReport
from duban_intake.domain import ACTOR, SOURCE, Receipt, own_problem


class AskedReceipts(Protocol):
    """The receipts."""

    async def receipts(self, keys: Collection[UUID]) -> dict[UUID, Receipt]:
        """Those under ``keys``."""


class RatingHandler:
    """Sends on what the reporter of a report says of it: a rating of its problem."""

    def __init__(self, receipts: AskedReceipts) -> None:
        self._receipts = receipts

    async def __call__(self, batch: Sequence[Delivery[RatedReport]]) -> list[Record | SetAside]:
        """A command each; what comes without the code of the report, or of none, goes to the dead letters."""
        keys = {own_problem(rated.source, rated.id) for rated in (delivery.message.data for delivery in batch)}
        receipts = await self._receipts.receipts(keys)
        return [self._answer(delivery, receipts) for delivery in batch]

    def _answer(self, delivery: Delivery[RatedReport], receipts: dict[UUID, Receipt]) -> Record | SetAside:
        rated = delivery.message.data
        receipt = receipts.get(own_problem(rated.source, rated.id))
        if receipt is None or receipt.problem_id is None:
            say = f"no problem came of report {rated.id} of {rated.source}; what was not taken up is not rated"
            return SetAside(delivery, "unknown_report", say)
        if receipt.handle != rated.handle:
            say = f"the code is not that of report {rated.id} of {rated.source}; only its reporter rates it"
            return SetAside(delivery, "other_code", say)
        return encode(_command(delivery.message, receipt.problem_id))


def outcome_key(source: str, report: str, message: str) -> UUID:
    """Under which key the ledger has what came of the rating that ``message`` said of a report."""
    return derived_id(SOURCE, _command_id(source, report, message))


def _command_id(source: str, report: str, message: str) -> str:
    return str(derived_id(source, report, Rate.TYPE, message))


def _command(message: Message[RatedReport], problem: UUID) -> Message[Rate]:
    rated = message.data
    return Message(
        id=_command_id(rated.source, rated.id, message.id),
        source=SOURCE,
        subject=str(problem),
        time=message.time,
        jurisdiction=message.jurisdiction,
        key=str(problem),
        data=Rate(actor=ACTOR, satisfied=rated.satisfied, ground=rated.ground, reason=rated.reason),
        cause=message.id,
    )
