"""The log of the vault as a chain, in which every step follows on those before it. Pure.

The gateway's own log has each head, too; :mod:`duban.messages.log_chain` says what a chain shows and what not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from duban.messages.log_chain import Audit, LogLine
from duban.messages.log_chain import audit as audit_chain
from duban_intake.vault.custody import Act, ActKind, illegal

__all__ = ["Audit", "Line", "audit", "fields_of", "following"]


class Line(LogLine):
    """One line of the vault's log."""

    __slots__ = ()

    @property
    def act(self) -> Act:
        """What the bytes say."""
        fields = self.fields
        ask = UUID(fields["ask"]) if fields["ask"] else None
        at = datetime.fromisoformat(fields["at"])
        return Act(ActKind(fields["kind"]), at, fields["by"], fields["source"], fields["id"], ask, fields["reason"])


def fields_of(act: Act) -> dict[str, object]:
    """What the line for ``act`` says."""
    return {
        "kind": act.kind,
        "at": act.at.astimezone(UTC).isoformat(),
        "by": act.by,
        "source": act.source,
        "id": act.id,
        "ask": act.ask,
        "reason": act.reason,
    }


def following(last: Line | None, act: Act) -> Line:
    """The line for ``act`` after ``last``."""
    return Line.following(last, fields_of(act))


def audit(lines: Sequence[Line], noted: Iterable[str] = ()) -> Audit:
    """Whether ``lines`` are the log that was written, every step legal, and each head ``noted`` earlier still in it."""
    under: defaultdict[UUID | None, list[Act]] = defaultdict(list)

    def wrong(line: Line) -> str | None:
        try:
            act = line.act
        except (ValueError, KeyError, TypeError):
            return "it is no line that the vault writes"
        # The limit is a setting and may have been another then; who, and in which order, may not.
        refusal = illegal(act, under[act.ask], None)
        under[act.ask].append(act)
        return refusal.reason if refusal else None

    return audit_chain(lines, noted, wrong)
