"""I8 to I10: the order of the ledger, its legality, its chain."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import orjson

from duban_checker.fold import Illegal, differences, folded
from duban_checker.traces import Case, Row, Violation

_GENESIS = "0" * 64


def ordered(case: Case, run: Row) -> Iterator[Violation]:
    """I8: versions follow one another, on the topic too, and the ledger has the order of the log."""
    versions = [event["version"] for event in case.events]
    if versions != list(range(1, len(versions) + 1)):
        yield Violation("I8", "versions do not follow one another", case.problem, str(versions))
    tale = list(dict.fromkeys(row["version"] for row in case.told))
    if tale != sorted(tale):
        yield Violation("I8", "the topic told the events in another order", case.problem, str(tale))
    yield from _by_log(case)


def _by_log(case: Case) -> Iterator[Violation]:
    appended = case.appended()
    granted = [row for row in case.outcomes if row["refused"] is None and row["command"] in appended]
    granted.sort(key=lambda row: row["first_version"])
    if len({appended[row["command"]]["partition"] for row in granted}) > 1:
        yield Violation("I8", "commands of one problem lie in several partitions", case.problem)
        return
    offsets = [appended[row["command"]]["offset"] for row in granted]
    if offsets != sorted(offsets):
        yield Violation("I8", "the ledger has another order than the log", case.problem, str(offsets))


def legal(case: Case, run: Row) -> Iterator[Violation]:
    """I9: the events are legal moves, and lead to the state that is stored."""
    if len(case.records) != 1:
        if case.events or case.records:
            what = f"{len(case.events)} events stand under {len(case.records)} records"
            yield Violation("I9", what, case.problem)
        return
    record = case.records[0]
    state = orjson.loads(record["state"])
    try:
        expected = folded(case.bodies)
    except Illegal as error:
        yield Violation("I9", "an event is no legal move", case.problem, str(error))
        return
    if record["version"] != expected["version"]:
        yield Violation("I9", "the record has another version than its history", case.problem, str(record["version"]))
    for name, held, right in differences(state, expected):
        yield Violation("I9", f"the stored state has another {name}", case.problem, f"{held!r}, not {right!r}")


def chained(case: Case, run: Row) -> Iterator[Violation]:
    """I10: the hash of each event recomputes over the one before it; record and anchors hold them."""
    head = _GENESIS
    for event in case.events:
        where = f"version {event['version']}"
        if sha256(head.encode() + event["body"].encode()).hexdigest() != event["hash"]:
            yield Violation("I10", "an event has another hash than the one before and its bytes", case.problem, where)
        head = event["hash"]
    for record in case.records:
        if case.events and record["head"] != head:
            yield Violation("I10", "the record holds another head than its history", case.problem, record["head"])
    held = {event["version"]: event["hash"] for event in case.events}
    for anchor in case.anchors:
        if held.get(anchor["version"]) != anchor["hash"]:
            where = f"{anchor['where']}, version {anchor['version']}"
            yield Violation("I10", "an anchor holds another head than the ledger", case.problem, where)
