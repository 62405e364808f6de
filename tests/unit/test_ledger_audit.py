"""What was written stands, and what was changed, cut off or written anew is found, each with its first line."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from duban.messages.events import GENESIS, chained
from duban_console.ledger_audit import Head, LedgerLine, broken, unlike

ONE, OTHER = UUID(int=1), UUID(int=2)


def history(record: UUID, *bodies: bytes) -> list[LedgerLine]:
    lines, head = [], GENESIS
    for version, body in enumerate(bodies, start=1):
        lines.append(LedgerLine(record, version, body, head, chained(head, body)))
        head = lines[-1].hash
    return lines


def heads(*lines: LedgerLine) -> dict[UUID, Head]:
    return {line.record: Head(record=line.record, version=line.version, hash=line.hash) for line in lines}


LINES = [*history(ONE, b"a", b"b", b"c"), *history(OTHER, b"d", b"e")]
HEADS = heads(*LINES)
HASHES = {(line.record, line.version): line.hash for line in LINES}


def places(lines: list[LedgerLine], known: dict[UUID, Head] = HEADS) -> list[tuple[UUID, int]]:
    return [(finding.record, finding.version) for finding in broken(lines, known)]


def test_what_was_written_is_whole() -> None:
    assert places(LINES) == []
    assert list(unlike(HASHES, HEADS.values(), "the file")) == []


def test_a_line_that_was_changed_is_found_once_and_the_other_records_are_whole() -> None:
    changed = [replace(line, body=b"x") if line is LINES[1] else line for line in LINES]
    assert places(changed) == [(ONE, 2)]


def test_a_line_that_is_gone_is_found_wherever_it_stood() -> None:
    assert places(LINES[1:]) == [(ONE, 1)]
    assert places([LINES[0], *LINES[2:]]) == [(ONE, 2)]
    assert places([*LINES[:2], *LINES[3:]]) == [(ONE, 3)]
    assert places(LINES[:-1]) == [(OTHER, 2)]
    assert places(LINES[:3]) == [(OTHER, 2)]


def test_a_history_without_its_record_is_found() -> None:
    assert places(LINES, {ONE: HEADS[ONE]}) == [(OTHER, 2)]


def test_a_chain_that_was_computed_anew_from_end_to_end_is_found_by_what_was_noted_before() -> None:
    anew = [*history(ONE, b"x", b"b", b"c"), *LINES[3:]]
    assert places(anew, heads(*anew)) == []
    hashes = {(line.record, line.version): line.hash for line in anew}
    (finding,) = unlike(hashes, HEADS.values(), "the file")
    assert (finding.record, finding.version, finding.what) == (ONE, 3, "is another than the file has")


def test_a_record_that_was_noted_and_is_gone_is_found() -> None:
    hashes = {(line.record, line.version): line.hash for line in LINES[:3]}
    (finding,) = unlike(hashes, HEADS.values(), "the file")
    assert (finding.record, finding.what) == (OTHER, "is missing, but the file has it")
