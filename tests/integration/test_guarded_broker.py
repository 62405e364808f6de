"""A broker that lets nobody do what no ACL says: who we are to it, and what it says of a right that is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from duban.errors import NotGranted, SettingsError
from duban.io.broker import connection, durability
from duban.io.consumer import Runner, Source
from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.io.tail import present_records
from duban.messages.envelope import Record
from duban_local import topics
from duban_local.certificates import Authority
from duban_local.kafka import ADMINISTRATOR, Broker
from duban_local.stack import silent

pytestmark = pytest.mark.stack

COMMANDS = "duban.commands.v1"
RECORD = Record(COMMANDS, b"key", b"{}", ())


@pytest.fixture(scope="module")
async def broker() -> AsyncIterator[Broker]:
    with TemporaryDirectory(prefix="duban-tests-") as place:
        authority = Authority(Path(place) / "authority")
        guarded = Broker(Path(place) / "kafka", 0, log=Path(place) / "kafka.log", say=silent, authority=authority)
        await guarded.start()
        try:
            client = guarded.administrator()
            await topics.apply(client.pop("bootstrap_servers"), [topics.Topic(COMMANDS, 1, {})], **client)
            yield guarded
        finally:
            await guarded.stop()


def known_by(broker: Broker, name: str) -> Settings:
    """Settings of who shows a certificate with ``name``."""
    assert broker.authority is not None
    return Settings(
        kafka=broker.certified, kafka_security="SSL", kafka_ca=broker.authority.file,
        kafka_certificate=broker.authority.issue(name), publish_timeout=5.0,
    )  # fmt: skip


async def test_a_certificate_that_is_renewed_on_disk_is_shown_without_a_new_start(broker: Broker) -> None:
    assert broker.authority is not None
    settings = known_by(broker, ADMINISTRATOR)
    publisher = Publisher(settings)
    await publisher.start()
    await publisher.publish([RECORD])
    broker.authority.issue(ADMINISTRATOR)
    producer = publisher._producer
    assert producer is not None
    for link in list(producer.client._conns.values()):
        link.close()  # as when the broker is started again
    await publisher.publish([RECORD])
    await publisher.stop()
    assert [record.value async for record in present_records(settings, COMMANDS, {})] == [b"{}", b"{}"]


async def handled(_: Any) -> list[Any]:
    return []


async def publish(settings: Settings) -> None:
    publisher = Publisher(settings)
    try:
        await publisher._connected()
    finally:
        await publisher.stop()


async def read(settings: Settings) -> None:
    async for _ in present_records(settings, COMMANDS, {}):
        pass


async def join(settings: Settings) -> None:
    await Runner(settings, "duban-router", [Source((COMMANDS,), {}, handled)], Publisher(settings))._join()


async def look(settings: Settings) -> None:
    await durability(settings, [COMMANDS])


@pytest.mark.parametrize(
    ("action", "missing"),
    [
        (publish, "IdempotentWrite on the cluster"),
        (read, f"Read on topic {COMMANDS}"),
        (join, f"Read on topic {COMMANDS}"),
        (look, f"Describe on topic {COMMANDS}"),
    ],
)
async def test_a_right_that_is_missing_is_named_with_whose_it_is_and_how_it_is_granted(
    broker: Broker, action: Callable[[Settings], Any], missing: str
) -> None:
    with pytest.raises(NotGranted, match=f"User:CN=duban-router lacks the ACL {missing}") as refused:
        async with asyncio.timeout(10):
            await action(known_by(broker, "duban-router"))
    assert "kafka-acls --add --allow-principal 'User:CN=duban-router'" in str(refused.value)


def test_who_is_to_show_a_password_and_has_none_is_told() -> None:
    with pytest.raises(SettingsError, match="SASL_SSL: set DUBAN_KAFKA_USER and DUBAN_KAFKA_PASSWORD"):
        connection(Settings(kafka_security="SASL_SSL", kafka_user="duban-router"), "duban")
