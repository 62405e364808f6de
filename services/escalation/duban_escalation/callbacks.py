"""What sources are told of their reports, those that want to hear: registered, dispatched, answered, closed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from duban.messages.envelope import Message, derived_id
from duban.messages.events import event_id
from duban.messages.notices import Notice
from duban.messages.sources import RegisteredSource
from duban.moves import Kind
from duban.policy.model.entry import Text
from duban.policy.rules import Rules
from duban_escalation.heard import OfReports
from duban_escalation.measures import SOURCE

#: Of these every source of a problem's reports hears; of the others that of the one report.
OF_ALL: Final = ("dispatched", "struck_off", "rejected")
_WORDS: Final = {
    "registered": Text(en="{number} is registered", zh="已登记，编号{number}"),
    "attached": Text(en="joined to {number}, which is of the same", zh="已并入{number}"),
    "dispatched": Text(en="{number} is given to {unit}", zh="{number}已交办{unit}"),
    "struck_off": Text(en="{number} is done and struck off", zh="{number}已销号"),
    "rejected": Text(en="{number} is not taken up{ground}", zh="{number}不予受理{ground}"),
}


@dataclass(frozen=True, slots=True)
class CallbackReport:
    """A report whose source wants to hear of it, by the event that filed it."""

    problem_id: UUID
    version: int
    source: str
    id: str


class CallbackSources:
    """The sources that are told what becomes of their reports; fed from ``duban.sources.v1``."""

    def __init__(self) -> None:
        self._sources: dict[str, RegisteredSource] = {}
        self._by_spoken: dict[str, RegisteredSource] = {}

    @property
    def any(self) -> bool:
        """Whether any source wants to hear anything."""
        return bool(self._sources)

    def put(self, source: RegisteredSource) -> None:
        """Take ``source`` as it is now; one that is off hears nothing."""
        self._sources.pop(source.name, None)
        if source.callback is not None and not source.is_off:
            self._sources[source.name] = source
        self._by_spoken = {name: owner for owner in self._sources.values() for name in (*owner.names, owner.name)}

    def named(self, name: str) -> RegisteredSource | None:
        """The source ``name``, if it is to be told anything."""
        return self._sources.get(name)

    def filed(self, event: OfReports) -> CallbackReport | None:
        """The report that ``event`` filed, if its source wants to hear of it; what goes on is no further report."""
        filed = event.event.change.filed
        if filed is None or filed.source not in self._by_spoken or filed.report.continues is not None:
            return None
        return CallbackReport(event.problem.id, event.event.version, filed.source, filed.id)

    def called_back(
        self, event: OfReports, reports: Iterable[CallbackReport], rules: Rules
    ) -> Iterator[Message[Notice]]:
        """What ``event`` tells the sources of ``reports``, those of its problem, or that of the one it is about."""
        change, version = event.event.change, event.event.version
        names = {
            (report.source, report.id)
            for report in reports
            if change.kind in OF_ALL and report.problem_id == event.problem.id and report.version < version
        }
        if change.filed is not None:
            names = set() if change.filed.report.continues else {(change.filed.source, change.filed.id)}
        elif change.source is not None and change.id is not None:
            names = {(change.source, change.id)}
        for spoken, report in sorted(names):
            source = self._by_spoken.get(spoken)
            if source is not None:
                yield _notice(event, source.name, spoken, report, rules)


def _notice(event: OfReports, recipient: str, source: str, report: str, rules: Rules) -> Message[Notice]:
    problem, version, at = event.problem, event.event.version, event.event.at
    category = rules.categories.get(problem.category)
    limits = [limit for limit in problem.deadlines if limit.owner]
    latest = max(limits, key=lambda limit: limit.lapse_at, default=None)
    return Message(
        id=str(derived_id("callback", problem.id, version, source, report)),
        source=SOURCE,
        subject=str(problem.id),
        time=at,
        jurisdiction=problem.jurisdiction,
        key=f"source:{recipient}",
        cause=event_id(problem.id, version),
        data=Notice(
            recipient=recipient,
            kind=Kind.PROBLEM,
            event=event.event.change.kind,
            problem_id=problem.id,
            number=problem.number,
            # What another reporter has called it is not this one's to read.
            title=category.title.native if category else problem.category,
            owner=problem.lead_unit or rules.pack.office,
            lapse_at=latest.lapse_at if latest else at,
            provisional=latest is not None and latest.provisional,
            text=_text(event, rules),
            issued_at=at,
            source=source,
            report=report,
        ),
    )


def _text(event: OfReports, rules: Rules) -> str:
    """The words of a reply; of anything else what happened, in the language of the pack."""
    change, problem = event.event.change, event.problem
    if change.kind == "replied":
        return change.text
    words = _WORDS[change.kind]
    ground = rules.rejections.get(change.ground or "")
    return ((rules.pack.title.zh and words.zh) or words.en).format(
        number=problem.number,
        unit=rules.title_of(problem.lead_unit or rules.pack.office),
        ground=f": {ground.title.native}" if ground else "",
    )
