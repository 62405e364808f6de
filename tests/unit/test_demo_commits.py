"""What the broker's topic of commits says, read byte by byte."""

from __future__ import annotations

import struct

from aiokafka import TopicPartition

from duban_cli.demo.commits import Commits

PLACE = TopicPartition("duban.commands.v1", 2)


def key(version: int, group: str, place: TopicPartition) -> bytes:
    words = [struct.pack(">h", len(word)) + word for word in (group.encode(), place.topic.encode())]
    return struct.pack(">h", version) + b"".join(words) + struct.pack(">i", place.partition)


def value(offset: int) -> bytes:
    return struct.pack(">hqi", 3, offset, -1) + b"\x00\x00" + struct.pack(">q", 1_700_000_000_000)


def test_the_latest_commit_of_a_group_stands_until_the_broker_forgets_it() -> None:
    commits = Commits()
    commits.take(key(1, "duban-router", PLACE), value(7))
    commits.take(key(1, "duban-router", PLACE), value(9))
    assert commits.of("duban-router", PLACE) == 9
    assert commits.of("duban-intake", PLACE) is None
    commits.take(key(1, "duban-router", PLACE), None)
    assert commits.of("duban-router", PLACE) is None


def test_what_the_topic_says_of_a_groups_members_is_no_commit() -> None:
    commits = Commits()
    commits.take(struct.pack(">hh", 2, 12) + b"duban-router", b"\x00\x03consumer")
    assert commits.of("duban-router", PLACE) is None
