"""Random draws (抽查): who is drawn follows from the ledger and a seed alone, so that anybody can draw again. Pure.

Candidates stand in the order of the SHA-256 of the seed, a space and the problem's id; the first of them are drawn.
Whoever does not know the seed cannot foresee it, and whoever does can check it: ``printf '%s %s' SEED ID | sha256sum``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from hashlib import sha256
from itertools import groupby
from typing import Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from duban.deadlines import due
from duban.duties import called_id
from duban.life import evolve
from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.envelope import Message, derived_id
from duban.messages.records import AnyRecord, Event, Listing, Problem
from duban.messages.struct import replace
from duban.moves import OPEN, Status
from duban.policy import Rules
from duban.policy.model.draw import DrawRule
from duban.policy.scope import is_for
from duban.texts import folded
from duban_console.action import action_message
from duban_console.listings import entry_of

SOURCE: Final = "duban/draw"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A record of any kind as it stood, and the event with which it began."""

    record: AnyRecord
    first: Event


class Lot(BaseModel):
    """A problem that was drawn: by which hash, and in which version it stood then."""

    id: UUID
    number: str
    version: int
    title: str
    lead_unit: str | None = None
    enterprise: str | None = None
    hash: str


class Spared(BaseModel):
    """A problem that was not drawn from: its enterprise stands on the list that spares, as this entry."""

    id: UUID
    number: str
    enterprise: str
    list: str
    entry: str


class AlreadyChecked(BaseModel):
    """A problem that was not drawn from: the ``duty`` to check it is still owed, or it has not changed since."""

    id: UUID
    number: str
    duty: str


class Draw(BaseModel):
    """A draw as of an instant: how many ``candidates`` were left, which were drawn, and who was left out, and why."""

    draw: str
    pack: str
    seed: str
    at: AwareDatetime
    candidates: int
    drawn: tuple[Lot, ...]
    spared: tuple[Spared, ...]
    checked: tuple[AlreadyChecked, ...]

    @property
    def reason(self) -> str:
        """Why a drawn problem is checked, with all that it takes to draw again."""
        return self.told(self.at.tzinfo)

    def told(self, zone: tzinfo | None) -> str:
        """The same with its instant in ``zone``, to the last digit, as ``--as-of`` takes it."""
        return (
            f"draw {self.draw} with the seed {self.seed} as of {self.at.astimezone(zone).isoformat()}: "
            f"{len(self.drawn)} drawn of {self.candidates} candidates, "
            f"{len(self.spared)} spared, {len(self.checked)} drawn before"
        )


def standing(events: Iterable[Event], rules_of: Callable[[str], Rules | None]) -> Iterator[Snapshot]:
    """Every record as ``events`` leave it, which come record by record and in order."""
    for _, some in groupby(events, key=lambda event: event.problem_id):
        first, *later = some
        record = evolve(None, first)
        for event in later:
            record = evolve(record, event)
        rules = rules_of(record.pack) if isinstance(record, Listing) else None
        if rules is not None:  # the end of an entry's term is one of its deadlines
            record = replace(record, deadlines=due(record, rules))
        yield Snapshot(record, first)


def draw(rule: DrawRule, pack: str, seed: str, at: datetime, ledger: Iterable[Snapshot]) -> Draw:
    """The draw that ``seed`` gives in ``ledger``, which holds every record of the jurisdiction as it stood ``at``."""
    records = list(ledger)
    exempt = _exempt(rule, at, records)
    checks = _checks(rule, seed, records)
    candidates: list[Problem] = []
    spared: list[Spared] = []
    checked: list[AlreadyChecked] = []
    for problem in _drawable(rule, records):
        entry = exempt.get(folded(problem.enterprise or "")) if problem.channel not in rule.never_spares else None
        duty = checks.get(problem.id)
        if entry is not None:
            spared.append(Spared(id=problem.id, number=problem.number, enterprise=problem.enterprise or "",
                                 list=entry.list, entry=entry.number))  # fmt: skip
        elif duty is not None and (duty.record.status in OPEN or _version(duty) == problem.version):
            checked.append(AlreadyChecked(id=problem.id, number=problem.number, duty=duty.record.number))
        else:
            candidates.append(problem)
    ranked = sorted(((rank(seed, problem.id), problem) for problem in candidates), key=lambda place: place[0])
    return Draw(
        draw=rule.id,
        pack=pack,
        seed=seed,
        at=at,
        candidates=len(candidates),
        drawn=tuple(_lot(hash_, problem) for hash_, problem in ranked[: rule.many(len(candidates))]),
        spared=tuple(spared),
        checked=tuple(checked),
    )


def rank(seed: str, problem_id: UUID) -> str:
    """Where a problem stands in the draw: the lowest hash comes first."""
    return sha256(f"{seed} {problem_id}".encode()).hexdigest()


def _lot(hash_: str, problem: Problem) -> Lot:
    fields = {name: getattr(problem, name) for name in Lot.model_fields if name != "hash"}
    return Lot(**fields, hash=hash_)


def _drawable(rule: DrawRule, records: Iterable[Snapshot]) -> Iterator[Problem]:
    """The problems that the draw may draw."""
    for problem in (standing.record for standing in records):
        if (
            isinstance(problem, Problem)
            and problem.status in rule.statuses
            and is_for(rule, problem.category, problem.matter)
            and (not rule.channels or problem.channel in rule.channels)
        ):
            yield problem


def _exempt(rule: DrawRule, at: datetime, records: Iterable[Snapshot]) -> dict[str, Listing]:
    """The entries in force of the list that spares, by the name that they are of."""
    exempt: dict[str, Listing] = {}
    for listing in (standing.record for standing in records):
        if isinstance(listing, Listing) and listing.list == rule.spares:
            entry = entry_of(listing, at)
            if entry is not None and entry.status is Status.LISTED:
                exempt[folded(entry.of)] = listing
    return exempt


def _checks(rule: DrawRule, seed: str, records: Iterable[Snapshot]) -> dict[UUID, Snapshot]:
    """The latest check of each problem that is none of this very draw: the same seed draws the same again."""
    latest: dict[UUID, Snapshot] = {}
    for record in records:
        cause = record.first.change.cause if isinstance(record.first.change, c.Opened) else None
        if cause is None or record.record.rule != rule.opens:
            continue
        own = record.first.command == command_id(rule, record.record.jurisdiction, seed, cause.problem_id)
        known = latest.get(cause.problem_id)
        if not own and (known is None or known.first.at <= record.first.at):
            latest[cause.problem_id] = record
    return latest


def _version(duty: Snapshot) -> int:
    """The version of the problem that the check rests on."""
    assert isinstance(duty.first.change, c.Opened)
    assert duty.first.change.cause is not None
    return duty.first.change.cause.version


def command_id(rule: DrawRule, jurisdiction: str, seed: str, problem_id: UUID) -> str:
    """The id of the command that opens the check of a drawn problem: one for each draw, seed and problem."""
    return str(derived_id("draw", jurisdiction, rule.id, seed, problem_id))


def openings(result: Draw, rule: DrawRule, jurisdiction: str, now: datetime) -> Iterator[Message[do.Command]]:
    """The command for each drawn problem, by which the unit that checks owes the check from ``now`` on.

    The record that it opens has the id that a measure would give it: its number, too, names duty, unit and version.
    """
    for lot in result.drawn:
        cause = do.Cause(problem_id=lot.id, number=lot.number, version=lot.version, pack=result.pack)
        command = do.Open(
            actor=do.Actor(unit=do.ENGINE, person="draw"), reason=result.reason, duty=rule.opens, unit=rule.by,
            opens_at=now, cause=cause,
        )  # fmt: skip
        yield action_message(
            command, id_=command_id(rule, jurisdiction, result.seed, lot.id),
            problem_id=called_id(cause, rule.opens, rule.by), jurisdiction=jurisdiction,
            source=SOURCE, at=now,
        )  # fmt: skip
