"""I1 to I3: what a client was told against what the engine holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from duban_checker.traces import Case, Row, Violation


def lost(case: Case, run: Row) -> Iterator[Violation]:
    """I1: what was accepted is there: a report has its receipt, a command its outcome, a poisoned record its letter."""
    receipts = {(row["source"], row["id"]): row for row in case.receipts}
    decided = {row["command"] for row in case.outcomes}
    seen = set()
    for call in case.calls:
        key = (call["source"], call["id"])
        if call["outcome"] != "ok" or key in seen:
            continue
        seen.add(key)
        if call["kind"] == "report":
            receipt = receipts.get(key)
            if receipt is None:
                yield Violation("I1", "an accepted report has no receipt", case.problem, "/".join(key))
            elif receipt["outcome"] == "accepted" and not case.records:
                yield Violation("I1", "an accepted report is not in the ledger", case.problem, "/".join(key))
        elif call["kind"] == "act" and call["id"] not in decided:
            yield Violation("I1", "an accepted command was never decided", case.problem, call["id"])
        elif call["kind"] == "poison" and not case.letters:
            yield Violation("I1", "what cannot be handled was not set aside", case.problem, call["id"])


class Doubled:
    """I2: one receipt and one problem per key, and the first body that came under it stands."""

    def __init__(self) -> None:
        self._filed: dict[tuple[str, str], str] = {}

    def __call__(self, case: Case, run: Row) -> Iterator[Violation]:
        receipts = Counter((row["source"], row["id"]) for row in case.receipts)
        for key, count in receipts.items():
            if count > 1:
                yield Violation("I2", f"a report has {count} receipts", case.problem, "/".join(key))
        filed = [
            body["change"]["filed"] for body in case.bodies if body["change"]["kind"] in ("registered", "attached")
        ]
        for report in filed:
            key = (report["source"], report["id"])
            other = self._filed.setdefault(key, case.problem)
            if other != case.problem:
                yield Violation("I2", f"a report opened two problems, {other} too", case.problem, "/".join(key))
        if sum(body["change"]["kind"] == "registered" for body in case.bodies) > 1:
            yield Violation("I2", "a problem was registered twice", case.problem)
        yield from _first_body(case, {(report["source"], report["id"]): report["report"] for report in filed})


def _first_body(case: Case, filed: dict[tuple[str, str], Row]) -> Iterator[Violation]:
    """The body that was accepted first stands in the ledger, and every other one under its key was refused."""
    bodies: dict[tuple[str, str], list[Row]] = {}
    certain: set[tuple[str, str]] = set()
    for call in case.calls:
        if call["kind"] == "report" and call["outcome"] != "fail":
            key = (call["source"], call["id"])
            known = bodies.setdefault(key, [])
            if not known and call["outcome"] == "ok":
                certain.add(key)
            if call["report"] not in known:
                known.append(call["report"])
    for key in certain:
        first, *others = bodies[key]
        held = filed.get(key)
        if held is not None and any(held.get(name) != value for name, value in first.items()):
            yield Violation("I2", "another body than the first stands in the ledger", case.problem, "/".join(key))
        accepted = [call["report"] for call in case.calls if call["outcome"] == "ok" and call["kind"] == "report"]
        refused = sum(other in accepted for other in others)
        if len({row["digest"] for row in case.refusals}) < refused:
            yield Violation("I2", "another body under a key that is taken was not refused", case.problem, "/".join(key))


def phantom(case: Case, run: Row) -> Iterator[Violation]:
    """I3: nothing stands in the ledger that nobody sent."""
    sent = {(call["source"], call["id"]) for call in case.calls if call["outcome"] != "fail"}
    appended = case.appended()
    for event, body in zip(case.events, case.bodies, strict=True):
        change = body["change"]
        if change["kind"] in ("registered", "attached"):
            key = (change["filed"]["source"], change["filed"]["id"])
            if key not in sent:
                yield Violation("I3", "a report stands in the ledger that no client sent", case.problem, "/".join(key))
        if body["command"] not in appended:
            where = f"version {event['version']}, command {body['command']}"
            yield Violation("I3", "an event follows from a command that is in no log", case.problem, where)
