"""Dead letters: every family of headers is read, and what goes back is what came."""

from __future__ import annotations

import struct

import pytest
from aiokafka import ConsumerRecord

from duban.errors import Undecodable
from duban.io.dead_letters import dead_letter
from duban_console.kafka.dead_letters import counted, reason_of, returned


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
    spring = ("kafka_dlt-exception-message", b"x")
    connect = ("__connect.errors.stage", b"VALUE_CONVERTER")
    back = returned("any.dlq", b"k", None, [*letter(), spring, connect], id_="r1", by="li", why="mended")
    assert (back.topic, back.key, back.value) == ("duban.reports.v1", b"k", None)
    assert back.headers == (
        ("ce_id", b"7"), ("duban.replay.id", b"r1"), ("duban.replay.by", b"li"), ("duban.replay.reason", b"mended"),
    )  # fmt: skip


def test_the_topic_follows_from_the_group_where_no_header_names_it() -> None:
    headers = [("duban.dlq.group", b"duban-intake")]
    assert returned("a.b.duban-intake.dlq", b"", b"", headers, id_="", by="", why="").topic == "a.b"
    with pytest.raises(ValueError, match="no header says which topic"):
        returned("a.b.other.dlq", b"", b"", headers, id_="", by="", why="")


def test_codes_are_counted_the_most_frequent_first() -> None:
    headers = ([("duban.dlq.code", b"b")], [("duban.dlq.code", b"a")], [("duban.dlq.code", b"b")])
    assert list(counted(map(reason_of, headers)).items()) == [("b", 2), ("a", 1)]
