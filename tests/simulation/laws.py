"""The laws that hold at every instant, and those that hold once everything is healed.

They read what lies on the topics and in the stores, and use nothing of what the services compute with.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import orjson
from aiokafka.structs import TopicPartition

from duban_router.domain.precedents import Count
from tests.simulation.broker import Entry
from tests.simulation.history import History
from tests.simulation.life import BEGINS_AT, Life, instant
from tests.simulation.members import SETTINGS
from tests.simulation.world import World

#: What each group reads.
READ: Final = {
    "duban-intake": ("duban.reports.v1", "duban.problems.v1"),
    "duban-router": ("duban.commands.v1",),
    "duban-escalation": ("duban.problems.v1",),
    "duban-deliverer": ("duban.notices.v1",),
}
#: In seconds: how late a lapse may be once all is well, and how soon nothing is sent a second time.
_LATE, _TWICE = 30, 25
#: What is counted over problems: how many taken on by a unit within how long lead to a measure.
_MUCH, _ENOUGH, _SPAN = "much-at-once", 2, timedelta(minutes=10)
_MIDNIGHT: Final = BEGINS_AT + timedelta(minutes=3)


class Broken(AssertionError):
    """A law is broken: which, and by what."""

    def __init__(self, law: str, what: str) -> None:
        super().__init__(f"{law}: {what}")
        self.law = law


@dataclass(slots=True)
class Sent:
    """A report as its client sent it first; ``fate``: filed, refused, or either."""

    source: str
    id: str
    title: str
    fate: str


@dataclass(slots=True)
class _Asked:
    """A command on the topic: what it asks for, and when it was appended, each time."""

    entry: Entry
    appended_ms: list[int] = field(default_factory=list)
    refused: bytes | None = None
    refused_at: float = -1.0
    events: set[tuple[str, int]] = field(default_factory=set)


class Laws:
    """What has been seen of a world so far; :meth:`hold` looks at what is new."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.is_broken = False
        #: The first report under each source and id.
        self.sent: dict[tuple[str, str], Sent] = {}
        self.histories: defaultdict[UUID, History] = defaultdict(History)
        self.asked: dict[bytes, _Asked] = {}
        self._told: dict[str, list[bytes]] = {}
        self._filed: Counter[tuple[str, str]] = Counter()
        self._numbers: defaultdict[str, list[int]] = defaultdict(list)
        self._heads: dict[UUID, str] = {}
        self._set_aside: set[tuple[str, TopicPartition, int]] = set()
        self._sent_at: dict[tuple[Life, bytes], float] = {}
        self._twice: str | None = None
        self._posts = 0
        self._posted: set[tuple[str, Life]] = set()
        self._new: deque[tuple[TopicPartition, int, Entry]] = deque()
        for place, log in world.broker.logs.items():
            self._new += [(place, offset, entry) for offset, entry in enumerate(log)]
        world.broker.heard.append(lambda *heard: self._hear(heard))

    def _hear(self, heard: tuple[TopicPartition, int, Entry]) -> None:
        self._new.append(heard)
        place, _, entry = heard
        if place.topic == "duban.commands.v1" and entry.by is not None:
            self._not_twice(entry, entry.by)

    def _not_twice(self, entry: Entry, by: Life) -> None:
        """Who has fired a deadline and waits for the answer does not fire it again, unless it was disturbed lately."""
        if entry.header(b"ce_type") != b"duban.command.escalate":
            return
        id_, now = entry.header(b"ce_id"), self.world.now
        before = self._sent_at.get((by, id_))
        self._sent_at[by, id_] = now
        if before is None or now - before > _TWICE or max(by.disturbed_at, self.world.disturbed_at) + 10 > before:
            return
        known = self.asked.get(id_)
        if known is None or known.refused_at < before:
            self._twice = f"{by.name} sent {entry.value!r} after {now - before:.3f} s again"

    # At every instant

    def hold(self) -> None:
        """Hold the laws against what has happened since the last call.

        Raises:
            Broken: one of them does not hold.
        """
        with self._watched():
            self._hold()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            self.is_broken = True
            raise

    def _hold(self) -> None:
        self._ledger()
        while self._new:
            place, _, entry = self._new.popleft()
            if place.topic == "duban.commands.v1":
                self._command(entry)
            elif place.topic == "duban.problems.v1" and entry.by is not None:
                self._answer(entry)
            elif place.topic.endswith(".dlq"):
                self._dead_letter(entry)
        self._members()

    def _ledger(self) -> None:
        ledger = self.world.database.ledger
        for id_, lines in ledger._lines.items():
            history = self.histories[id_]
            for line in lines[history.version :]:
                self._heads[id_] = sha256(self._heads.get(id_, "0" * 64).encode() + line.body).hexdigest()
                if line.hash != self._heads[id_]:
                    raise Broken("I10", f"{id_}: an event has not the hash of its bytes over its predecessor's")
                self._event(history, orjson.loads(line.body))
            standing = ledger._standings[id_].record if lines else None
            if standing is not None and (standing.version, standing.status) != (history.version, history.status):
                raise Broken("I9", f"{id_} stands as {standing.version} {standing.status}, not as {history.status}")
        for city, numbers in self._numbers.items():
            if sorted(numbers) != list(range(1, len(numbers) + 1)):
                raise Broken("numbers", f"the register of {city} runs {numbers}")
        for (city, _), last in ledger._allocated.items():
            if last != len(self._numbers[city]):
                raise Broken("numbers", f"the register of {city} has given {last}, used are {self._numbers[city]}")

    def _event(self, history: History, event: dict[str, Any]) -> None:
        change = event["change"]
        for law, what in history.add(event):
            raise Broken(law, f"{event['problem_id']}: {what}")
        if change["kind"] == "registered":
            history.jurisdiction = change["filed"]["report"]["jurisdiction"]
            self._numbers[history.jurisdiction].append(int(change["number"].rpartition("-")[2]))
        if change["kind"] in ("registered", "attached"):
            self._report(change["filed"])

    def _report(self, filed: dict[str, Any]) -> None:
        key = (filed["source"], filed["id"])
        self._filed[key] += 1
        if self._filed[key] > 1:
            raise Broken("I2", f"the report {key} was filed twice")
        if key not in self.sent:
            raise Broken("I3", f"nobody sent the report {key}")
        if filed["report"]["title"] != self.sent[key].title:
            raise Broken("I2", f"{key} stands as {filed['report']['title']}, sent was {self.sent[key].title}")

    def _command(self, entry: Entry) -> None:
        asked = self.asked.setdefault(entry.header(b"ce_id"), _Asked(entry))
        asked.appended_ms.append(entry.at_ms)

    def _answer(self, entry: Entry) -> None:
        assert entry.value is not None
        data = orjson.loads(entry.value)
        if entry.header(b"ce_type") == b"duban.problem.refused":
            self._refusal(entry.value, data)
            return
        event, id_ = data["event"], data["event"]["problem_id"]
        lines = self.world.database.ledger._lines.get(UUID(id_), [])
        version = event["version"]
        if len(lines) < version or lines[version - 1].body not in entry.value:
            raise Broken("I3", f"the topic tells of version {version} of {id_}, which the ledger does not hold")
        told = self._told.setdefault(id_, [])
        if version > len(told) + 1:
            raise Broken("I8", f"the topic tells of version {version} of {id_} after {len(told)}")
        if version == len(told) + 1:
            told.append(entry.value)
        elif told[version - 1] != entry.value:
            raise Broken("I9", f"version {version} of {id_} is told in two ways")
        asked = self.asked.get(event["command"].encode())
        if asked is None:
            raise Broken("I3", f"nobody sent the command {event['command']}")
        if asked.refused is not None:
            raise Broken("I2", f"the command {event['command']} was refused, and then carried out")
        asked.events.add((id_, version))
        if datetime.fromisoformat(event["at"]) not in map(_instant, asked.appended_ms):
            raise Broken("I5", f"{event['command']} counts at {event['at']}, when nobody appended it")

    def _refusal(self, value: bytes, data: dict[str, Any]) -> None:
        asked = self.asked.get(data["command"].encode())
        if asked is None:
            raise Broken("I3", f"nobody sent the command {data['command']}")
        if asked.events:
            raise Broken("I2", f"the command {data['command']} was carried out, and then refused")
        if asked.refused not in (None, value):
            raise Broken("I2", f"the command {data['command']} was refused in two ways")
        asked.refused, asked.refused_at = value, self.world.now
        if data["code"] == "not_due" and data["command_type"] == "duban.command.escalate":
            due_at = orjson.loads(asked.entry.value or b"")["due_at"]
            if datetime.fromisoformat(data["at"]) >= datetime.fromisoformat(due_at):
                raise Broken("I7", f"refused at {data['at']} as too early, and due at {due_at}")

    def _dead_letter(self, entry: Entry) -> None:
        place = TopicPartition(
            entry.header(b"__streams.errors.topic").decode(), int(entry.header(b"__streams.errors.partition"))
        )
        offset, code = int(entry.header(b"__streams.errors.offset")), entry.header(b"duban.dlq.code").decode()
        origin = self.world.broker.logs[place][offset]
        allowed = {"refused", "put_off"} if place.topic == "duban.notices.v1" else origin.may_die_of
        if code not in allowed:
            why = entry.header(b"__streams.errors.message").decode()
            raise Broken("I1", f"{place.topic} {offset} is good, and was laid aside: {code} {why}")
        self._set_aside.add((entry.header(b"duban.dlq.group").decode(), place, offset))

    def _members(self) -> None:
        world = self.world
        if world.ended:
            raise Broken("stops", f"{world.ended[0][0].name} ended by itself: {world.ended[0][1]!r}")
        for life, since in world.leaving.items():
            if not life.is_stalled and world.now - max(since, life.disturbed_at) > SETTINGS.drain_timeout + 5:
                raise Broken("drains", f"{life.name} was told to end at {since:.1f} and lives at {world.now:.1f}")
        if world.database.ledger.needless:
            raise Broken("needless", world.database.ledger.needless[0])
        if self._twice is not None:
            raise Broken("twice", self._twice)
        for post in world.receiver.posts[self._posts :]:
            if post in self._posted:
                raise Broken("I12", f"{post[1].name} sent the notice {post[0]} twice, though it was taken")
            self._posted.add(post)
        self._posts = len(world.receiver.posts)

    # Once everything is healed

    def settle(self) -> None:
        """Heal the world, let it come to rest, and hold the laws of what must have happened by then.

        Raises:
            Broken: something was lost, or waits.
        """
        with self._watched():
            self._settle()

    def _settle(self) -> None:
        self.world.heal()
        for _ in range(30):
            self.world.run(5)
            self.hold()
        for _ in range(100):
            self.world.run(0.3)
            self.hold()
            if not (waiting := list(self._waits())):
                break
        else:
            raise Broken("waits", waiting[0])
        self._reports()
        self._commands()
        self._lapses()
        self._places()
        self._notices()
        self._duties()
        self._counts()
        self._poison()

    def _read(self) -> Iterator[tuple[str, TopicPartition]]:
        """Each group with each place that it reads."""
        for group, topics in READ.items():
            for topic in topics:
                for place in self.world.broker.partitions(topic):
                    yield group, place

    def _waits(self) -> Iterator[str]:
        for group, place in self._read():
            at, end = self.world.broker.groups[group].committed.get(place, 0), len(self.world.broker.logs[place])
            if at < end:
                yield f"{group} stands at {at} of {end} of {place.topic} {place.partition}"

    def _reports(self) -> None:
        receipts = {(receipt.source, receipt.id) for receipt in self.world.database.intake.receipts.values()}
        for key, sent in self.sent.items():
            if key not in receipts:
                raise Broken("I1", f"the report {key} has no receipt")
            if self._filed[key] != 1 and sent.fate == "filed":
                raise Broken("I1", f"the report {key} has a receipt, and stands nowhere")

    def _commands(self) -> None:
        for id_, asked in self.asked.items():
            if asked.refused is None and not asked.events and not asked.entry.may_die_of:
                raise Broken("I1", f"the command {id_.decode()} found no answer: {asked.entry.value!r}")
        for record, history in self.histories.items():
            if len(self._told.get(str(record), [])) != history.version:
                raise Broken("I11", f"the topic knows not all of {record}")

    def _lapses(self) -> None:
        now = instant(self.world.now)
        for id_, history in self.histories.items():
            for due_at, obligation, level in history.next_due():
                if due_at < now - timedelta(seconds=_LATE):
                    raise Broken("I7", f"{id_}: {obligation} level {level} was due at {due_at}, and it is {now}")

    def _places(self) -> None:
        places = self.world.database.intake.places
        for id_, history in self.histories.items():
            has_place = not history.is_duty and history.location and history.rule == "river"
            if has_place and history.is_open != (id_ in places):
                raise Broken("places", f"{id_} is {history.status}, and intake knows its place: {id_ in places}")

    def _notices(self) -> None:
        """I12: whoever is to be told is told, of each event once."""
        wanted: Counter[tuple[str, str]] = Counter()
        latest = instant(self.world.now) - timedelta(seconds=5)
        for id_, history in self.histories.items():
            for event in history.events:
                if "measure" in event["change"] and datetime.fromisoformat(event["at"]) < latest:
                    wanted.update((str(id_), recipient) for recipient in event["change"]["to"])
        taken = {id_ for id_, _ in self.world.receiver.posts} | self.world.receiver.refused
        told: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for place in self.world.broker.partitions("duban.notices.v1"):
            for entry in self.world.broker.logs[place]:
                notice = entry.header(b"ce_id").decode()
                if notice in taken and entry.value is not None and entry.by is not None:
                    data = orjson.loads(entry.value)
                    told[data["problem_id"], data["recipient"]].add(notice)
        for key, count in wanted.items():
            if len(told[key]) < count:
                raise Broken("I12", f"{key[1]} was told {len(told[key])} times of {key[0]}, not {count}")

    def _duties(self) -> None:
        """Every duty that has opened is in the ledger, once; so is what a measure opens."""
        opened = Counter(
            (history.events[0]["change"]["jurisdiction"], history.events[0]["change"].get("cause", {}).get("version"))
            for history in self.histories.values()
            if history.is_duty
        )
        now = instant(self.world.now)
        for city, at in self.world.published_at.items():
            known_at = max(_MIDNIGHT + timedelta(seconds=60), instant(at))
            if known_at < now - timedelta(seconds=90) and opened[city, None] != 1:
                raise Broken("duties", f"the day of {city} has opened {opened[city, None]} times")
        caused = Counter(
            change["cause"]["problem_id"]
            for history in self.histories.values()
            if history.is_duty and "cause" in (change := history.events[0]["change"])
        )
        for id_, history in self.histories.items():
            calls = sum(event["change"].get("ground") == "handed-back-twice" for event in history.events)
            if calls != caused[str(id_)]:
                raise Broken("duties", f"{id_} called for {calls} explanations, {caused[str(id_)]} were opened")

    def _counts(self) -> None:
        """What is counted over problems is counted once, and wherever it is enough, one has led to the measure."""
        counted: defaultdict[Count, list[tuple[datetime, UUID]]] = defaultdict(list)
        completed: set[tuple[datetime, UUID]] = set()
        for id_, history in self.histories.items():
            taken = {event["command"] for event in history.events if event["change"].get("ground") == _MUCH}
            for event in history.events:
                if event["change"]["kind"] == "acknowledged":
                    taken_on = datetime.fromisoformat(event["at"]), id_
                    unit = event["actor"]["unit"]
                    counted[Count(history.jurisdiction, f"trigger/{_MUCH}", unit)].append(taken_on)
                    completed |= {taken_on} if event["command"] in taken else set()
        held = self.world.database.ledger._precedents
        for under in counted.keys() | held.keys():
            rows = sorted((row.at, row.problem_id) for row in held.get(under, ()))
            if rows != sorted(counted[under]):
                raise Broken("counts", f"of {len(counted[under])} that were taken on {len(rows)} count: {under}")
            self._enough(under, rows, completed)

    def _enough(self, under: Count, rows: list[tuple[datetime, UUID]], completed: set[tuple[datetime, UUID]]) -> None:
        spans = [[row for row in rows if at <= row[0] <= at + _SPAN] for at, _ in rows]
        enough = [span for span in spans if len({id_ for _, id_ in span}) >= _ENOUGH]
        for span in enough:
            if completed.isdisjoint(span):
                raise Broken("counts", f"nothing came of {len(span)} at once: {under}, {span}")
        for row in completed.intersection(rows):
            if not any(row in span for span in enough):
                raise Broken("counts", f"{row} was not the {_ENOUGH}nd within the time: {under}")

    def _poison(self) -> None:
        for group, place in self._read():
            for offset, entry in enumerate(self.world.broker.logs[place]):
                if "always" in entry.may_die_of and (group, place, offset) not in self._set_aside:
                    raise Broken("I1", f"{group} passed over {place.topic} {place.partition} {offset} without a word")


def _instant(ms: int) -> datetime:
    return BEGINS_AT + timedelta(milliseconds=ms - int(BEGINS_AT.timestamp() * 1000))
