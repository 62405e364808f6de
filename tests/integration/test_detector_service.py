"""The detector on the real broker: members come, are killed and leave, and every episode is reported, once."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import httpx2
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec.structs import replace

from duban.io.publisher import Placed, Publisher
from duban.messages.envelope import decode, encode
from duban.messages.readings import StationReadings
from duban.messages.report import Location, Report
from duban_cli.system import System
from duban_detector.domain.episode_reports import SOURCE, episode_report
from duban_detector.domain.evaluation import evaluated
from duban_detector.worker import GROUP, MEMORY_TOPIC
from duban_intake.domain import submitted
from duban_local.topics import declared
from tests.conftest import eventually
from tests.given import report, small_rules
from tests.stations import message, rules, series

pytestmark = pytest.mark.stack
STATIONS = ("Dongsi", "Gucheng", "Huairou", "Tiantan")
AWAY = Location(latitude=47.0, longitude=88.0)


def played() -> list[StationReadings]:
    """The real series of a few stations, far from where other tests report."""
    return [replace(data, location=AWAY) for data in series() if data.station in STATIONS]


def expected(played_: Sequence[StationReadings]) -> dict[str, bytes]:
    """The reports that the plain evaluation finds, by their ids."""
    by_id = {rule.id: rule for rule in rules()}
    happenings = evaluated([(data, data.at) for data in played_], {"smallville": rules()})
    messages = [episode_report(one, by_id[one.episode.rule], small_rules().zone) for one in happenings]
    return {one.id: encode(one).value for one in messages}


class Reported:
    """What the detector has reported of the stations, by id: every body under it. Other tests raise surges besides."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self.bodies: dict[str, set[bytes]] = {}

    async def read(self) -> None:
        consumer = AIOKafkaConsumer(Report.TOPIC, bootstrap_servers=self._kafka, auto_offset_reset="earliest")
        await consumer.start()
        try:
            while True:
                record = await consumer.getone()
                headers = dict(record.headers)
                if headers["ce_source"] == SOURCE.encode() and of_station(record.value):
                    self.bodies.setdefault(headers["ce_id"].decode(), set()).add(record.value or b"")
        finally:
            await consumer.stop()


def of_station(body: bytes | None) -> bool:
    """Whether ``body`` is a report of one of the stations."""
    return json.loads(body or b"{}").get("attributes", {}).get("station") in STATIONS


async def another(system: System) -> asyncio.subprocess.Process:
    """A second member of the group."""
    env = {**os.environ, **system.services["detector"].env, "DUBAN_HEALTH_PORT": "0"}
    with (system.folder / "logs/detector-2.log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "duban_detector", env=env, stdout=log, stderr=log
        )


def ended(process: asyncio.subprocess.Process) -> None:
    """See to it that ``process`` does not outlive its test."""
    if process.returncode is None:
        process.kill()


async def test_members_come_are_killed_and_leave_and_every_episode_is_reported_once(system: System) -> None:
    data = played()
    records = [encode(message(one)) for one in data]
    third = len(records) // 3
    wanted = expected(data)
    reported = Reported(system.kafka)
    async with AsyncExitStack() as stack:
        publisher = Publisher(system.settings, "duban-tests")
        await publisher.start()
        stack.push_async_callback(publisher.stop)
        reading = asyncio.create_task(reported.read())
        stack.callback(reading.cancel)
        second = await another(system)
        stack.callback(ended, second)
        await publisher.publish(records[:third])
        await eventually(lambda: len(reported.bodies) > 10, within=90)
        await system.kill("detector")
        await publisher.publish(records[third : 2 * third])
        await system.ready("detector")
        await eventually(lambda: len(reported.bodies) > len(wanted) // 3, within=90)
        second.terminate()
        await publisher.publish(records[2 * third - 50 :])  # some of them again
        assert await asyncio.wait_for(second.wait(), 60) == 0
        await eventually(lambda: reported.bodies.keys() >= wanted.keys(), within=90)
    assert reported.bodies == {id_: {body} for id_, body in wanted.items()}


async def test_what_faust_does_not_bring_is_read_from_the_topic(system: System) -> None:
    async with AsyncExitStack() as stack:
        publisher = Publisher(system.settings, "duban-tests")
        await publisher.start()
        stack.push_async_callback(publisher.stop)
        group = AIOKafkaConsumer(bootstrap_servers=system.kafka, group_id=GROUP, enable_auto_commit=False)
        await group.start()
        stack.push_async_callback(group.stop)
        [count] = [topic.partitions for topic in declared() if topic.name == StationReadings.TOPIC]
        places = [TopicPartition(StationReadings.TOPIC, number) for number in range(count)]
        group.assign(places)
        of_topic = await group.end_offsets(places)
        end, place = max((end, place) for place, end in of_topic.items())
        assert end >= 3, "readings of the test before"
        whole = {place.partition: end for place, end in of_topic.items() if end}

        async def is_at_rest() -> bool:
            acknowledged = {each.partition: await group.committed(each) for each in places if of_topic[each]}
            return acknowledged == whole == await positions(system.kafka)

        await eventually(is_at_rest, within=60)
        # Faust has acknowledged more than was remembered.
        behind = Placed(MEMORY_TOPIC, place.partition, f"@{place.partition}".encode(), b"%d" % (end - 3))
        await publisher.publish([behind])
        await system.restart("detector")
        await eventually(lambda: read_again(system), within=60)


async def positions(kafka: str) -> dict[int, int]:
    """What is to be read next of each partition, as the detector remembers it for whoever comes after it."""
    found: dict[int, int] = {}
    async with AIOKafkaConsumer(MEMORY_TOPIC, bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found |= {int(record.key[1:]): int(record.value) for record in records if record.key.startswith(b"@")}
    return found


async def read_again(system: System) -> bool:
    """Whether the detector has read three records that Faust did not bring, and nothing is left to it."""
    async with httpx2.AsyncClient(base_url=system.health["detector"], timeout=60) as client:
        lines = (await client.get("/metrics")).text.splitlines()
    left = [line for line in lines if line.startswith("duban_lag_records{")]
    return "duban_detector_overlooked_total 3.0" in lines and all(line.endswith(" 0.0") for line in left)


async def test_many_reports_from_one_area_are_one_more(system: System) -> None:
    area, at = f"{SOURCE}/smallville/many/south", datetime.now(UTC)
    reports = [encode(submitted("crowd", str(number), report(area="south", location=None), at)) for number in range(3)]
    publisher = Publisher(system.settings, "duban-tests")
    await publisher.start()
    consumer = AIOKafkaConsumer(Report.TOPIC, bootstrap_servers=system.kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        await publisher.publish(reports)
        async with asyncio.timeout(60):
            while (record := await consumer.getone()).key != area.encode():
                pass
        told = decode(record.key, record.value, record.headers, {Report.TYPE: Report})
        assert (told.source, told.data.area, told.data.attributes) == (SOURCE, "south", {"rule": "many"})
    finally:
        await consumer.stop()
        await publisher.stop()
