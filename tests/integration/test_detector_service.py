"""The detector on the real broker: members come, are killed and leave, and every episode is reported, once."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest
from aiokafka import AIOKafkaConsumer
from msgspec.structs import replace

from duban.io.publisher import Publisher
from duban.messages.envelope import Record, encode
from duban.messages.readings import StationReadings
from duban.messages.report import Location, Report
from duban_cli.system import System
from duban_detector.domain.episode_reports import SOURCE, episode_report
from duban_detector.domain.evaluation import evaluated
from tests.conftest import eventually
from tests.given import small_rules
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
    """What the detector has put among the reports, by id: every body under it, and how often it came."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self.bodies: dict[str, set[bytes]] = {}
        self.records: list[Record] = []

    async def read(self) -> None:
        consumer = AIOKafkaConsumer(Report.TOPIC, bootstrap_servers=self._kafka, auto_offset_reset="earliest")
        await consumer.start()
        try:
            while True:
                record = await consumer.getone()
                headers = dict(record.headers)
                if headers["ce_source"] == SOURCE.encode():
                    self.bodies.setdefault(headers["ce_id"].decode(), set()).add(record.value or b"")
        finally:
            await consumer.stop()


async def another(system: System) -> asyncio.subprocess.Process:
    """A second member of the group."""
    env = {**os.environ, **system.services["detector"].env, "DUBAN_HEALTH_PORT": "0"}
    with (system.folder / "logs/detector-2.log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "duban_detector", env=env, stdout=log, stderr=log
        )


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
        await publisher.publish(records[:third])
        await eventually(lambda: len(reported.bodies) > 10)
        await system.kill("detector")
        await publisher.publish(records[third : 2 * third])
        await system.ready("detector")
        await eventually(lambda: len(reported.bodies) > len(wanted) // 3)
        second.terminate()
        await publisher.publish(records[2 * third - 50 :])  # some of them again
        assert await second.wait() == 0
        await eventually(lambda: reported.bodies.keys() >= wanted.keys())
    assert reported.bodies == {id_: {body} for id_, body in wanted.items()}
