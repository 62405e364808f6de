"""The laws of what is written into the log of accounts as it comes: every refusal and denial, and no flood of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from duban.clock import DrivenClock
from duban.errors import SettingsError
from duban.seal import Unsealable
from duban_console.accounts.factor_seal import FactorSeal, opened_if_held
from duban_console.accounts.journal import AccessJournal
from duban_console.accounts.log import AccountAct, AccountActKind
from duban_console.accounts.memory import MemoryAccounts
from duban_console.accounts.recurrence import Recurrence
from tests.accounts import AT, MINUTE, OWN, Room, refused


@pytest.fixture
def room() -> Room:
    return Room(MemoryAccounts(), DrivenClock(AT))


def denied(number: int, account: str = "li.na", after: timedelta = timedelta()) -> AccountAct:
    return AccountAct(AccountActKind.DENIED, AT + after, account, account, f"192.0.2.{number}", f"pause: /{number}")


def test_the_first_of_a_minute_is_a_line_the_others_a_count_and_the_next_minute_begins_anew() -> None:
    recurrence = Recurrence()
    assert recurrence.lines(denied(1), "pause") == [denied(1)]
    assert recurrence.lines(denied(2, after=timedelta(seconds=30)), "pause") == []
    assert recurrence.lines(denied(3, after=timedelta(seconds=31)), "pause") == []
    other = denied(4, after=timedelta(seconds=32))
    assert recurrence.lines(other, "reopen") == [other]
    late = denied(5, after=MINUTE)
    count, line = recurrence.lines(late, "pause")
    assert (count.kind, count.account, count.at, count.address) == (AccountActKind.DENIED, "li.na", AT + MINUTE, "")
    assert count.detail == "pause: 2 more since 2026-11-29T02:00:00Z, from 2 addresses"
    assert line == late
    assert recurrence.over(AT + 9 * MINUTE) == []


def test_a_count_is_written_when_the_minute_is_over_or_the_process_ends_though_nothing_more_comes() -> None:
    recurrence = Recurrence()
    for _ in range(3):
        recurrence.lines(denied(1), "pause")
    assert recurrence.over(AT + timedelta(seconds=59)) == []
    [count] = recurrence.over(AT + timedelta(seconds=59), ending=True)
    assert (count.detail, count.address) == ("pause: 2 more since 2026-11-29T02:00:00Z, from 192.0.2.1", "192.0.2.1")


def test_a_clock_that_goes_back_ends_the_minute_and_holds_nothing_up() -> None:
    recurrence = Recurrence()
    for _ in range(2):
        recurrence.lines(denied(1), "pause")
    back = denied(1, after=timedelta(days=-1))
    assert [act.detail for act in recurrence.lines(back, "pause")][1:] == [back.detail]


def test_a_minute_of_a_thousand_accounts_has_a_hundred_lines_and_a_count_of_the_rest() -> None:
    recurrence = Recurrence()
    written = [line for number in range(1000) for line in recurrence.lines(denied(number, f"a{number}"), "pause")]
    assert len(written) == 100
    [count] = recurrence.over(AT + MINUTE)
    assert (count.account, count.detail) == (
        "", "others: 900 more since 2026-11-29T02:00:00Z, from 50 or more addresses"
    )  # fmt: skip


async def test_a_flood_of_wrong_passwords_is_a_few_lines_and_every_failure_counts(room: Room) -> None:
    await room.person()
    before = len(await room.desk.log())
    for number in range(40):
        assert await refused(room.door.sign_in("li.na", "wrong", address=f"192.0.2.{number}")) == "not_signed_in"
        assert await refused(room.door.sign_in(f"nobody{number}", "wrong")) == "not_signed_in"
    account = await room.store.account("li.na")
    assert account is not None
    assert account.failures == 5
    room.wait(MINUTE)
    await room.door.journal.settle()
    details = [line.act.detail for line in (await room.desk.log())[before:]]
    assert details[:3] == ["wrong_password", "no_account", "barred"]
    assert [detail.partition(" more")[0] for detail in details[3:]] == [
        "wrong_password: 4", "no_account: 39", "barred: 34",
    ]  # fmt: skip


async def test_a_journal_writes_what_it_counted_when_it_ends(room: Room) -> None:
    journal = AccessJournal(room.store, room.clock)
    for path in ("/a", "/b", "/c"):
        await journal.note(AccountActKind.DENIED, "li.na", "pause", "192.0.2.7", path)
    await journal.settle()
    assert [line.act.detail for line in await room.desk.log()] == ["pause: /a"]
    await journal.settle(ending=True)
    assert len(await room.desk.log()) == 2
    assert (await room.desk.verify()).broken is None


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "key 1 has 0 bytes"), ("c2hvcnQ=\n", "key 1 has 5 bytes"), ("钥匙", "key 1 is no base64")],
)
def test_a_file_without_a_key_is_told_and_one_that_others_may_read(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "accounts.key"
    with pytest.raises(SettingsError, match="openssl rand -base64 32"):
        FactorSeal.load(file)
    file.write_text(text)
    with pytest.raises(SettingsError, match="chmod 600"):
        FactorSeal.load(file)
    file.chmod(0o600)
    with pytest.raises(SettingsError, match=says):
        FactorSeal.load(file)


def test_a_key_is_drawn_once_and_keys_in_lines_hold_together(tmp_path: Path) -> None:
    file = tmp_path / "accounts.key"
    sealed = FactorSeal.made(file).sealed("li.na", OWN)
    assert file.stat().st_mode & 0o777 == 0o600
    assert FactorSeal.made(file).opened("li.na", sealed) == OWN
    older = file.read_text()
    file.write_text(f"{'A' * 43}=\n{older}")
    both = FactorSeal.load(file)
    assert both.opened("li.na", sealed) == OWN
    assert not both.is_current(sealed)


@pytest.mark.parametrize(
    "lying", ["sealed:", "sealed:x", "sealed:x:%", "sealed:{id}:", "sealed:{id}:%", "sealed:{id}:AAAA"]
)
def test_a_sealed_secret_that_was_changed_opens_for_nobody_and_keeps_nobody_from_being_listed(lying: str) -> None:
    seal = FactorSeal([b"1" * 32])
    text = lying.format(id=seal.sealed("li.na", OWN).split(":")[1])
    with pytest.raises(Unsealable):
        seal.opened("li.na", text)
    assert opened_if_held(seal, "li.na", text) == text
