"""The world of the simulation: three services of two members each, broker, database, clients, and all that strikes."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import timedelta
from functools import partial
from typing import Any, Final

import pytest
import structlog
from aiokafka.errors import KafkaTimeoutError
from hypothesis.internal.cache import LRUCache
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from duban.calendar import CalendarNotice
from duban.errors import Unavailable
from duban.messages.envelope import AnyPayload, Message, encode
from duban.policy import PolicyPack, PublishedCalendar, Rules, load_pack
from tests.given import ROOT
from tests.simulation.broker import Broker, Entry
from tests.simulation.clients import Consumer, Producer
from tests.simulation.database import Database
from tests.simulation.life import LIVING, Effect, Life, instant
from tests.simulation.loop import VirtualLoop
from tests.simulation.members import GROUPS, SETTINGS, Receiver, live

SERVICES: Final = tuple(GROUPS)
MEMBERS: Final = (0, 1)
CITIES: Final = ("simville", "eastville", "westville")


def pack_of(city: str, version: int = 1, **changed: object) -> PolicyPack:
    """The pack of a city; all are alike."""
    file = ROOT / "tests/simulation/city.yaml"
    pack = _PACKS.setdefault("simville", load_pack(file.read_text("utf-8"), file.name))
    return pack.model_copy(update={"id": city, "jurisdiction": city, "version": version, **changed})


_PACKS: Final[dict[str, PolicyPack]] = {}
#: No holidays: the minutes of the simulation know none.
_CALENDAR: Final = PublishedCalendar(notice=CalendarNotice(id="plain", version=1, timezone="Asia/Shanghai", years={}))
_RULES: Final[dict[tuple[str, int], Rules]] = {}
_compile = Rules.compile


def _compiled(pack: PolicyPack, notice: CalendarNotice) -> Rules:
    """The rules of a pack; six members need not compile the same ones."""
    key = (pack.ref, notice.version)
    if key not in _RULES:
        _RULES[key] = _compile(pack, notice)
    return _RULES[key]


@contextmanager
def in_memory() -> Iterator[pytest.MonkeyPatch]:
    """Have the clients of the broker be those in memory, and everybody be silent."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("duban.io.consumer.AIOKafkaConsumer", Consumer)
        patch.setattr("duban.io.tail.AIOKafkaConsumer", Consumer)
        patch.setattr("duban.io.publisher.AIOKafkaProducer", Producer)
        patch.setattr(Rules, "compile", _compiled)
        # Hypothesis also draws numbers that stand in whatever modules of ours were imported: the same seed would take
        # other ways after other tests.
        patch.setattr(providers, "_get_local_constants", Constants)
        patch.setattr(providers, "CONSTANTS_CACHE", LRUCache(1024))
        gc.freeze()  # each world is collected when it is closed, and what was there before need not be looked at
        yield patch
    gc.unfreeze()
    structlog.reset_defaults()


class World:
    """Everything there is, at one instant; it moves only in :meth:`run`."""

    def __init__(self, seed: int) -> None:
        self.loop = VirtualLoop(_belongs)
        self.loop.set_exception_handler(self._unhandled)
        self.broker = Broker(self.loop, SETTINGS.max_record_bytes, SETTINGS.session_timeout, SETTINGS.drain_timeout + 5)
        self.database = Database(self.loop)
        self.receiver = Receiver()
        self.lives: dict[tuple[str, int], Life] = {}
        #: Members that ended by themselves, and why; those that were told to end, and when.
        self.ended: list[tuple[Life, BaseException]] = []
        self.leaving: dict[Life, float] = {}
        #: What a task raised that nobody waits for; known once the world is closed.
        self.unheard: list[str] = []
        self.published_at: dict[str, float] = {}
        self.counts: Counter[str] = Counter()
        #: When something that all depend on was last away, or came back.
        self.disturbed_at = 0.0
        self._seed = seed
        self._serial = 0
        self.publish(_CALENDAR, "plain")
        self.found(CITIES[0])
        self.start_all()

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return self.loop.time()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def close(self) -> None:
        """End everything."""
        for life in list(self.lives.values()):
            life.crash()
        for life in list(self.leaving):
            life.crash()
        self.loop.run_until_complete(asyncio.sleep(0.1))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        gc.collect()  # what nobody heard of is told as it is collected: now, and not some other time

    # Clients

    def send(self, message: Message[Any], **more: Any) -> Entry:
        """A client sends ``message``."""
        record = encode(message)
        headers = tuple((name.encode(), value) for name, value in record.headers)
        return self.broker.append(record.topic, record.key, record.value, headers, **more)

    def publish(self, data: AnyPayload, key: str) -> None:
        """Publish a pack or a calendar."""
        self.send(Message(f"{key} {self.now}", "tests", key, instant(self.now), "", key, data))

    def found(self, city: str, version: int = 1) -> None:
        """Publish a pack of ``city``."""
        self.published_at.setdefault(city, self.now)
        self.publish(pack_of(city, version), city)

    # Members

    def start_all(self) -> None:
        """Start every member that is not there."""
        for service in SERVICES:
            for number in MEMBERS:
                self.start(service, number)

    def start(self, service: str, number: int) -> None:
        """Start the member, if it is not there."""
        if (service, number) in self.lives:
            return
        self._serial += 1
        life = self.lives[service, number] = Life(self, service, number, self._serial, self._seed)
        context = copy_context()
        context.run(LIVING.set, life)
        task = self.loop.create_task(live(life, self.database, self.receiver), context=context)
        life.has(task)
        life.task = task
        task.add_done_callback(partial(self._over, life))

    def _over(self, life: Life, task: asyncio.Task[None]) -> None:
        self.leaving.pop(life, None)
        if life.is_dead:
            return
        life.is_dead = True
        self._forget(life)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.ended.append((life, error))

    def _forget(self, life: Life) -> None:
        if self.lives.get((life.service, life.number)) is life:
            del self.lives[life.service, life.number]

    def crash(self, life: Life) -> None:
        """Kill the member; its group learns of it when its session is over."""
        self.counts["crashes"] += 1
        life.crash()
        self._forget(life)
        for consumer in self.broker.of(life):
            self.broker.disconnect(consumer)
            self.loop.call_later(SETTINGS.session_timeout, consumer.give_up)

    def stall(self, life: Life, seconds: float) -> None:
        """Stop the member for a while; beyond its session it is given up, and comes back as a zombie."""
        self.counts["stalls"] += 1
        life.stall(seconds)
        if seconds > SETTINGS.session_timeout:
            for consumer in self.broker.of(life):
                self.loop.call_later(SETTINGS.session_timeout, consumer.give_up)

    def leave(self, service: str, number: int) -> None:
        """Tell the member to end in order."""
        life = self.lives.pop((service, number), None)
        if life is None:
            return
        self.counts["leaves"] += 1
        self.leaving[life] = self.now
        life.stop() if life.stop is not None else life.task.cancel()

    def skew(self, service: str, number: int, seconds: float) -> None:
        """Set the clock of the member wrong by ``seconds``, or right."""
        if (life := self.lives.get((service, number))) is not None:
            self.counts["clock changes"] += 1
            life.disturbed()
            life.clock.ahead = timedelta(seconds=seconds)

    def rewind(self, group: str, back: int) -> None:
        """Have ``group`` read again: everybody dies, and its offsets are moved ``back``."""
        service = next(name for name, groups in GROUPS.items() if group in groups)
        for number in MEMBERS:
            if (life := self.lives.get((service, number))) is not None:
                self.crash(life)
        committed = self.broker.groups[group].committed
        for place, offset in committed.items():
            committed[place] = max(0, offset - back)
        for number in MEMBERS:
            self.start(service, number)

    def lose(self, dependency: str) -> None:
        """The broker or the database goes away."""
        self.counts["outages"] += 1
        self.disturbed_at = self.now
        if dependency == "broker":
            self.broker.is_away = True
        else:
            self.database.is_away = True

    def restore(self) -> None:
        """Broker and database are there, and quick."""
        if self.broker.is_away or self.broker.slow:
            self.disturbed_at = self.now
        self.database.is_away = False
        self.broker.slow = 0.0
        self.broker.come_back()

    def heal(self) -> None:
        """Everything is there again, and right."""
        self.restore()
        self.receiver.moods.clear()
        self.start_all()
        for life in self.lives.values():
            life.struck.clear()
            if life.is_stalled:
                life.go_on()
            if life.clock.ahead:
                life.disturbed()
                life.clock.ahead = timedelta(0)

    # What strikes at a point

    def effect(self, name: str) -> Effect:
        """The effect called ``name``."""
        return {
            "crash": self._crashes,
            "stall": lambda life, _: self.stall(life, 3.0),
            "long stall": lambda life, _: self.stall(life, 20.0),
            "error": self._errs,
            "pack": self._founds,
        }[name]

    def _crashes(self, life: Life, point: str) -> None:
        self.crash(life)

    def _errs(self, life: Life, point: str) -> Exception:
        """What is reported at ``point``; after a write or a publish it is a lie."""
        self.counts["errors"] += 1
        match point.split()[1]:
            case "read" | "write":
                return self.database.lost()
            case "post":
                return Unavailable("the answer did not arrive")
            case _:
                return KafkaTimeoutError()

    def _founds(self, life: Life, point: str) -> None:
        """A city publishes its first pack at this very moment, and the broker takes its time."""
        city = next((city for city in CITIES if city not in self.published_at), None)
        if city is not None:
            self.found(city)
            self.broker.slow, self.disturbed_at = 0.5, self.now

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if (error := context.get("exception")) is not None:  # else a task was in the middle of something at the end
            self.unheard.append(repr(error))


def _belongs(task: asyncio.Task[Any]) -> None:
    if (life := LIVING.get(None)) is not None:
        life.has(task)
