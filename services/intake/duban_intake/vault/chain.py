"""The log of the vault as a chain: each line's hash covers its bytes and the hash before it. Pure.

Whoever may write the table and recompute every hash can tell another story; so note the head elsewhere and hand it to
the check (the gateway's own log has each head, too). Lines that were cut off at the end show only so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson

from duban.messages.events import GENESIS, chained
from duban_intake.vault.custody import Act, ActKind, illegal


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it stands in the log: its number, the very bytes that its hash covers, the hash before and after."""

    number: int
    body: bytes
    previous: str
    hash: str

    @property
    def act(self) -> Act:
        """What the bytes say."""
        fields = orjson.loads(self.body)
        ask = UUID(fields["ask"]) if fields["ask"] else None
        at = datetime.fromisoformat(fields["at"])
        return Act(ActKind(fields["kind"]), at, fields["by"], fields["source"], fields["id"], ask, fields["reason"])


@dataclass(frozen=True, slots=True)
class Audit:
    """Whether the log is whole: its length, its head, and else the first line that is wrong and why."""

    lines: int
    head: str
    broken: int | None = None
    reason: str | None = None


def following(last: Line | None, act: Act) -> Line:
    """The line for ``act`` after ``last``."""
    number, previous = (last.number + 1, last.hash) if last else (1, GENESIS)
    fields = {
        "number": number,
        "kind": act.kind,
        "at": act.at.astimezone(UTC).isoformat(),
        "by": act.by,
        "source": act.source,
        "id": act.id,
        "ask": act.ask,
        "reason": act.reason,
    }
    body = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    return Line(number, body, previous, chained(previous, body))


def audit(lines: Sequence[Line], noted: Iterable[str] = ()) -> Audit:
    """Whether ``lines`` are the log that was written, every step legal, and each head ``noted`` earlier still in it."""
    previous = GENESIS
    under: defaultdict[UUID | None, list[Act]] = defaultdict(list)
    for number, line in enumerate(lines, start=1):
        why = _wrong(line, number, previous, under)
        if why is not None:
            return Audit(len(lines), previous, number, why)
        under[line.act.ask].append(line.act)
        previous = line.hash
    known = {GENESIS, *(line.hash for line in lines)}
    lost = next((head for head in noted if head.lower() not in known), None)
    if lost is not None:
        say = f"no line has the hash {lost} that was noted earlier; the log was cut off or written anew"
        return Audit(len(lines), previous, len(lines) + 1, say)
    return Audit(len(lines), previous)


def _wrong(line: Line, number: int, previous: str, under: Mapping[UUID | None, Sequence[Act]]) -> str | None:
    if line.number != number:
        return f"line {number} is missing"
    if line.previous != previous:
        return "it does not follow on the line before it"
    if chained(previous, line.body) != line.hash:
        return "its bytes are not those that were hashed"
    try:
        act = line.act
    except (ValueError, KeyError, TypeError):
        return "it is no line that the vault writes"
    # The limit is a setting and may have been another then; who, and in which order, may not.
    refusal = illegal(act, under.get(act.ask, []), None)
    return refusal.reason if refusal else None
