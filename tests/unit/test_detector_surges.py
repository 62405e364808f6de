"""Surges: many reports from one area at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from duban.messages.envelope import Message
from duban.messages.report import Report
from duban_detector.domain.surges import Surges
from duban_intake.domain import submitted
from tests.given import report, small_rules

T0 = datetime(2026, 3, 1, tzinfo=UTC)


def sent(minutes: float, number: object, **fields: Any) -> tuple[Message[Report], datetime]:
    at = T0 + timedelta(minutes=minutes)
    return submitted("hotline", str(number), report(**{"area": "north", **fields}), at), at


def told(*arrived: tuple[Message[Report], datetime]) -> list[Message[Report]]:
    surges = Surges()
    return [surge for message, at in arrived for surge in surges.take(message, at, small_rules())]


def test_so_many_reports_within_the_time_are_one_more() -> None:
    [surge] = told(sent(0, 1), sent(4, 2), sent(9, 3), sent(9.5, 4))
    assert (surge.data.category, surge.data.channel, surge.data.area) == ("other", "patrol", "north")
    assert "at least 3 reports" in surge.data.text


def test_fewer_or_farther_apart_or_elsewhere_are_none() -> None:
    assert told(sent(0, 1), sent(4, 2)) == []
    assert told(sent(0, 1), sent(5, 2), sent(10, 3)) == [], "ten minutes are over"
    assert told(sent(0, 1), sent(1, 2), sent(2, 3, area="south")) == []
    assert told(sent(0, 1), sent(1, 2), sent(2, 3, category="noise")) == []
    assert told(sent(0, 1), sent(1, 2), sent(2, 3, channel="patrol")) == []
    assert told(sent(0, 1), sent(1, 2), sent(2, 2)) == [], "the same report again"
    assert told(sent(0, 1), sent(1, 2), sent(2, 3, continues="1")) == [], "no further report"


def test_what_lasts_goes_on_with_what_was_told_before() -> None:
    first, second = told(*(sent(3 * number, number) for number in range(6)))
    assert first.data.continues is None
    assert second.data.continues == first.id
    assert first.key == second.key, "they stay in order"


def test_whoever_begins_to_read_later_or_in_another_order_says_the_same() -> None:
    arrived = [sent(2 * number, number) for number in range(60)]
    surges = told(*arrived)
    assert len(surges) == 12
    # Four stretches back, from wherever it begins: what it says of the last ones is the same.
    assert told(*arrived[-20:])[-2:] == surges[-2:]
    shuffled = list(_nearly(arrived))
    assert {surge.id for surge in told(*shuffled)} == {surge.id for surge in surges}


def _nearly(arrived: list[Any]) -> Iterator[Any]:
    """The same, as partitions are read: a few at a time out of order."""
    random = Random(7)
    for start in range(0, len(arrived), 5):
        few = arrived[start : start + 5]
        random.shuffle(few)
        yield from few
