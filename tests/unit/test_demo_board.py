"""The live table of the demo, as it is printed."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from uuid import UUID
from zoneinfo import ZoneInfo

from rich.console import Console

from duban.io.settings import Settings
from duban.messages import struct
from duban.messages.notices import Notice
from duban.moves import Kind
from duban_cli.demo.board import board
from duban_cli.demo.feed import Feed

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)


def printed(feed: Feed, zone: ZoneInfo | None) -> str:
    console = Console(file=StringIO(), width=160)
    console.print(board(feed, AT, 0.5, zone, {}))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_clock_shows_the_time_of_the_city_that_is_played() -> None:
    feed = Feed(Settings())
    assert "2022-04-06 10:00 +08:00" in printed(feed, ZoneInfo("Asia/Shanghai"))
    assert "2022-04-06 02:00Z" in printed(feed, None)


def test_what_no_measure_brought_is_told_by_its_event() -> None:
    feed = Feed(Settings())
    notice = Notice(
        recipient="water", kind=Kind.PROBLEM, event="dispatched", problem_id=UUID(int=1), number="S-1", title="foam",
        owner="water", lapse_at=AT, text="please act", issued_at=AT,
    )  # fmt: skip
    feed.notices += [notice, struct.replace(notice, event="lapsed", measure="reminder")]
    told = printed(feed, None)
    assert "dispatched           → water: please act" in told
    assert "reminder             → water" in told
