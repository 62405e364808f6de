"""What was written stands, and what was changed, cut off or written anew is found, each with its first line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from uuid import UUID

import pytest

from duban.messages.anchors import VAULT_LOG, Head
from duban.messages.events import GENESIS, chained
from duban_console.ledger_audit import (
    CHAIN,
    CLAIM_WIDTH,
    Claim,
    Finding,
    LedgerLine,
    Where,
    first_difference,
    untold,
)
from duban_console.spill import Spill

ONE, OTHER = UUID(int=1), UUID(int=2)


def history(*bodies: bytes, record: UUID = ONE) -> list[LedgerLine]:
    lines, head = [], GENESIS
    for version, body in enumerate(bodies, start=1):
        lines.append(LedgerLine(record, version, body, chained(head, body)))
        head = lines[-1].hash
    return lines


def head_of(line: LedgerLine) -> Head:
    return Head(record=line.record, version=line.version, hash=line.hash)


LINES = history(b"a", b"b", b"c")
HEAD = head_of(LINES[-1])
ANEW = history(b"a", b"x", b"c")


def found(
    lines: Sequence[LedgerLine], head: Head | None = HEAD, claims: Sequence[Claim] = ()
) -> tuple[int | None, str, str] | None:
    finding = first_difference(ONE, lines, head, claims)
    return None if finding is None else (finding.version, finding.what, finding.evidence)


def test_what_was_written_is_whole_and_so_it_stays_when_lines_follow_on_what_was_anchored() -> None:
    claims = [Claim.of(head_of(line), Where.TOPIC) for line in LINES]
    assert found(LINES, claims=claims) is None
    longer = history(b"a", b"b", b"c", b"d")
    assert found(longer, head_of(longer[-1]), [Claim.of(HEAD, Where.ANCHOR, 7), Claim.of(HEAD, Where.FILE, 1)]) is None


def test_a_line_that_was_changed_is_the_first_that_is_named() -> None:
    changed = [LINES[0], replace(LINES[1], body=b"x"), LINES[2]]
    assert found(changed) == (2, "was changed: its hash is another", CHAIN)


def test_a_hash_that_is_none_at_all_is_named_like_any_other_that_was_changed() -> None:
    changed = [LINES[0], replace(LINES[1], hash="no hash"), LINES[2]]
    claims = [Claim.of(head_of(line), Where.TOPIC) for line in LINES]
    assert found(changed, claims=claims) == (2, "was changed: its hash is another", CHAIN)


@pytest.mark.parametrize(("lines", "version"), [(LINES[1:], 1), ([LINES[0], LINES[2]], 2), (LINES[:2], 3)])
def test_a_line_that_is_gone_is_found_wherever_it_stood(lines: list[LedgerLine], version: int) -> None:
    finding = found(lines)
    assert finding is not None
    assert finding[0] == version


def test_a_history_without_its_record_and_a_record_without_its_history_are_found() -> None:
    assert found(LINES, None) == (3, "has a history, but stands in no ledger", CHAIN)
    assert found([]) == (3, "stands without any history", CHAIN)


@pytest.mark.parametrize(
    ("where", "words"),
    [(Where.TOPIC, "the topic"), (Where.ANCHOR, "anchor 7"), (Where.FILE, "line 7 of the file")],
)
def test_a_chain_that_was_computed_anew_is_found_by_whatever_claimed_it_before(where: Where, words: str) -> None:
    assert found(ANEW, head_of(ANEW[-1])) is None, "the chain alone is whole"
    claims = [Claim.of(HEAD, where, 7)]
    assert found(ANEW, head_of(ANEW[-1]), claims) == (3, f"is another than {words} has", words)


def test_lines_that_were_cut_off_with_the_head_that_covered_them_are_found_by_what_claimed_them() -> None:
    claims = [Claim.of(HEAD, Where.ANCHOR, 7)]
    assert found(LINES[:2], head_of(LINES[1]), claims) == (3, "is missing, but anchor 7 has it", "anchor 7")
    assert found([], None, claims) == (3, "is missing, but anchor 7 has it", "anchor 7")


def test_of_several_the_earliest_line_is_named() -> None:
    claims = [Claim.of(head_of(line), Where.TOPIC) for line in LINES]
    assert found(ANEW, head_of(ANEW[-1]), claims) == (2, "is another than the topic has", "the topic")


def test_a_line_that_nobody_told_is_found_where_the_topic_tells_all() -> None:
    told = [Claim.of(head_of(line), Where.TOPIC) for line in LINES[:2]]
    assert untold(LINES, [*told, Claim.of(HEAD, Where.ANCHOR, 1)]) == LINES[2]
    assert untold(LINES[:2], told) is None


def test_a_finding_is_said_in_words() -> None:
    line = Finding(record=ONE, version=2, what="is missing", evidence="anchor 7")
    assert str(line) == f"{ONE} version 2 is missing (anchor 7)"
    assert str(line.model_copy(update={"record": VAULT_LOG})) == "line 2 of the vault's log is missing (anchor 7)"
    assert str(Finding(anchor="ledger/7", what="is missing", evidence="x")) == "anchor ledger/7 is missing (x)"


def test_claims_come_back_from_their_rows_in_the_order_of_the_ledger_however_many_there_are() -> None:
    heads = [
        Head(record=UUID(int=record), version=version, hash=chained("", b"%d" % version))
        for record in (1, 2, 2**127) for version in range(1, 300)
    ]  # fmt: skip
    claims = [Claim.of(head, Where.ANCHOR, 2**31 - 1) for head in heads]
    shuffled = Random(7).sample([*claims, *claims[:100]], len(claims) + 100)
    with Spill(CLAIM_WIDTH, most=64) as spill:
        for claim in shuffled:
            spill.add(claim.row)
        assert [Claim.read(row) for row in spill] == claims
