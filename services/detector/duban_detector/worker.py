"""The Faust app: readings in their order, what stations are remembered by in a table, reports out before the table.

Faust acknowledges events of its own accord, also when what was made of them raised; here each is acknowledged by hand,
after its reports are with the broker and the table has been told. Its changelog is flushed before offsets are
committed. So readings that come again after a crash find a table that may know them already, and then their reports
are out; else they give the same reports again, which intake drops by their ids.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import faust
import structlog
from faust.types import TP

from duban.errors import DubanError, Undecodable
from duban.io.aside import Aside, Committed
from duban.io.availability import is_unavailable
from duban.io.backoff import until_available
from duban.io.decode import delivery
from duban.io.metrics import LAG, PARTITIONS, RECORDS
from duban.io.publisher import Publisher, partition_of
from duban.messages.envelope import Record
from duban.messages.readings import READINGS, StationReadings
from duban_detector.handlers import Judged, ReadingHandler, station_key
from duban_detector.metrics import JUDGED, REPORTS, STATE_BYTES, STATIONS
from duban_detector.settings import DetectorSettings

GROUP: Final = "duban-detector"
#: What stations are remembered by: Faust's changelog of the table. It is made by `duban topics apply`, not by Faust.
MEMORY_TOPIC: Final = "duban.detector.v1"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A record as Faust has it, in the shape of a client's."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class DetectorApp:
    """One member of the detector's group; ``run`` returns after ``stop``, with what is in hand finished."""

    def __init__(self, settings: DetectorSettings, handler: ReadingHandler, publisher: Publisher) -> None:
        self.group = GROUP + settings.group_suffix
        self._settings = settings
        self._handler = handler
        self._publisher = publisher
        self._aside = Aside(publisher, self.group, settings.max_record_bytes)
        self._stopping = asyncio.Event()
        self._faulty: Exception | None = None
        self._done: dict[int, int] = {}
        self._sizes: dict[bytes, int] = {}
        self._silences: set[str] = set()
        self._app = _app(self.group, settings)
        self._topic = _bytes_topic(self._app, StationReadings.TOPIC)
        changelog = _bytes_topic(self._app, MEMORY_TOPIC, compacting=True, acks=False, internal=True, allow_empty=True)
        self._memory: Any = self._app.Table(
            "stations", key_type=bytes, value_type=bytes, changelog_topic=changelog, partitions=None
        )
        self._app.agent(self._topic, name="readings")(self._watch)

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned, and what their stations are remembered by has been read."""
        app = self._app
        return bool(app.started and not app.rebalancing and not app.in_recovery and not self._stopping.is_set())

    @property
    def remembered(self) -> int:
        """How many stations are remembered."""
        return len(self._memory)

    def stop(self) -> None:
        """Take nothing more; ``run`` returns when what is in hand is finished."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until ``stop``.

        Raises:
            DubanError: Faust gave up, or a dead letter could not be laid aside.
        """
        await until_available("broker", self._app.start)
        listening = asyncio.create_task(self._listen())
        try:
            await self._ended()
        finally:
            listening.cancel()
            await self._app.stop()
        reason = self._faulty or self._app.crash_reason
        if reason is not None:
            raise DubanError(f"the detector gave up: {type(reason).__name__}: {reason}") from reason

    async def _ended(self) -> None:
        while not self._stopping.is_set() and not self._app.should_stop and self._app.crash_reason is None:
            await asyncio.sleep(0.1)
            self._measure()

    async def _watch(self, stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                await self._take(event)
            except Exception as error:
                self._faulty = error
                self._stopping.set()
                raise
            await stream.ack(event)

    async def _take(self, event: Any) -> None:
        """Have one record judged: its reports go out, then the table is told."""
        record = _fetched(event.message)
        RECORDS.labels(self.group, record.topic).inc()
        try:
            readings = delivery(record, READINGS)  # type: ignore[arg-type]
            key = station_key(readings.message.data)
            judged = self._handler(readings, self._memory.get(key))
        except Undecodable as error:
            await self._lay_aside(record, error, error.code)
            judged, key = Judged("undecodable"), b""
        except Exception as error:
            if is_unavailable(error):
                raise
            await self._lay_aside(record, error, "fault")
            judged, key = Judged("fault"), b""
        await self._publish(judged.reports)
        if judged.remembered is not None:
            self._memory[key] = judged.remembered
            self._sizes[key] = len(judged.remembered)
        JUDGED.labels(judged.outcome).inc()
        self._done[record.partition] = record.offset + 1

    async def _publish(self, reports: Sequence[Record]) -> None:
        if reports:
            await until_available("broker", partial(self._publisher.publish, reports))
            REPORTS.inc(len(reports))

    async def _lay_aside(self, record: _Fetched, error: Exception, code: str) -> None:
        committed = Committed(
            record.topic, record.partition, record.offset, record.key or b"", record.value or b"", record.headers,
            error, code,
        )  # fmt: skip
        await until_available("broker", partial(self._aside, [committed]))

    async def _listen(self) -> None:
        """Look from time to time at which stations have fallen silent; each silence is told once a process."""
        while True:
            await asyncio.sleep(self._settings.detector_listen)
            if not self.ready:
                continue
            own = [data async for data in self._up_to_date()]
            reports = [report for report in self._handler.silences(own) if report.key.decode() not in self._silences]
            await self._publish(reports)
            self._silences |= {report.key.decode() for report in reports}

    async def _up_to_date(self) -> AsyncIterator[bytes]:
        """What the stations are remembered by of whom nothing lies unread in the topic."""
        places = [place for place in self._app.consumer.assignment() if place.topic == StationReadings.TOPIC]
        ends = await self._app.consumer.highwaters(*places)
        read = {place.partition for place in places if await self._is_read(place, ends.get(place) or 0)}
        partitions = self._app.consumer.topic_partitions(StationReadings.TOPIC) or 1
        for key, data in list(self._memory.items()):
            station = key.decode().partition("/")[2].encode()
            if partition_of(station, partitions) in read:
                yield data

    async def _is_read(self, place: TP, end: int) -> bool:
        done = self._done.get(place.partition)
        return (await self._app.consumer.position(place) if done is None else done) >= end

    def _measure(self) -> None:
        consumer = self._app.consumer
        places = [place for place in consumer.assignment() if place.topic == StationReadings.TOPIC]
        PARTITIONS.labels(self.group).set(len(places))
        STATIONS.set(len(self._memory))
        STATE_BYTES.set(sum(self._sizes.values()))
        LAG.labels(self.group, StationReadings.TOPIC).set(
            sum(
                max(0, (consumer.highwater(place) or 0) - self._done.get(place.partition, 0))
                for place in places
                if place.partition in self._done
            )
        )


def _app(group: str, settings: DetectorSettings) -> Any:
    """Faust, told everything that it would else guess: it creates no topic and serves nothing."""
    return faust.App(
        group,
        broker=[f"kafka://{server}" for server in settings.kafka.split(",")],
        broker_credentials=_credentials(settings),
        broker_commit_interval=1.0,
        broker_session_timeout=settings.session_timeout,
        broker_heartbeat_interval=settings.session_timeout / 4,
        broker_request_timeout=max(settings.publish_timeout, settings.session_timeout + 5),
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        store="memory://",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        stream_wait_empty=True,
        autodiscover=False,
        logging_config=None,
    )


def _bytes_topic(app: Any, name: str, **options: Any) -> Any:
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", **options)


def _credentials(settings: DetectorSettings) -> Any:
    """What Faust takes instead of the arguments of a client."""
    context = ssl.create_default_context(cafile=settings.kafka_ca) if settings.kafka_security.endswith("SSL") else None
    if settings.kafka_security.startswith("SASL"):
        password = settings.kafka_password.get_secret_value() if settings.kafka_password else None
        return faust.SASLCredentials(
            username=settings.kafka_user, password=password, mechanism=settings.kafka_mechanism, ssl_context=context
        )
    return None if context is None else faust.SSLCredentials(context)


def _fetched(message: Any) -> _Fetched:
    return _Fetched(
        message.topic, message.partition, message.offset, round(message.timestamp * 1000), message.key, message.value,
        message.headers or (),
    )  # fmt: skip
