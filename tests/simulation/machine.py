"""What may happen, in any order: clients, faults, time. Hypothesis tries ways, the laws are held after each step."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from duban.messages import commands as do
from duban.messages.envelope import Message
from duban.messages.report import Location, Report
from duban.messages.struct import from_data, to_json
from duban_intake.domain import submitted
from tests.simulation.broker import Entry
from tests.simulation.history import History
from tests.simulation.laws import READ, Broken, Laws, Sent
from tests.simulation.life import BEGINS_AT, instant
from tests.simulation.members import GROUPS
from tests.simulation.world import CITIES, MEMBERS, SERVICES, World, pack_of

WATER, OFFICE = do.Actor(unit="water"), do.Actor(unit="office")
#: What makes sense while a problem is in a status.
ACTS: Final[dict[str, tuple[do.Command, ...]]] = {
    "registered": (
        do.Dispatch(actor=OFFICE, lead_unit="water", clause="art. 1"),
        do.Dispatch(actor=OFFICE, lead_unit="water", clause="art. 1"),
        do.Reject(actor=OFFICE, reason="nothing there"),
    ),
    "dispatched": (
        do.Acknowledge(actor=WATER),
        do.HandBack(actor=WATER, reason="not ours"),
        do.Acknowledge(actor=WATER),
        do.Dispatch(actor=OFFICE, lead_unit="water", clause="art. 1"),
    ),
    "underway": (
        do.Progress(actor=WATER, note="on our way"),
        do.Complete(actor=WATER, outcome="rectified"),
        do.HandBack(actor=WATER, reason="not ours"),
    ),
    "verifying": (do.Verify(actor=OFFICE, passed=True), do.Verify(actor=OFFICE, passed=False, reason="not clean")),
    "verified": (do.StrikeOff(actor=OFFICE), do.Verify(actor=OFFICE, passed=False, reason="not clean")),
    "struck_off": (do.Reopen(actor=OFFICE, reason="it is back"),),
    "rejected": (do.Reopen(actor=OFFICE, reason="it is there"),),
}
#: The short way from each status to the end, and back.
CLOSING: Final = {
    **{status: acts[0] for status, acts in ACTS.items()},
    "registered": ACTS["registered"][-1], "dispatched": ACTS["underway"][1], "underway": ACTS["underway"][1],
}  # fmt: skip
ALL_ACTS: Final = tuple({to_json(act): act for acts in ACTS.values() for act in acts}.values())
#: Where each service can be struck, beside the start.
POINTS: Final = {
    service: (
        "before read", "before write", "after write", "before publish", "after publish",
        *(f"{point} {group}" for group in groups for point in ("fetch", "before offsets", "after offsets", "joined")),
        *(("before post", "after post") if service == "escalation" else ()),
    )
    for service, groups in GROUPS.items()
}  # fmt: skip
#: Bytes that are no message, and what is laid aside of them.
POISON: Final[dict[str, tuple[bytes | None, bytes | None, tuple[tuple[bytes, bytes | None], ...]]]] = {
    "no json": (b"k", b"{", ((b"ce_specversion", b"1.0"), (b"ce_id", b"x"), (b"ce_source", b"x"))),
    "no value": (b"k", None, ()),
    "no utf-8 in the name of a header": (b"k", b"{}", ((b"\xff\xfe", b"x"),)),
    "no utf-8 in the key": (b"\xff\xff", b"{}", ((b"ce_specversion", b"\xff"),)),
    "larger than a dead letter": (b"k", b"x" * 40_000, ()),
}
_CODES: Final = frozenset({"always", "not_json", "empty", "invalid", "not_cloudevent", "unknown_type", "fault"})
_SPOTS: Final = tuple(Location(latitude=31.0 + spot / 50, longitude=104.0) for spot in range(2))
_NUMBER = st.integers(0, 30)
_MEMBER = st.sampled_from([(service, number) for service in SERVICES for number in MEMBERS])
_SOON = st.sampled_from([0.0, 0.004, 0.02, 0.3])
_A_WHILE = st.sampled_from([0.02, 0.5, 8.0, 40.0])
_EFFECT = st.sampled_from(["crash", "stall", "long stall", "error"])
#: A point, and which of the two members is struck there, or both.
_STRIKES = {
    service: st.sampled_from([(which, point) for point in points for which in ("0", "1", "01")])
    for service, points in POINTS.items()
}


class City(RuleBasedStateMachine):
    """A city under way, and everything that may befall it."""

    @initialize(seed=st.integers(0, 1_000_000))
    def begin(self, seed: int) -> None:
        self.world = World(seed)
        self.laws = Laws(self.world)
        self.steps = self.acts = 0
        self.world.run(1.0)
        for spot in range(3):
            self._submit(f"report {spot}", spot, soon=0.1)
        self.laws.hold()

    # Clients

    @rule(spot=st.integers(0, 2), soon=_SOON)
    def submit(self, spot: int, soon: float) -> None:
        """A report of what lies at a spot; the last is a noise, which is never near another."""
        self._submit(f"report {len(self.laws.sent)}", spot, soon=soon)

    @rule(which=_NUMBER, is_other=st.booleans(), soon=_SOON)
    def submit_again(self, which: int, is_other: bool, soon: float) -> None:
        """A report that came before, with its body or with another."""
        if not self.laws.sent:
            return
        sent = list(self.laws.sent.values())[which % len(self.laws.sent)]
        if sent.fate == "filed":
            self._submit(sent.id, int(sent.title[-1]), "other" if is_other else "", soon=soon)

    @rule(kind=st.sampled_from(["large", "of no channel", "abroad"]))
    def submit_what_is_refused(self, kind: str) -> None:
        """A report that no policy takes."""
        id_ = f"report {len(self.laws.sent)}"
        if kind == "large":
            evidence = [{"uri": "x" * 2000, "sha256": "0" * 64}] * 9
            self._submit(id_, 0, codes=("too_large", "always"), evidence=evidence)
        elif kind == "abroad":
            self._submit(id_, 0, codes=("unknown_jurisdiction", "always"), jurisdiction="atlantis")
        else:
            self._submit(id_, 0, codes=("unknown_channel", "always"), channel="pigeon")

    def _submit(
        self, id_: str, spot: int, other: str = "", codes: tuple[str, ...] = (), soon: float = 0.0, **changed: Any
    ) -> None:
        fields: dict[str, Any] = {
            "jurisdiction": CITIES[0], "channel": "hotline", "title": f"{other} {id_} at {spot}",
            "category": "noise" if spot == 2 else "river", "location": _SPOTS[spot % 2],
        }  # fmt: skip
        data = from_data(fields | changed, Report)
        key = ("client", id_)
        if other and key in self.laws.sent:
            codes = ("other_body", "always")
        elif "too_large" not in codes:
            self.laws.sent.setdefault(key, Sent(*key, data.title, "refused" if codes else "filed"))
        message = submitted("client", id_, data, instant(self.world.now))
        self.world.send(message, may_die_of=frozenset(codes))
        self.world.run(soon)

    @rule(which=_NUMBER, way=st.integers(0, 5), soon=_SOON)
    def act(self, which: int, way: int, soon: float) -> None:
        """A unit does what makes sense, as far as it knows."""
        if (chosen := self._problem(which)) is not None:
            id_, history = chosen
            acts = ACTS[history.status]
            self._send(id_, history, acts[way % len(acts)])
        self.world.run(soon)

    @rule(which=_NUMBER, way=st.integers(0, 3), is_told_again=st.booleans(), soon=_SOON)
    def close_and_reopen(self, which: int, way: int, is_told_again: bool, soon: float) -> None:
        """All goes well with a problem, or it is rejected; then it is there again, and its end is told once more."""
        if (chosen := self._problem(which)) is not None:
            for _ in range(way + 2):
                self._send(*chosen, CLOSING[chosen[1].status])
                self.world.run(0.1)
                self.laws.hold()
            if is_told_again:
                self._tell_again(chosen[0], 1)
        self.world.run(soon)

    @rule(which=_NUMBER, way=_NUMBER)
    def act_blindly(self, which: int, way: int) -> None:
        """A unit does anything."""
        if (chosen := self._problem(which)) is not None:
            self._send(*chosen, ALL_ACTS[way % len(ALL_ACTS)])

    @rule(which=_NUMBER, way=st.integers(0, 5), early=st.sampled_from([0.05, 0.008, 0.001, 0.0, -0.001]))
    def act_at_the_last_moment(self, which: int, way: int, early: float) -> None:
        """A unit acts as something is about to fall due."""
        chosen = self._problem(which)
        due = min(chosen[1].next_due(), default=None) if chosen else None
        if chosen is None or due is None:
            return
        seconds = (due[0] - BEGINS_AT).total_seconds() - early - self.world.now
        if 0 < seconds < 300:
            self.world.run(seconds)
            self.laws.hold()
        acts = ACTS[chosen[1].status]
        self._send(*chosen, acts[way % len(acts)])
        self.world.run(0.02)

    @rule(which=_NUMBER, kind=st.sampled_from(["large", "of a ghost", "misplaced"]))
    def command_what_is_refused(self, which: int, kind: str) -> None:
        """A command that is too large, names a pack that never comes, or lies in another's place."""
        if (chosen := self._problem(which)) is None:
            return
        id_, history = chosen
        if kind == "large":
            self._send(id_, history, do.HandBack(actor=WATER, clause="c" * 7900, reason="r" * 7900))
        elif kind == "of a ghost":
            cause = do.Cause(problem_id=id_, number="SV-2024-0001", version=1, pack="ghost@1")
            data = do.Open(actor=do.Actor(unit=do.ENGINE), duty="explanation", unit="water",
                           opens_at=instant(self.world.now), cause=cause)  # fmt: skip
            ghost = f"00000000-0000-0000-0000-{self.acts:012}"
            self._send(ghost, history, data, codes=("not_arrived", "always"))
        else:
            self._send(id_, history, do.Progress(actor=WATER, note="x"), key="elsewhere")

    def _send(
        self, id_: Any, history: History, data: do.Command, codes: tuple[str, ...] = (), key: str | None = None
    ) -> None:
        self.acts += 1
        subject, now = str(id_), instant(self.world.now)
        name = f"act {self.acts}"
        message = Message(name, "client", subject, now, history.jurisdiction, key or subject, data)
        self.world.send(message, may_die_of=frozenset(codes))

    def _problem(self, which: int) -> tuple[Any, History] | None:
        problems = [(id_, history) for id_, history in self.laws.histories.items() if not history.is_duty]
        return problems[-1 - which % len(problems)] if problems else None

    @rule(topic=st.sampled_from(["duban.reports.v1", "duban.commands.v1", "duban.problems.v1", "duban.packs.v1"]),
          kind=st.sampled_from(sorted(POISON)), soon=_SOON)  # fmt: skip
    def poison(self, topic: str, kind: str, soon: float) -> None:
        """Bytes that are no message, or a pack that cannot be used; of the packs nobody keeps dead letters."""
        self.world.counts["poison"] += 1
        if topic == "duban.packs.v1":
            self.world.publish(pack_of("nowhere", office="nobody"), "nowhere")
            self.world.broker.append(topic, *POISON[kind])
        else:
            self.world.broker.append(topic, *POISON[kind], may_die_of=_CODES)
        self.world.run(soon)

    @rule(topic=st.sampled_from(["duban.reports.v1", "duban.commands.v1", "duban.problems.v1"]), back=_NUMBER)
    def repeat(self, topic: str, back: int) -> None:
        """A record comes a second time, late: as from a producer that was not sure, or from a zombie."""
        places = [place for place in self.world.broker.partitions(topic) if self.world.broker.logs[place]]
        if places:
            log = self.world.broker.logs[places[back % len(places)]]
            self._repeat(topic, log[-1 - back % len(log)])

    @rule(which=_NUMBER, back=st.integers(0, 5), soon=_SOON)
    def tell_again(self, which: int, back: int, soon: float) -> None:
        """What has happened to a problem is told a second time, though more has happened since."""
        if (chosen := self._problem(which)) is not None:
            self._tell_again(chosen[0], back)
        self.world.run(soon)

    def _tell_again(self, id_: Any, back: int) -> None:
        topic = "duban.problems.v1"
        logs = [self.world.broker.logs[place] for place in self.world.broker.partitions(topic)]
        told = [entry for log in logs for entry in log if entry.header(b"ce_subject") == str(id_).encode()]
        if told:
            self._repeat(topic, told[-1 - back % len(told)])

    def _repeat(self, topic: str, entry: Entry) -> None:
        self.world.broker.append(topic, entry.key, entry.value, entry.headers, may_die_of=entry.may_die_of)
        self.world.counts["repeats"] += 1

    # Time

    @rule(seconds=st.sampled_from([0.01, 0.1, 1.0, 7.0, 30.0, 61.0, 125.0, 300.0]))
    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.world.run(seconds)

    @rule(member=_MEMBER, seconds=st.sampled_from([-3600, -90, -1, 0, 0.5, 90, 3600]))
    def skew(self, member: tuple[str, int], seconds: float) -> None:
        """The clock of a machine is wrong, or is corrected."""
        self.world.skew(*member, seconds)

    @rule(number=st.sampled_from(MEMBERS), ahead=st.sampled_from([90, 3600]), seconds=st.sampled_from([20.0, 100.0]))
    def skew_for_a_while(self, number: int, ahead: float, seconds: float) -> None:
        """The clock of a machine that fires deadlines is ahead, and is corrected."""
        self.world.skew("escalation", number, ahead)
        self.world.run(seconds)
        self.world.skew("escalation", number, 0)

    # Faults

    @rule(point=_STRIKES["intake"], effect=_EFFECT, soon=_A_WHILE)
    def strike_intake(self, point: tuple[str, str], effect: str, soon: float) -> None:
        """Members of intake suffer something when they next come to a point, and there is something to do."""
        self._strike("intake", *point, effect)
        self.submit(self.steps % 3, soon)

    @rule(point=_STRIKES["router"], effect=_EFFECT, way=_NUMBER, soon=_A_WHILE)
    def strike_router(self, point: tuple[str, str], effect: str, way: int, soon: float) -> None:
        """The same for the router."""
        self._strike("router", *point, effect)
        self.submit(self.steps % 3, 0.0)
        self.act(way, way, soon)

    @rule(point=_STRIKES["escalation"], effect=_EFFECT, way=_NUMBER, soon=_A_WHILE)
    def strike_escalation(self, point: tuple[str, str], effect: str, way: int, soon: float) -> None:
        """The same for escalation, half of the times as something falls due."""
        self._strike("escalation", *point, effect)
        if way % 2:
            self.act_at_the_last_moment(way, way, -0.001)
        else:
            self.act(way, way, 0.0)
        self.world.run(soon)

    def _strike(self, service: str, which: str, point: str, effect: str) -> None:
        for number in MEMBERS:
            if (life := self.world.lives.get((service, number))) is not None and str(number) in which:
                life.struck[point] = self.world.effect(effect)

    @rule(number=st.sampled_from(MEMBERS))
    def found_a_city_while_duties_open(self, number: int) -> None:
        """A city will publish its first pack just when a member has sent something."""
        if (life := self.world.lives.get(("escalation", number))) is not None:
            life.struck["after publish"] = self.world.effect("pack")

    @rule(member=_MEMBER, is_killed=st.booleans(), seconds=st.sampled_from([0.0, 1.0, 15.0]))
    def end(self, member: tuple[str, int], is_killed: bool, seconds: float) -> None:
        """A member dies, or is told to end; its service may stand still for a while."""
        life = self.world.lives.get(member)
        if life is not None and is_killed:
            self.world.crash(life)
        self.world.leave(*member)
        self.world.run(seconds)

    @rule(member=_MEMBER, dependency=st.sampled_from(["broker", "database"]), way=_NUMBER)
    def end_while_it_waits(self, member: tuple[str, int], dependency: str, way: int) -> None:
        """A member is told to end while it has something in hand and waits for what is away."""
        self.world.lose(dependency)
        self.submit(way % 3, 0.0)
        self.act(way, way, 0.5)
        self.world.leave(*member)
        self.world.run(30.0)
        self.laws.hold()
        self.world.restore()

    @rule(soon=_SOON)
    def restart(self, soon: float) -> None:
        """Who is not there is started."""
        self.world.start_all()
        self.world.run(soon)

    @rule(group=st.sampled_from(sorted(READ)))
    def rebalance(self, group: str) -> None:
        """The partitions of a group change hands."""
        self.world.broker.groups[group].rebalance()

    @rule(group=st.sampled_from(sorted(READ)), back=st.sampled_from([1, 3, 1000]))
    def redeliver(self, group: str, back: int) -> None:
        """A group reads again what it has read."""
        self.world.counts["replays"] += 1
        self.world.rewind(group, back)

    @rule(dependency=st.sampled_from(["broker", "database"]), seconds=st.sampled_from([0.05, 3.0, 20.0, 70.0]))
    def outage(self, dependency: str, seconds: float) -> None:
        """Something that all depend on is away for a while."""
        self.world.lose(dependency)
        self.world.run(seconds)
        self.world.restore()

    @rule(recipient=st.sampled_from(["water", "office", "press"]), seconds=st.sampled_from([0.0, 61.0]),
          mood=st.sampled_from(["puts off", "is away", "refuses", ""]))  # fmt: skip
    def receive(self, recipient: str, seconds: float, mood: str) -> None:
        """Whoever takes the notices of a recipient is in another mood."""
        self.world.receiver.moods[recipient] = mood
        self.world.run(seconds)

    # Policies

    @rule(version=st.integers(2, 4))
    def publish(self, version: int) -> None:
        """A new version of the pack, which says the same."""
        self.world.found(CITIES[0], version)

    # Laws

    @precondition(lambda self: self.steps % 8 == 7)
    @rule()
    def heal(self) -> None:
        """Everything is there again: what was to happen must have happened after a while."""
        self.laws.settle()

    @invariant()
    def holds(self) -> None:
        """What holds at every instant."""
        self.steps += 1
        self.laws.hold()

    def teardown(self) -> None:
        if not hasattr(self, "laws"):
            return
        try:
            if not self.laws.is_broken:
                self.laws.settle()
        finally:
            self.world.close()
        if self.world.unheard and not self.laws.is_broken:
            raise Broken("stops", f"nobody hears of this: {self.world.unheard[0]}")
