"""What reporters say of what became of their reports: only who has the code has a say, and it is said once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from duban.messages import commands as do
from duban.messages.delivery import Delivery, SetAside
from duban.messages.envelope import Message, Record, decode
from duban.messages.ratings import RatedReport
from duban_intake.domain import ACTOR, Receipt, ReportOutcome, own_problem
from duban_intake.ratings import RatingHandler

AT = datetime(2026, 3, 1, tzinfo=UTC)
OWN = own_problem("site", "r1")
ELSEWHERE = own_problem("hotline", "7")


def receipt(number: str, **changed: Any) -> Receipt:
    fields: dict[str, Any] = {"problem_id": own_problem("site", number), "handle": "sha256:ours", **changed}
    key = own_problem("site", number)
    return Receipt("site", number, key, b"", AT, ReportOutcome.ACCEPTED, **fields)


class Receipts:
    """The receipts that were given."""

    def __init__(self, *given: Receipt) -> None:
        self._given = {each.key: each for each in given}

    async def receipts(self, keys: Collection[UUID]) -> dict[UUID, Receipt]:
        return {key: self._given[key] for key in set(keys) & self._given.keys()}


def rated(number: str = "r1", id_: str = "r1/a", **changed: Any) -> Delivery[RatedReport]:
    fields: dict[str, Any] = {"handle": "sha256:ours", "satisfied": True, **changed}
    data = RatedReport(source="site", id=number, **fields)
    return Delivery(Message(id_, "site", str(OWN), AT, "smallville", number, data), RatedReport.TOPIC, 0, 0, AT)


def command(answer: Record | SetAside) -> Message[do.Command]:
    assert isinstance(answer, Record)
    return decode(answer.key, answer.value, answer.headers, do.COMMANDS)


async def test_what_a_reporter_says_is_a_rating_of_the_problem_that_the_report_went_to() -> None:
    handler = RatingHandler(Receipts(receipt("r1", problem_id=ELSEWHERE)))
    sent = command((await handler([rated(satisfied=False, ground="manner", reason="nobody came")]))[0])
    assert sent.subject == str(ELSEWHERE)
    assert sent.data == do.Rate(actor=ACTOR, satisfied=False, ground="manner", reason="nobody came")


async def test_the_same_word_again_is_the_same_command_and_another_is_another() -> None:
    handler = RatingHandler(Receipts(receipt("r1")))
    first, again, other = [command(each).id for each in await handler([rated(), rated(), rated(id_="r1/b")])]
    assert first == again != other


async def test_who_has_not_the_code_or_no_problem_has_no_say() -> None:
    receipts = Receipts(receipt("r1"), receipt("r2", problem_id=None), receipt("r3", handle=None))
    batch = [rated(handle="sha256:theirs"), rated("r2"), rated("r3"), rated("r4")]
    answers = await RatingHandler(receipts)(batch)
    codes = [answer.code for answer in answers if isinstance(answer, SetAside)]
    assert codes == ["other_code", "unknown_report", "other_code", "unknown_report"]
