"""The Faust app: readings in their order, what stations are remembered by in a table, reports out before the table.

What Faust keeps is not believed. It acknowledges events that raised, and those of a generation that is over; it may
commit before its changelog is written. So a batch is taken as everywhere here: judged in memory, its reports published,
then what the stations are remembered by, into the changelog by our own publisher, and acknowledged last. Beside the
stations of a partition stands its position, the offset to be read next. Records before it are passed over; what Faust
leaves out before one beyond it, or before the end of a partition, is read from the topic.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

import faust
import structlog
from faust.types import TP

from duban.errors import DubanError, Undecodable
from duban.io.aside import Aside, Committed
from duban.io.availability import is_unavailable
from duban.io.backoff import until_available
from duban.io.broker import password, tls
from duban.io.decode import delivery
from duban.io.metrics import LAG, PARTITIONS, RECORDS, InHand
from duban.io.publisher import Placed, Publisher
from duban.io.tail import records_between
from duban.messages.envelope import Record
from duban.messages.readings import READINGS, StationReadings
from duban_detector.handlers import Judged, ReadingHandler, station_key
from duban_detector.metrics import JUDGED, OVERLOOKED, REPORTS, STATE_BYTES, STATIONS
from duban_detector.settings import DetectorSettings

GROUP: Final = "duban-detector"
#: What stations are remembered by: Faust's changelog of the table. It is made by `duban topics apply`, not by Faust.
MEMORY_TOPIC: Final = "duban.detector.v1"
#: Seconds between two looks at what Faust does.
_LOOK: Final = 0.2
#: How the keys begin under which the positions of partitions stand; no city is called so.
_POSITION: Final = b"@"
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
        self._in_hand = InHand(self.group)
        self._stopping = asyncio.Event()
        self._faulty: Exception | None = None
        self._turn = asyncio.Lock()
        self._partitions: dict[bytes, int] = {}
        self._silences: set[str] = set()
        self._app = _app(self.group, settings)
        self._topic = _bytes_topic(self._app, StationReadings.TOPIC)
        changelog = _bytes_topic(self._app, MEMORY_TOPIC, compacting=True, acks=False, internal=True, allow_empty=True)
        self._memory: Any = self._app.Table(
            "stations", key_type=bytes, value_type=bytes, changelog_topic=changelog,
            on_changelog_event=self._remember_partition,
        )  # fmt: skip
        self._app.agent(self._topic, name="readings")(self._watch)

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned, and what their stations are remembered by has been read."""
        app = self._app
        return bool(app.started and not app.rebalancing and not app.in_recovery and not self._stopping.is_set())

    async def _remember_partition(self, event: Any) -> None:
        self._partitions[event.message.key] = event.message.partition

    def stop(self) -> None:
        """Take nothing more; ``run`` returns when what is in hand is finished."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until ``stop``.

        Raises:
            DubanError: Faust gave up, or a dead letter could not be laid aside.
        """
        await until_available("broker", self._app.start)
        rounds = [asyncio.create_task(work()) for work in (self._listen, self._look_for_overlooked)]
        try:
            await self._ended()
        finally:
            for work in rounds:
                work.cancel()
            await self._app.stop()
        reason = self._faulty or self._app.crash_reason
        if reason is not None:
            raise DubanError(f"the detector gave up: {type(reason).__name__}: {reason}") from reason

    async def _ended(self) -> None:
        while not self._stopping.is_set() and not self._app.should_stop and self._app.crash_reason is None:
            await asyncio.sleep(_LOOK)
            if self.ready:
                self._measure()

    async def _watch(self, stream: Any) -> None:
        most, within = self._settings.batch_size, self._settings.batch_spacing or 0.01
        async for events in stream.noack_take(most, within=within):
            records = [_fetched(event.message) for event in events]
            self._in_hand.take(min(record.timestamp for record in records))
            try:
                await self._take(records)
            except Exception as error:
                self._faulty = error
                self._stopping.set()
                raise
            for event in events:
                await stream.ack(event)
            self._in_hand.done()

    async def _take(self, records: Sequence[_Fetched]) -> None:
        """Have those of ``records`` judged whose turn it is or comes, and what Faust left out before them."""
        async with self._turn:
            await self._judge(self._in_turn(records))

    async def _in_turn(self, records: Sequence[_Fetched]) -> AsyncGenerator[_Fetched]:
        """Each record of a partition once and in its order: none that is known already, and those that are missing."""
        following: dict[int, int] = {}
        for record in records:
            due = following.get(record.partition, self._remembered_position(record.partition))
            if due is not None and record.offset < due:
                continue
            if due is not None and record.offset > due:
                async for missing in self._overlooked(TP(record.topic, record.partition), due, record.offset):
                    yield missing
            following[record.partition] = record.offset + 1
            yield record

    async def _overlooked(self, place: TP, begin: int, end: int) -> AsyncGenerator[_Fetched]:
        """What stands in the topic from ``begin`` to before ``end``, which Faust did not bring."""
        _log.warning("overlooked by Faust", partition=place.partition, begin=begin, end=end)
        while begin < end:
            read = partial(records_between, self._settings, place.topic, place.partition, begin, end)
            records, begin = await until_available("broker", read)
            OVERLOOKED.inc(len(records))
            for record in records:
                yield cast(_Fetched, record)

    async def _judge(self, records: AsyncGenerator[_Fetched]) -> None:
        """Have records judged: their reports go out, then what stations are remembered by, each at its partition."""
        reports: list[Record] = []
        changed: dict[bytes, Placed] = {}
        judged_count = 0
        async with aclosing(records):
            async for record in records:
                judged = await self._judged(record, changed)
                reports += judged.reports
                place = _position_key(record.partition)
                changed[place] = Placed(MEMORY_TOPIC, record.partition, place, str(record.offset + 1).encode())
                judged_count += 1
                if judged_count % self._settings.batch_size == 0:
                    await self._remember(reports, changed)
                    reports, changed = [], {}
        await self._remember(reports, changed)

    async def _remember(self, reports: Sequence[Record], changed: Mapping[bytes, Placed]) -> None:
        await self._publish(reports)
        if changed:
            await until_available("broker", partial(self._publisher.publish, list(changed.values())))
        for key, placed in changed.items():
            self._memory.data[key] = placed.value
            self._partitions[key] = placed.partition

    async def _judged(self, record: _Fetched, changed: dict[bytes, Placed]) -> Judged:
        """What becomes of one record; what cannot be handled is laid aside."""
        RECORDS.labels(self.group, record.topic).inc()
        try:
            readings = delivery(record, READINGS)  # type: ignore[arg-type]
            key = station_key(readings.message.data)
            held = changed[key].value if key in changed else self._memory.data.get(key)
            judged = self._handler(readings, held)
            if judged.remembered is not None:
                changed[key] = Placed(MEMORY_TOPIC, record.partition, key, judged.remembered)
        except Undecodable as error:
            await self._lay_aside(record, error, error.code)
            judged = Judged("undecodable")
        except Exception as error:
            if is_unavailable(error):
                raise
            await self._lay_aside(record, error, "fault")
            judged = Judged("fault")
        JUDGED.labels(judged.outcome).inc()
        return judged

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

    async def _look_for_overlooked(self) -> None:
        """Look from time to time whether a partition stands still before its end: what Faust does not bring is read."""
        before: dict[TP, int] = {}
        while True:
            await asyncio.sleep(self._settings.session_timeout)
            positions = {place: self._position(place) for place in self._places()} if self.ready else {}
            for place, position in positions.items() & before.items():
                await self._catch_up(place, position)
            before = positions

    async def _catch_up(self, place: TP, position: int) -> None:
        """Have judged what stands from ``position`` to the end of a partition, if that is still what comes next."""
        async with self._turn:
            end = self._app.consumer.highwater(place) or 0
            if position < end and place in self._places() and self._position(place) == position:
                await self._judge(self._overlooked(place, position, end))

    async def _up_to_date(self) -> AsyncIterator[bytes]:
        """What the stations are remembered by of whom nothing lies unread in the topic."""
        places = self._places()
        ends = await self._app.consumer.highwaters(*places)
        read = {place.partition for place in places if self._position(place) >= (ends.get(place) or 0)}
        for key, data in list(self._memory.data.items()):
            if not key.startswith(_POSITION) and self._partitions.get(key) in read:
                yield data

    def _places(self) -> list[TP]:
        return [place for place in self._app.consumer.assignment() if place.topic == StationReadings.TOPIC]

    def _position(self, place: TP) -> int:
        return self._remembered_position(place.partition) or 0

    def _remembered_position(self, partition: int) -> int | None:
        """The offset of ``partition`` that is to be read next; None where none was ever taken."""
        held = self._memory.data.get(_position_key(partition))
        return None if held is None else int(held)

    def _measure(self) -> None:
        places, ends = self._places(), self._app.consumer.highwater
        stations = [data for key, data in self._memory.data.items() if not key.startswith(_POSITION)]
        PARTITIONS.labels(self.group).set(len(places))
        STATIONS.set(len(stations))
        STATE_BYTES.set(sum(map(len, stations)))
        lag = sum(max(0, (ends(place) or 0) - self._position(place)) for place in places)
        LAG.labels(self.group, StationReadings.TOPIC).set(lag)


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
        table_standby_replicas=0,
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
    context = tls(settings)
    if settings.kafka_security.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.kafka_user, password=password(settings), mechanism=settings.kafka_mechanism,
            ssl_context=context,
        )  # fmt: skip
    return None if context is None else faust.SSLCredentials(context)


def _position_key(partition: int) -> bytes:
    return _POSITION + str(partition).encode()


def _fetched(message: Any) -> _Fetched:
    return _Fetched(
        message.topic, message.partition, message.offset, round(message.timestamp * 1000), message.key, message.value,
        message.headers or (),
    )  # fmt: skip
