"""A broker that lets nobody do what no ACL says: who we are to it, and what it says of a right that is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from duban.errors import NotGranted, SettingsError
from duban.io.availability import dependency
from duban.io.broker import connection, durability, refusal
from duban.io.consumer import Runner, Source
from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.io.tail import present_records
from duban.messages.envelope import Record
from duban_cli.kafka_admin import KafkaAdministration
from duban_local import topics
from duban_local.certificates import Authority
from duban_local.kafka import ADMINISTRATOR, Broker
from duban_local.stack import silent
from tests.conftest import eventually

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
        kafka_certificate=broker.authority.issue(name), publish_timeout=10.0,
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
        async with asyncio.timeout(60):
            await action(known_by(broker, "duban-router"))
    assert "kafka-acls --add --allow-principal 'User:CN=duban-router'" in str(refused.value)


async def with_password(broker: Broker, known: Settings, word: str) -> None:
    """Have the broker know the user of ``known`` by ``word``."""
    assert known.kafka_user is not None
    await KafkaAdministration(known_by(broker, ADMINISTRATOR)).set_passwords({known.kafka_user: word}, "SCRAM-SHA-512")


@pytest.fixture
async def by_password(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a principal that may do everything, with its password in the file ``password``."""
    file = tmp_path / "password"
    file.write_text("the first password\n")
    monkeypatch.setenv("DUBAN_KAFKA_PASSWORD_FILE", str(file))
    assert broker.authority is not None
    known = Settings.load(
        kafka=broker.address, kafka_security="SASL_SSL", kafka_ca=broker.authority.file, kafka_user=ADMINISTRATOR,
        publish_timeout=10.0,
    )  # fmt: skip
    await with_password(broker, known, "the first password")
    return known


@pytest.mark.parametrize("action", [publish, read, join, look])
async def test_a_password_that_the_broker_refuses_is_told_with_whose_it_is_and_what_to_do(
    broker: Broker, by_password: Settings, tmp_path: Path, action: Callable[[Settings], Any]
) -> None:
    (tmp_path / "password").write_text("not the first\n")
    with pytest.raises(NotGranted) as refused:
        async with asyncio.timeout(60):
            await action(by_password)
    said = str(refused.value)
    assert f"User:{ADMINISTRATOR} is refused by the brokers, by SCRAM-SHA-512: Authentication failed" in said
    assert f"{tmp_path}/password (DUBAN_KAFKA_PASSWORD_FILE), which is read anew" in said
    assert dependency(refused.value) == "broker"
    (tmp_path / "password").write_text("the first password\n")
    async with asyncio.timeout(60):
        await publish(by_password)
        assert refusal(by_password) is None


async def test_a_password_that_is_changed_at_the_broker_and_in_its_file_is_taken_up_by_who_runs(
    broker: Broker, by_password: Settings, tmp_path: Path
) -> None:
    publisher = Publisher(by_password)
    await publisher.start()
    await publisher.publish([RECORD])
    await with_password(broker, by_password, "the second password")
    await publisher.publish([RECORD])  # connections that are open go on
    producer = publisher._producer
    assert producer is not None
    for link in list(producer.client._conns.values()):
        link.close()
    with pytest.raises(NotGranted, match="is refused by the brokers"):
        await publisher.publish([RECORD])
    with pytest.raises(NotGranted, match="is refused by the brokers"):
        await publisher.reachable()
    (tmp_path / "password").write_text("the second password\n")

    async def reached() -> bool:
        try:
            return await publisher.reachable()
        except NotGranted:
            return False

    await eventually(reached)
    await publisher.publish([RECORD])
    await publisher.stop()


def test_who_is_to_show_a_password_and_has_none_is_told() -> None:
    with pytest.raises(SettingsError, match="SASL_SSL: set DUBAN_KAFKA_USER and DUBAN_KAFKA_PASSWORD"):
        connection(Settings(kafka_security="SASL_SSL", kafka_user="duban-router"), "duban")
