"""Which reports of a problem wait for a reply: a fact that the ledger holds beside the state, which counts them. Pure.

In the state they would travel with every event, and a problem of a thousand reports would tell each of them a thousand
times.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias
from uuid import UUID

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.records import Event

#: A report of a problem: the problem, and the report's source and id.
Reported: TypeAlias = tuple[UUID, str, str]


class Filing(NamedTuple):
    """A report that waits for a reply, with the version of the event that filed it."""

    problem_id: UUID
    source: str
    id: str
    version: int


class RepliesOwed:
    """The reports that wait for a reply, as far as they are ``known``, and from then on by what happens."""

    def __init__(self, known: Iterable[Filing] = ()) -> None:
        self._versions: defaultdict[Reported, list[int]] = defaultdict(list)
        for filing in sorted(known):
            self._versions[filing[:3]].append(filing.version)

    def is_owed(self, problem_id: UUID, command: do.Command) -> bool:
        """Whether ``command`` is a reply, and to a report that waits for one."""
        reported = answered(problem_id, command)
        return reported is not None and bool(self._versions.get(reported))

    def take(self, event: Event) -> tuple[Filing, bool] | None:
        """The report that ``event`` has wait (True), or wait no more (False); None where it does neither."""
        match event.change:
            case c.Registered(filed=filed) | c.Attached(filed=filed):
                filing = Filing(event.problem_id, filed.source, filed.id, event.version)
                self._versions[filing[:3]].append(filing.version)
                return filing, True
            case c.Replied(source=source, id=id_):
                version = self._versions[event.problem_id, source, id_].pop(0)
                return Filing(event.problem_id, source, id_, version), False
            case _:
                return None


def answered(problem_id: UUID, command: do.Command) -> Reported | None:
    """The report that ``command`` answers; None where it is no reply."""
    return (problem_id, command.source, command.id) if isinstance(command, do.Reply) else None
