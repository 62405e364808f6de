"""I11 and I12: what the ledger holds is told, and whoever must be told is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias

from duban_checker.traces import Case, Row, Violation, instant

#: What happened, for which obligation and part, at which level and when, and who must be told.
Told: TypeAlias = tuple[str, str, str | None, int, datetime, str]


def complete(case: Case, run: Row) -> Iterator[Violation]:
    """I11: the topic holds every event of the ledger, under the same hash, and nothing else."""
    held = {event["version"]: event["hash"] for event in case.events}
    seen: set[int] = set()
    for row in case.told:
        version = row["version"]
        if version not in held:
            yield Violation("I11", "the topic tells an event that the ledger does not hold", case.problem, str(version))
        elif row["hash"] != held[version]:
            yield Violation("I11", "the topic tells another event than the ledger", case.problem, f"version {version}")
        seen.add(version)
    for version in held.keys() - seen:
        yield Violation("I11", "an event of the ledger is not on the topic", case.problem, f"version {version}")


def told(case: Case, run: Row) -> Iterator[Violation]:
    """I12: of each lapse everybody was told who had to be; what was set aside as a dead letter counts as told of."""
    delivered = Counter(_key(row) for row in case.posts if 200 <= row["answered"] < 300)
    dead = {row["id"] for row in case.letters}
    excused = {_key(row) for row in case.notices if row["id"] in dead}
    known = {_key(row) for row in case.notices}
    for body in case.bodies:
        change = body["change"]
        if change["kind"] != "escalated" or change.get("approval"):
            continue
        for recipient in change["to"]:
            key = (
                "escalated", change["obligation"], change.get("part"), change["level"], instant(body["at"]), recipient,
            )  # fmt: skip
            if delivered[key] or key in excused:
                continue
            what = "a notice was not delivered" if key in known else "nobody was told of a lapse"
            yield Violation("I12", what, case.problem, f"{recipient}: {change['obligation']} level {change['level']}")


def repeats(case: Case) -> tuple[int, int]:
    """How many notices the receiver took, and how many of them it had taken already."""
    delivered = Counter(row["id"] for row in case.posts if 200 <= row["answered"] < 300)
    return sum(delivered.values()), sum(delivered.values()) - len(delivered)


def _key(row: Row) -> Told:
    at = instant(row["issued_at"])
    return row["event"], row["obligation"], row.get("part"), row["level"], at, row["recipient"]
