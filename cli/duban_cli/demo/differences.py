"""Where things did not go as a story tells, and where the ledger is not what the pure core makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from duban.messages.records import AnyRecord
from duban.moves import Status
from duban_cli.demo.cities import City
from duban_cli.demo.observation import Seen
from duban_cli.demo.story import Acted
from duban_cli.demo.story_entry import Ended, ReportTold

_SHORTER = (("less", "the end"), ("more", "the end"))
_IN_WORDS = {Status.STRUCK_OFF: "submitted", Status.UNDERWAY: "open"}
_ENDS = {"struck_off": Status.STRUCK_OFF, "rejected": Status.REJECTED}


def otherwise(city: City, seen: Seen) -> Iterator[str]:
    """What did not go as the story of ``city`` tells: acts, the ends of reports and duties, lapses and measures."""
    for entry in city.entries:
        if isinstance(entry, Acted) and (code := seen.refusals.get(entry.message.id)) != entry.act.refused:
            became, expected = (
                f"refused ({refusal})" if refusal else "granted" for refusal in (code, entry.act.refused)
            )
            yield f"{entry.told.id}: {entry.act.action} at {entry.act.at} is {became}, expected {expected}"
    problems = {report.id: report.problem_id for report in reversed(city.story.reports)}
    for report in city.story.reports:
        yield from _of_report(report, problems.get(report.expect.to or ""), seen)
    for owed in city.story.duties:
        yield from _of_record(owed.id, owed.expect, city.story.duty_id(owed), seen)
    for record in city.story.opened:
        id_ = seen.opened_because(city.story.cause_of(record), record.record, record.of)
        yield from _of_record(record.id, record.expect, id_, seen)


def differences(seen: Seen, rehearsed: Seen, city: str) -> Iterator[str]:
    """Where the ledger of ``city`` is not what the pure core makes of the same story, record by record."""
    there = {id_: record for id_, record in seen.records.items() if record.jurisdiction == city}
    for id_ in there.keys() - rehearsed.records.keys():
        yield f"{there[id_].number} stands in the ledger, but not on virtual time"
    for id_, expected in rehearsed.records.items():
        record = there.get(id_)
        if record is None:
            yield f"{expected.number} stands on virtual time, but not in the ledger"
        elif fields := [name for name in expected.__struct_fields__ if _field(record, name) != _field(expected, name)]:
            yield f"{expected.number} differs from virtual time in {', '.join(fields)}"
        elif seen.history[id_] != rehearsed.history[id_]:
            there_and_here = zip(seen.history[id_], rehearsed.history[id_], strict=False)
            (what, at), (other, other_at) = next((pair for pair in there_and_here if pair[0] != pair[1]), _SHORTER)
            yield f"{expected.number} was {what} at {at}, on virtual time {other} at {other_at}"
        elif seen.measures.get(id_) != rehearsed.measures.get(id_):
            yield f"{expected.number} brought other measures than on virtual time"


def _field(record: AnyRecord, name: str) -> Any:
    """A field of the state; of its marks only what happened, how often and as which version: history has the rest."""
    value: Any = getattr(record, name, None)
    if value and name in ("marks", "flagged"):
        return {kind: (mark.version, mark.times) for kind, mark in value.items()}
    if value and name == "referrals":
        return {
            body: (referral.referred.version, referral.received and referral.received.version)
            for body, referral in value.items()
        }
    return value


def _of_report(report: ReportTold, attached_to: UUID | None, seen: Seen) -> Iterator[str]:
    name, expected = f"{report.source}/{report.id}", report.expect
    outcome = _became(report, seen)
    if outcome != expected.outcome:
        yield f"{name} is {outcome}, expected {expected.outcome}"
    elif expected.outcome == "refused":
        if (code := seen.refused_reports[report.source, report.id]) != expected.code:
            yield f"{name} is refused with {code}, expected {expected.code}"
    elif expected.outcome == "attached":
        if (found_at := seen.attached[report.source, report.id]) != attached_to:
            yield f"{name} is attached to {found_at}, expected {expected.to}"
    else:
        lapsed = set(seen.lapsed.get(report.problem_id, ()))
        if lapsed != set(expected.lapsed):
            yield f"{name} lapsed {sorted(lapsed)}, expected {sorted(expected.lapsed)}"
        yield from _of_measures(name, seen.measures.get(report.problem_id, []), expected.measures)


def _of_record(name: str, expected: Ended, id_: UUID | None, seen: Seen) -> Iterator[str]:
    record = seen.records.get(id_) if id_ else None
    if id_ is None or record is None:
        yield f"{name} was not opened"
        return
    outcome = _IN_WORDS.get(record.status, record.status.value)
    if outcome != expected.outcome:
        yield f"{name} is {outcome}, expected {expected.outcome}"
    if (id_ in seen.lapsed) != expected.lapsed:
        yield f"{name} {'lapsed' if id_ in seen.lapsed else 'did not lapse'}, expected otherwise"
    yield from _of_measures(name, seen.measures.get(id_, []), expected.measures)


def _of_measures(name: str, measures: list[str], expected: tuple[str, ...] | None) -> Iterator[str]:
    if expected is not None and tuple(measures) != expected:
        yield f"{name} brought {measures}, expected {list(expected)}"


def _became(report: ReportTold, seen: Seen) -> str:
    """The outcome of a report in the story's words."""
    name = report.source, report.id
    if report.expect.outcome == "refused":
        return "refused" if name in seen.refused_reports else "not refused"
    if name in seen.attached:
        return "attached"
    problem = seen.records.get(report.problem_id)
    if problem is None:
        return "refused" if name in seen.refused_reports else "missing"
    return next((end for end, status in _ENDS.items() if problem.status is status), "open")
