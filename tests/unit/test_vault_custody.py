"""The laws of the vault's custody and of its log: who may do what after what, and when the chain breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duban.messages.events import GENESIS, chained
from duban_intake.vault.chain import Line, audit, following
from duban_intake.vault.custody import Act, ActKind, illegal

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)
ASK = UUID(int=1)
DAY = timedelta(hours=24)


def act(kind: ActKind, by: str, at: datetime = AT, ask: UUID | None = ASK, reason: str = "") -> Act:
    return Act(kind, at, by, "hotline", "42", ask, reason)


ASKED = act(ActKind.ASKED, "li", reason="the reward")
APPROVED = act(ActKind.APPROVED, "wang")
OPENED = act(ActKind.OPENED, "li")
REFUSED = act(ActKind.REFUSED, "wang", reason="no")
FORGOTTEN = act(ActKind.FORGOTTEN, "wang", ask=None)


def code(next_: Act, *before: Act) -> str | None:
    why = illegal(next_, before, DAY)
    return why.code if why else None


def test_one_asks_another_approves_the_first_opens_my_02d() -> None:
    assert code(ASKED) is None
    assert code(APPROVED, ASKED) is None
    assert code(OPENED, ASKED, APPROVED) is None


@pytest.mark.parametrize("name", ["li", "Li", " LI ", "ｌｉ"])
def test_who_asked_cannot_approve_under_any_spelling_my_02d(name: str) -> None:
    assert code(act(ActKind.APPROVED, name), ASKED) == "same_person"


def test_nothing_opens_without_an_approval_nor_for_another_person() -> None:
    assert code(OPENED, ASKED) == "not_approved"
    assert code(act(ActKind.OPENED, "wang"), ASKED, APPROVED) == "other_person"


def test_an_ask_opens_once() -> None:
    for after in (OPENED, APPROVED, REFUSED):
        assert code(after, ASKED, APPROVED, OPENED) == "already_opened"


def test_a_refusal_ends_an_ask_even_an_approved_one() -> None:
    assert code(REFUSED, ASKED) is None
    assert code(REFUSED, ASKED, APPROVED) is None
    for after in (OPENED, APPROVED, REFUSED):
        assert code(after, ASKED, APPROVED, REFUSED) == "already_refused"


def test_an_ask_is_approved_once_so_that_no_second_approval_moves_the_limit() -> None:
    assert code(act(ActKind.APPROVED, "zhao"), ASKED, APPROVED) == "already_approved"


@pytest.mark.parametrize("kind", [ActKind.APPROVED, ActKind.REFUSED, ActKind.OPENED])
def test_what_nobody_asked_for_is_unknown(kind: ActKind) -> None:
    assert code(act(kind, "wang")) == "unknown_ask"


@pytest.mark.parametrize(("late", "expected"), [(-1, None), (0, None), (1, "too_late")])
def test_an_approval_holds_up_to_its_limit_and_not_a_microsecond_longer(late: int, expected: str | None) -> None:
    at = AT + DAY + timedelta(microseconds=late)
    assert code(act(ActKind.OPENED, "li", at), ASKED, APPROVED) == expected


def written(acts: Sequence[Act]) -> list[Line]:
    lines: list[Line] = []
    for one in acts:
        lines.append(following(lines[-1] if lines else None, one))
    return lines


LOG = written([ASKED, APPROVED, OPENED, FORGOTTEN])


def test_a_log_as_it_was_written_is_whole_and_says_what_was_done() -> None:
    found = audit(LOG, [line.hash for line in LOG])
    assert (found.broken, found.lines, found.head) == (None, 4, LOG[-1].hash)
    assert [line.act for line in LOG] == [ASKED, APPROVED, OPENED, FORGOTTEN]
    assert audit([], [GENESIS]).broken is None


@given(st.data())
def test_a_line_changed_in_any_byte_breaks_the_chain_there(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(LOG) - 1))
    body = bytearray(LOG[place].body)
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    assert audit([*LOG[:place], replace(LOG[place], body=bytes(body)), *LOG[place + 1 :]]).broken == place + 1


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_line_taken_out_breaks_the_chain_there(place: int) -> None:
    assert audit(LOG[:place] + LOG[place + 1 :]).broken == place + 1


def test_a_line_written_anew_with_its_own_hash_breaks_the_chain_after_it() -> None:
    forged = following(LOG[0], replace(APPROVED, by="zhao"))
    assert audit([LOG[0], forged, *LOG[2:]]).broken == 3


def test_a_log_cut_off_or_written_anew_as_a_whole_shows_by_a_head_that_was_noted() -> None:
    assert audit(LOG[:2]).broken is None
    assert audit(LOG[:2], [LOG[3].hash]).broken == 3
    anew = written([replace(ASKED, by="zhao"), APPROVED])
    assert audit(anew).broken is None
    assert audit(anew, [LOG[1].hash]).broken == 3


@pytest.mark.parametrize(
    ("acts", "broken"),
    [([ASKED, OPENED], 2), ([APPROVED], 1), ([ASKED, replace(APPROVED, by="li"), OPENED], 2),
     ([ASKED, APPROVED, OPENED, OPENED], 4)],
)  # fmt: skip
def test_a_chain_that_is_whole_but_skips_a_step_is_found(acts: list[Act], broken: int) -> None:
    assert audit(written(acts)).broken == broken


def test_an_opening_after_a_limit_that_has_changed_since_breaks_nothing() -> None:
    assert audit(written([ASKED, APPROVED, replace(OPENED, at=AT + timedelta(days=400))])).broken is None


@pytest.mark.parametrize("body", [b"{}", b"[]", b"x", orjson.dumps({"kind": "flown"})])
def test_a_line_that_the_vault_never_writes_is_found_though_its_hash_fits(body: bytes) -> None:
    assert audit([Line(1, body, GENESIS, chained(GENESIS, body))]).broken == 1
