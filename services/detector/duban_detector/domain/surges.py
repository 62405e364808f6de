"""Many reports from one area: whether there is a surge, and which report tells of it. Pure.

Time is cut into stretches as long as the rule's time, from 1970 on. A stretch in which a surge was found
is told of once, under an id of its own, and goes on with that of the stretch before, if one was found there. So whoever
reads the latest reports says the same, from wherever it begins to read, and nothing has to be remembered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from duban.messages.envelope import Message, derived_text
from duban.messages.report import MOST_OF_TITLE, Report
from duban.policy.model.detection import SurgeRule, length
from duban.policy.rules import Rules
from duban_detector.domain.episode_reports import SOURCE

#: How many times the rule's time is looked back, so that the stretch before is known whole.
STRETCHES: Final = 4
_BEGINNING: Final = datetime.fromtimestamp(0, UTC)
#: A city, a rule, an area.
Crowd: TypeAlias = tuple[str, str, str]


class Surges:
    """The reports of late, by city, rule and area."""

    def __init__(self) -> None:
        self._instants: defaultdict[Crowd, dict[tuple[str, str], datetime]] = defaultdict(dict)
        self._told: set[str] = set()

    def take(self, message: Message[Report], at: datetime, rules: Rules) -> Iterator[Message[Report]]:
        """What is to be told after a report that came ``at`` an instant; each surge once."""
        report = message.data
        if report.area is None or report.continues is not None or rules.pack.detection is None:
            return
        for rule in rules.pack.detection.surges:
            if not _counts(rule, report, rules):
                continue
            crowd = (report.jurisdiction, rule.id, report.area)
            instants = self._instants[crowd]
            instants.setdefault((message.source, message.id), at)
            _forget(instants, max(instants.values()) - STRETCHES * length(rule.within))
            stretches = surges(instants.values(), rule)
            for stretch in sorted(stretches):
                surge = _report(crowd, rule, rules, stretch, goes_on=stretch - 1 in stretches)
                if surge.id not in self._told:
                    self._told.add(surge.id)
                    yield surge


def surges(instants: Iterable[datetime], rule: SurgeRule) -> set[int]:
    """The stretches, by their number, in which so many reports had come within the rule's time."""
    ordered, within = sorted(instants), length(rule.within)
    return {
        (latest - _BEGINNING) // within
        for earliest, latest in zip(ordered, ordered[rule.reports - 1 :], strict=False)
        if latest - earliest < within
    }


def longest(rules: Iterable[Rules]) -> timedelta:
    """How far back reports are to be read, so that every surge that lasts is found as it was before."""
    detections = (each.pack.detection for each in rules)
    times = [length(rule.within) for detection in detections if detection is not None for rule in detection.surges]
    return STRETCHES * max(times, default=timedelta(0))


def _counts(rule: SurgeRule, report: Report, rules: Rules) -> bool:
    category = report.category or rules.pack.default_category
    return (not rule.categories or category in rule.categories) and (
        not rule.channels or report.channel in rule.channels
    )


def _forget(instants: dict[tuple[str, str], datetime], before: datetime) -> None:
    for key in [key for key, at in instants.items() if at < before]:
        del instants[key]


def _report(crowd: Crowd, rule: SurgeRule, rules: Rules, stretch: int, *, goes_on: bool) -> Message[Report]:
    jurisdiction, _, area = crowd
    title = next((entry.title.native for entry in rules.pack.areas if entry.id == area), area)
    begun_at = _BEGINNING + stretch * length(rule.within)
    hours = length(rule.within) / timedelta(hours=1)
    text = (
        f"{title}：{hours:g}小时内线索不少于{rule.reports}件"
        if rule.title.zh
        else f"{title}: at least {rule.reports} reports within {hours:g} hours"
    )
    colon = "：" if rule.title.zh else ": "
    id_ = _id(crowd, stretch)
    report = Report(
        jurisdiction=jurisdiction,
        channel=rule.channel,
        title=f"{rule.title.native}{colon}{title}"[:MOST_OF_TITLE],
        text=text,
        category=rule.category,
        matter=rule.matter,
        area=area,
        observed_at=begun_at,
        continues=_id(crowd, stretch - 1) if goes_on else None,
        attributes={"rule": rule.id},
    )
    return Message(id_, SOURCE, id_, begun_at, jurisdiction, f"{SOURCE}/{'/'.join(crowd)}", report)


def _id(crowd: Crowd, stretch: int) -> str:
    return derived_text("surge", *crowd, stretch)
