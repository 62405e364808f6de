"""Dead letters: every family of headers is read, and what goes back is what came."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from aiokafka import ConsumerRecord

from duban.errors import Undecodable
from duban.io.dead_letters import dead_letter
from duban.messages.audit import LetterPlace, LetterReplayed, ReplayStep
from duban_console.kafka.audit import Replays
from duban_console.kafka.dead_letters import (
    LetterCounts,
    Unreturnable,
    Which,
    as_it_came,
    home_of,
    reason_of,
    returned,
)
from duban_console.kafka.record_format import written_out

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)


def letter(headers: tuple[tuple[str, bytes], ...] = (("ce_id", b"7"),)) -> list[tuple[str, bytes | None]]:
    """The headers under which our own services lay a record aside."""
    record = ConsumerRecord("duban.reports.v1", 2, 41, 0, 0, b"k", b"v", None, 1, 1, headers)
    fault = Undecodable("not_json", "line 1")
    return list(
        dead_letter(
            record, "duban-intake", fault, code="not_json", attempts=1, retryable=False, most_bytes=1_000_000
        ).headers
    )


def test_the_reason_that_our_services_write_is_read_back() -> None:
    reason = reason_of(letter())
    assert (reason.code, reason.message) == ("not_json", "not_json: line 1")
    assert (reason.topic, reason.partition, reason.offset) == ("duban.reports.v1", 2, 41)
    assert (reason.group, reason.retryable) == ("duban-intake", False)


def test_the_reason_that_kafka_connect_writes_is_read() -> None:
    reason = reason_of(
        [
            ("__connect.errors.topic", b"orders"),
            ("__connect.errors.partition", b"3"),
            ("__connect.errors.offset", b"12"),
            ("__connect.errors.exception.class.name", b"org.apache.kafka.DataException"),
            ("__connect.errors.exception.message", b"no schema"),
        ]
    )
    assert (reason.code, reason.message) == ("DataException", "no schema")
    assert (reason.topic, reason.partition, reason.offset) == ("orders", 3, 12)


def test_the_reason_that_spring_writes_is_read_with_its_binary_numbers() -> None:
    reason = reason_of(
        [
            ("kafka_dlt-original-topic", b"orders"),
            ("kafka_dlt-original-partition", struct.pack(">i", 5)),
            ("kafka_dlt-original-offset", struct.pack(">q", 1 << 40)),
            ("kafka_dlt-original-consumer-group", b"billing"),
            ("kafka_dlt-exception-fqcn", b"java.lang.IllegalStateException"),
        ]
    )
    assert (reason.topic, reason.partition, reason.offset, reason.group) == ("orders", 5, 1 << 40, "billing")
    assert reason.code == "IllegalStateException"


def test_a_letter_without_any_of_them_has_no_known_reason() -> None:
    assert reason_of([("ce_id", b"7")]).code == "unknown"


def test_what_goes_back_has_lost_its_error_headers_and_gained_who_sent_it_and_why() -> None:
    came = as_it_came(letter())
    back = returned(home_of("any.dlq", letter()), b"k", None, came, id_="r1", by="li", why="mended")
    assert (back.topic, back.key, back.value) == ("duban.reports.v1", b"k", None)
    assert back.headers == (
        ("ce_id", b"7"), ("duban.replay.id", b"r1"), ("duban.replay.by", b"li"), ("duban.replay.reason", b"mended"),
    )  # fmt: skip


def test_headers_that_a_record_came_with_are_its_own_whatever_they_are_called() -> None:
    own = (("duban.dlq.code", b"mine"), ("__streams.errors.exception", b"mine"), ("kafka_dlt-x", b"1"))
    assert tuple(as_it_came(letter(own))) == own
    assert reason_of(letter(own)).code == "not_json"


def test_of_what_others_laid_aside_their_error_headers_are_left_out() -> None:
    spring, connect = ("kafka_dlt-exception-message", b"x"), ("__connect.errors.stage", b"VALUE_CONVERTER")
    assert list(as_it_came([spring, ("ce_id", b"7"), connect])) == [("ce_id", b"7")]


def test_the_topic_follows_from_the_group_where_no_header_names_it() -> None:
    headers = [("duban.dlq.group", b"duban-intake")]
    assert home_of("a.b.duban-intake.dlq", headers) == "a.b"
    with pytest.raises(Unreturnable, match="no header says which topic"):
        home_of("a.b.other.dlq", headers)


def test_the_bytes_of_a_batch_that_could_not_be_read_are_no_record_to_send() -> None:
    with pytest.raises(Unreturnable, match="a whole batch"):
        home_of("any.dlq", letter((("duban.unreadable", b"lz4"),)))


def test_letters_of_one_kind_are_counted_together_the_most_frequent_first() -> None:
    counts = LetterCounts()
    for n, (code, words) in enumerate([("b", "no 17"), ("a", "x"), ("b", "no 4"), ("b", "other")]):
        reason = replace(reason_of([]), code=code, message=words)
        counts.add("t.dlq", reason, AT + timedelta(minutes=n), sent_back=n == 2)
    counted = [(one.code, one.gist, one.letters, one.sent_back) for one in counts.in_order()]
    assert counted == [("b", "no #", 2, 1), ("a", "x", 1, 0), ("b", "other", 1, 0)]
    assert [one.first_at for one in counts.in_order()] == [AT, AT + timedelta(minutes=1), AT + timedelta(minutes=3)]
    assert counts.in_order()[0].last_at == AT + timedelta(minutes=2)


@pytest.mark.parametrize(
    ("message", "gist"),
    [
        ("problem 6f1b0a5e-0d7e-5c1b-9a37-2f6d7562616e is gone", "problem # is gone"),
        ("the hash 00ff00ff00ff00ff differs", "the hash # differs"),
        ("version 3 of deadbeef-land, added", "version # of deadbeef-land, added"),
        ("x" * 500, "x" * 160),
    ],
)
def test_ids_and_numbers_are_left_out_of_the_gist_and_words_are_not(message: str, gist: str) -> None:
    assert replace(reason_of([]), message=message).gist == gist


def test_letters_are_chosen_by_code_by_what_the_reason_says_and_by_when_they_came() -> None:
    reason = replace(reason_of([]), code="fault", message="No area")
    assert Which().everything
    assert Which("fault", "no AREA", AT).takes(reason, AT)
    assert not Which("other").takes(reason, AT)
    assert not Which(because="unit").takes(reason, AT)
    assert not Which(since=AT).takes(reason, AT - timedelta(microseconds=1))


def line(replay: int, step: ReplayStep, *, again: bool = False) -> LetterReplayed:
    place = LetterPlace(topic="a.g.dlq", partition=0, offset=1)
    return LetterReplayed(
        replay=UUID(int=replay), step=step, letter=place, to="a", code="x", size=1, sha256="", by=f"nr {replay}",
        reason="r", at=AT, again=again,
    )  # fmt: skip


BEGUN, SENT, FAILED = ReplayStep.BEGUN, ReplayStep.SENT, ReplayStep.FAILED


@pytest.mark.parametrize(
    ("lines", "holder"),
    [
        ([], None),
        ([line(1, BEGUN)], (1, BEGUN)),
        ([line(1, BEGUN), line(2, BEGUN), line(1, SENT), line(2, SENT)], (1, SENT)),
        ([line(1, BEGUN), line(1, FAILED)], None),
        ([line(1, BEGUN), line(2, BEGUN), line(2, FAILED)], (1, BEGUN)),
        ([line(1, BEGUN), line(1, FAILED), line(2, BEGUN)], (2, BEGUN)),
        ([line(1, BEGUN), line(1, SENT), line(2, BEGUN, again=True)], (2, BEGUN)),
        ([line(1, BEGUN), line(1, SENT), line(2, BEGUN, again=True), line(2, FAILED)], (1, SENT)),
    ],
)
def test_whoever_began_first_has_a_letter_in_hand(
    lines: list[LetterReplayed], holder: tuple[int, ReplayStep] | None
) -> None:
    latest = Replays(lines).latest(LetterPlace(topic="a.g.dlq", partition=0, offset=1))
    assert (latest and (latest.replay.int, latest.step)) == holder


def raw(value: bytes | None, *headers: tuple[str, bytes]) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord("t.dlq", 0, 0, 0, 0, b"k", value, None, 1, 1, headers)


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        (None, ["–"]),
        (rb'{"a": "\u001b"}', ["{", r'  "a": "\u001b"', "}"]),
        ('{"a": "\u202e\x9b"}'.encode(), ["{", r'  "a": "\u202e\x9b"', "}"]),
        (b"plain\nand \x1b[2J", ["plain", "and \\x1b[2J"]),
        (b"\xff[A]\x00", ["00000000  ff 5b 41 5d 00                                   .[A]."]),
        ("好好好".encode(), ["好好", "… of 9 bytes"]),
    ],
)
def test_a_value_is_written_out_so_that_no_terminal_obeys_it(value: bytes | None, rows: list[str]) -> None:
    assert written_out(raw(value), 8 if value and b"\xe5" in value else None) == rows


def test_the_code_of_a_reward_is_not_shown_whatever_the_record_is() -> None:
    collect = ("ce_type", b"duban.command.collect")
    assert "7K3M" not in "".join(written_out(raw(b'{"code": "7K3M"}', collect)))
    assert written_out(raw(b'{"code": "7K3M"', collect)) == ["(not shown)"]
