"""The batch runner: records are taken in batches, handled, published, and only then their offsets committed.

Whatever dies in between, the batch comes again: at least once, never less. Handlers make "once" of it (derived ids).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, TypeAlias, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, KafkaTimeoutError
from aiokafka.structs import TopicPartition

from duban.errors import NotArrived, Unavailable
from duban.io.aside import lay_aside
from duban.io.availability import dependency, words_of
from duban.io.backoff import backoff, until_available, until_stopped, waits
from duban.io.batch import Answers, Fetched, Handle, Handler, Source, Work
from duban.io.broker import COMMITTED, connection, rights_named, unanswered
from duban.io.dead_letters import DeadLetter, codes
from duban.io.lenient_records import read_leniently
from duban.io.metrics import BATCH_SECONDS, LAG, PARTITIONS, REBALANCES, RETRIES, InHand
from duban.io.mishaps import crash_point, misreport
from duban.io.postgres import role_in
from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.messages.delivery import Delivery, SetAside
from duban.messages.envelope import Record

__all__ = ["Delivery", "Handler", "OnPartitions", "Runner", "SetAside", "Source"]

T = TypeVar("T")
OnPartitions: TypeAlias = Callable[[frozenset[tuple[str, int]]], Awaitable[None]]
_log = structlog.get_logger(__name__)

_POLL_MS = 1000
#: A batch costs as much by itself as some fifty records in it: smaller ones wait for company.
_SMALL = 50
_FETCH_TRIES = 12


class _LetGo(Unavailable):
    """The batch in hand is dropped without commit: it is another member's now, or comes again at the next start."""


class _Arrivals:
    """How long it is waited for what messages name and what has not arrived: so long, and then a while not at all.

    So whoever names what is never to come costs the partition a small share of its time, however often.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began: float | None = None
        self._not_before = 0.0

    def waits(self, now: float) -> bool:
        """Whether to wait on."""
        if now < self._not_before:
            return False
        self._began = now if self._began is None else self._began
        if now - self._began < self._seconds:
            return True
        self._began, self._not_before = None, now + 6 * self._seconds
        return False

    def came(self) -> None:
        """Something was handled: the next wait is a new one."""
        self._began = None


class Runner:
    """One member of a consumer group, working on one batch at a time.

    ``run`` returns after ``stop``, with the batch in hand finished and committed. ``on_assigned`` and ``on_revoked``
    are awaited with the partitions while none of them is being worked on.
    """

    def __init__(
        self,
        settings: Settings,
        group: str,
        sources: Sequence[Source],
        publisher: Publisher,
        on_assigned: OnPartitions | None = None,
        on_revoked: OnPartitions | None = None,
    ) -> None:
        self.group = group + settings.group_suffix
        self._settings = settings
        self._publisher = publisher
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._works = [
            Work(self.group, source, self._guarded(source.handle), settings.max_record_bytes) for source in sources
        ]
        self._stopping = asyncio.Event()
        self._ours = asyncio.Event()
        self._letting_go = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._step: asyncio.Task[None] | None = None
        self._spacing = settings.batch_spacing if settings.clock == "system" else 0.0
        self._next_at = 0.0
        self._broken: Exception | None = None
        self._waiting_for: str | None = None
        self._arrivals = _Arrivals(settings.arrival_timeout)
        self._held: frozenset[TopicPartition] = frozenset()
        self._done: dict[TopicPartition, int] = {}
        self._in_hand = InHand(self.group)
        self._consumer: AIOKafkaConsumer | None = None

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned (perhaps none), and no dependency is being waited for."""
        return self._ours.is_set() and self._waiting_for is None and not self._stopping.is_set()

    @property
    def waiting_for(self) -> str | None:
        """The dependency that the batch in hand waits for, if any."""
        return self._waiting_for

    def stop(self) -> None:
        """Take no further batch; ``run`` finishes the one in hand and returns."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until ``stop``.

        Raises:
            RecordTooLarge: when a dead letter cannot be laid aside, though all but its reason was left out.
            Exception: what a callback for partitions raised, or what no waiting can cure.
        """
        consumer = await until_stopped(self._stopping, until_available("broker", self._join))
        if consumer is None:
            return
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            while not self._stopping.is_set():
                self._step = asyncio.create_task(self._take_one(consumer))
                await asyncio.wait({self._step, stopping}, return_when=asyncio.FIRST_COMPLETED)
                self._raise_if_broken()
            await self._finish_step()
        finally:
            stopping.cancel()
            await self._leave(consumer)

    async def _join(self) -> AIOKafkaConsumer:
        settings = self._settings
        read_leniently()
        consumer = AIOKafkaConsumer(
            **connection(settings, self.group),
            group_id=self.group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level=COMMITTED,
            session_timeout_ms=int(settings.session_timeout * 1000),
            heartbeat_interval_ms=int(settings.session_timeout * 1000 / 4),
            # Nobody gets our partitions before the batch in hand had its time to finish.
            rebalance_timeout_ms=int((settings.drain_timeout + 5) * 1000),
            max_partition_fetch_bytes=2 * 1024 * 1024,
        )
        topics = [topic for work in self._works for topic in work.source.topics]
        consumer.subscribe(topics, listener=_Listener(self._revoked, self._assigned))
        try:
            with rights_named(settings, "Read"):
                await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        self._consumer = consumer
        return consumer

    def _raise_if_broken(self) -> None:
        if self._broken is not None:
            raise self._broken
        if self._step is not None and self._step.done() and not self._step.cancelled():
            self._step.result()

    async def _finish_step(self) -> None:
        """A batch in hand may finish, within the drain time-out; one that waits for a dependency is dropped at once."""
        if self._step is not None and not self._idle.is_set():
            self._letting_go.set()
            await asyncio.wait({self._step}, timeout=self._settings.drain_timeout)
            self._raise_if_broken()

    async def _leave(self, consumer: AIOKafkaConsumer) -> None:
        if self._step is not None and not self._step.done():
            self._step.cancel()
            await asyncio.wait({self._step})
        self._ours.clear()
        await self._tell(self._on_revoked, self._held)
        self._consumer, self._held = None, frozenset()
        try:
            async with asyncio.timeout(self._settings.publish_timeout):
                await consumer.stop()
        except (TimeoutError, KafkaError) as error:
            _log.warning("group not left", group=self.group, error=repr(error))

    async def _take_one(self, consumer: AIOKafkaConsumer) -> None:
        if (rest := self._next_at - self._now()) > 0:
            await asyncio.sleep(rest)
        fetched = await self._fetch(consumer)
        small = sum(map(len, fetched.values())) < _SMALL
        self._next_at = self._now() + self._spacing if small else 0.0
        # No await between the records' arrival and this line: a rebalance sees the batch in hand or no batch at all.
        if not fetched:
            return
        self._idle.clear()
        self._in_hand.take(min(records[0].timestamp for records in fetched.values()))
        try:
            await self._ours.wait()  # records may come before ``on_assigned`` is through
            with BATCH_SECONDS.labels(self.group).time():
                await self._work_on(consumer, fetched)
        except _LetGo:
            _log.info("batch let go", group=self.group, records=sum(map(len, fetched.values())))
        finally:
            self._wait_for(None)
            self._in_hand.done()
            consumer.resume(*consumer.paused())
            self._idle.set()

    async def _fetch(self, consumer: AIOKafkaConsumer) -> Fetched:
        last: Exception | None = None
        for delay in islice(backoff(), _FETCH_TRIES):
            try:
                with rights_named(self._settings, "Read"):
                    fetched: Fetched = await consumer.getmany(
                        timeout_ms=_POLL_MS, max_records=self._settings.batch_size
                    )
            except Exception as error:  # whatever a topic holds, its reader goes on
                # aiokafka goes on by itself after most of these; when it does not, the process must start anew.
                _log.warning("fetch failed", group=self.group, error=repr(error))
                last = error
                await asyncio.sleep(delay)
            else:
                return fetched
        raise Unavailable(f"{self.group}: {_FETCH_TRIES} fetches in a row failed, the last with {last}") from last

    async def _work_on(self, consumer: AIOKafkaConsumer, fetched: Fetched) -> None:
        began = time.time_ns()
        crash_point("before_handle")
        results: list[Record | DeadLetter] = []
        for work in self._works:
            results += await work.on(fetched)
        crash_point("after_handle")
        letters = [result for result in results if isinstance(result, DeadLetter)]
        records = [result for result in results if not isinstance(result, DeadLetter)]
        await self._publish(records)
        await lay_aside(letters, self._publish)
        crash_point("after_publish")
        await self._commit(consumer, fetched)
        crash_point("after_offsets")
        self._measure_lag(consumer, fetched)
        if (tracer := self._publisher.tracer) is not None:
            heeded = [record for work in self._works for record in work.heeded(fetched)]
            tracer.handled(self.group, heeded, began, codes(letters))

    async def _publish(self, records: Sequence[Record | DeadLetter]) -> None:
        await self._patiently(lambda: self._publisher.publish(records))

    def _guarded(self, handle: Handler) -> Handle:
        """``handle``, waiting for its dependencies, and at fault if a record that it gives is too large."""

        async def guarded(batch: Sequence[Delivery[Any]]) -> Answers:
            async def handled() -> Answers:
                answers = await handle(batch)
                misreport("writing")
                return answers

            results = await self._patiently(handled)
            for record in results:
                if not isinstance(record, SetAside):
                    self._publisher.check(record)
            return results

        return guarded

    async def _patiently(self, action: Callable[[], Awaitable[T]]) -> T:
        """What ``action`` returns, tried again for as long as a dependency is away and the partitions are ours.

        Nothing is fetched meanwhile; the member stays alive, so the partitions stay here as long as they may.
        """
        for delay in backoff():
            try:
                result = await action()
            except Exception as error:
                away = "packs" if isinstance(error, NotArrived) else dependency(error)
                if away is None or (isinstance(error, NotArrived) and not self._arrivals.waits(self._now())):
                    raise
                RETRIES.labels(away).inc()
                words = words_of(error, role_in(self._settings.database.get_secret_value()))[:500]
                _log.warning("dependency unavailable", group=self.group, dependency=away, error=words)
                self._wait_for(away, words)
            else:
                self._wait_for(None)
                self._arrivals.came()
                return result
            await self._rest(delay)
        raise AssertionError("back-off never ends")

    def _wait_for(self, away: str | None, words: str = "") -> None:
        """Note what the batch in hand waits for, and in what words; None: for nothing any more."""
        if self._waiting_for is not None:
            waits.pop(self._waiting_for, None)
        self._waiting_for = away
        if away is not None:
            waits[away] = words

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._letting_go.wait(), seconds)
        except TimeoutError:
            pass
        else:
            raise _LetGo
        if (consumer := self._consumer) is not None:
            # A member that does not poll is put out of the group after ``max_poll_interval``. Paused, a poll brings
            # nothing; without a time-out it does not yield, so it cannot wait for the rebalance that waits for us.
            consumer.pause(*consumer.assignment())
            with suppress(KafkaError):
                await consumer.getmany(timeout_ms=0)

    async def _commit(self, consumer: AIOKafkaConsumer, fetched: Fetched) -> None:
        offsets = {place: records[-1].offset + 1 for place, records in fetched.items()}

        async def commit() -> None:
            try:
                async with asyncio.timeout(self._settings.publish_timeout):
                    with rights_named(self._settings, "Read"):
                        await consumer.commit(offsets)
                misreport("committing")
            except TimeoutError:
                raise unanswered(self._settings, "offsets not committed in time") from KafkaTimeoutError()

        try:
            await self._patiently(commit)
        except (CommitFailedError, IllegalStateError) as error:
            # Handled and published, but no longer ours: the next owner does it again, and finds the ids taken.
            _log.info("offsets refused", group=self.group, error=str(error))

    def _measure_lag(self, consumer: AIOKafkaConsumer, fetched: Fetched) -> None:
        self._done.update((place, records[-1].offset + 1) for place, records in fetched.items())
        lags: dict[str, int] = {}
        for place, done in self._done.items():
            end = consumer.highwater(place) if place in self._held else None
            if end is not None:
                lags[place.topic] = lags.get(place.topic, 0) + max(0, end - done)
        for topic, lag in lags.items():
            LAG.labels(self.group, topic).set(lag)

    async def _assigned(self, places: frozenset[TopicPartition]) -> None:
        self._held = places
        PARTITIONS.labels(self.group).set(len(places))
        await self._tell(self._on_assigned, places)
        if not self._stopping.is_set():
            self._letting_go.clear()
        self._ours.set()

    async def _revoked(self, places: frozenset[TopicPartition]) -> None:
        """Runs inside aiokafka's rejoin: partitions are given up when this returns."""
        self._ours.clear()
        self._letting_go.set()
        if places:
            REBALANCES.labels(self.group).inc()
        try:
            await asyncio.wait_for(self._idle.wait(), self._settings.drain_timeout)
        except TimeoutError:
            _log.warning("batch not finished before its partitions move", group=self.group)
            if self._step is not None:
                self._step.cancel()
                await self._idle.wait()
        self._held = frozenset()
        self._done.clear()
        PARTITIONS.labels(self.group).set(0)
        for topic in {place.topic for place in places}:
            LAG.labels(self.group, topic).set(0)  # whoever holds them now says how far behind they are
        await self._tell(self._on_revoked, places)

    async def _tell(self, callback: OnPartitions | None, places: frozenset[TopicPartition]) -> None:
        """Await ``callback``; aiokafka only logs what a listener raises, so it is kept for ``run`` to raise."""
        if callback is None:
            return
        try:
            await callback(frozenset((place.topic, place.partition) for place in places))
        except Exception as error:
            self._broken = error
            if self._step is not None:
                self._step.cancel()


#: What is awaited with the places that came or went.
_OnPlaces = Callable[[frozenset[TopicPartition]], Awaitable[None]]


class _Listener(ConsumerRebalanceListener):
    def __init__(self, revoked: _OnPlaces, assigned: _OnPlaces) -> None:
        self._revoked, self._assigned = revoked, assigned

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        await self._revoked(frozenset(revoked))

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        await self._assigned(frozenset(assigned))
