"""The laws of signing in: who comes in, by what, for how long, and what no one learns who does not."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import cast

import pytest

from duban.clock import DrivenClock
from duban.errors import DubanError
from duban_console.accounts.account import Appointment, Role
from duban_console.accounts.admission import Admission
from duban_console.accounts.local_key import LocalKeys
from duban_console.accounts.log import AccountLine, log_audit
from duban_console.accounts.memory import MemoryAccounts
from duban_console.accounts.passwords import Passwords
from duban_console.accounts.roster import Roster, RosterEntry, appointment_in, roster_in, roster_of_table, unit_doubts
from duban_console.accounts.roster_desk import RosterDesk
from duban_console.accounts.rows import AccountRefused
from duban_console.accounts.session import Scope, token_hash
from tests.accounts import ADMIN, AT, CLERK, DAY, MINUTE, OFFICE, OWN, TERMS, Room, factored, fast, refused


@pytest.fixture
def room() -> Room:
    return Room(MemoryAccounts(), DrivenClock(AT))


async def test_every_way_to_fail_is_told_alike_and_logged_apart_and_what_was_typed_is_nowhere(room: Room) -> None:
    await room.person()
    await room.desk.add("feed", "Feed", by="admin", is_system=True)
    await room.person("gone")
    await room.desk.turn_off("gone", by="admin")
    before = len(await room.desk.log())
    tries = [("li.na", "wrong"), ("hunter2-typed-as-name", OWN), ("gone", OWN), ("feed", ""), ("li.na", "")]
    with_words = set()
    for name, password in tries:
        with pytest.raises(AccountRefused) as caught:
            await room.door.sign_in(name, password, address="192.0.2.7")
        with_words.add((caught.value.code, str(caught.value)))
    assert len(with_words) == 1
    lines = (await room.desk.log())[before:]
    assert [(line.act.account, line.act.detail, line.act.address) for line in lines] == [
        ("li.na", "wrong_password", "192.0.2.7"), ("", "no_account", "192.0.2.7"), ("gone", "off", "192.0.2.7"),
        ("feed", "wrong_password", "192.0.2.7"),  # and what comes again within the minute is counted
    ]  # fmt: skip
    assert not any(b"hunter2" in line.body or b'wrong"' in line.body for line in lines)


async def test_after_five_failures_no_password_is_looked_at_for_a_while_that_doubles(room: Room) -> None:
    await room.person()

    async def tries(*passwords: str) -> list[bool]:
        outcomes = [await asyncio.gather(room.door.sign_in("li.na", one), return_exceptions=True) for one in passwords]
        return [not isinstance(outcome, BaseException) for [outcome] in outcomes]

    assert await tries("x", "x", "x", "x", OWN) == [False, False, False, False, True]
    assert await tries("x", "x", "x", "x", "x", OWN) == [False] * 6
    room.wait(timedelta(seconds=29))
    assert await tries(OWN) == [False]
    room.wait(timedelta(seconds=1))
    assert await tries("x") == [False]
    room.wait(timedelta(seconds=59))
    assert await tries(OWN) == [False]
    room.wait(timedelta(seconds=1))
    assert await tries(OWN, "x", "x", "x", "x", OWN) == [True, False, False, False, False, True]


async def test_a_password_that_somebody_else_has_given_is_changed_at_the_first_sign_in(room: Room) -> None:
    given = await room.desk.add("li.na", "李娜", by="admin")
    assert given.password is not None
    assert await refused(room.door.sign_in("li.na", given.password)) == "password_to_change"
    assert await refused(room.door.sign_in("li.na", given.password, new=given.password)) == "weak_password"
    assert await refused(room.door.sign_in("li.na", given.password, new="short")) == "weak_password"
    assert await refused(room.door.sign_in("li.na", given.password, new="i am li.na of the city")) == "weak_password"
    assert await refused(room.door.sign_in("li.na", "guessed it is", new=OWN)) == "not_signed_in"
    await room.door.sign_in("li.na", given.password, new=OWN)
    await room.door.sign_in("li.na", OWN)
    assert await refused(room.door.sign_in("li.na", given.password)) == "not_signed_in"


@pytest.mark.parametrize(
    ("steps", "holds"),
    [((59 * MINUTE,), True), ((60 * MINUTE,), False), ((50 * MINUTE, 50 * MINUTE), True),
     (tuple([50 * MINUTE] * 14), True), (tuple([50 * MINUTE] * 14 + [20 * MINUTE]), False)],
)  # fmt: skip
async def test_a_session_holds_while_it_is_used_and_never_longer_than_its_day(
    room: Room, steps: tuple[timedelta, ...], holds: bool
) -> None:
    token = await room.person()
    *before, last = steps
    for step in before:
        room.wait(step)
        await room.door.principal(token)
    room.wait(last)
    if holds:
        assert (await room.door.principal(token)).account.name == "li.na"
        return
    assert await room.door.sessions("li.na") == []
    assert await refused(room.door.principal(token)) == "no_session"
    assert await refused(room.door.principal(token)) == "no_session"
    assert (await room.acts())[-1] == ("session_ended", "time", "li.na")
    assert [act for act, *_ in await room.acts()].count("session_ended") == 1


class Hands:
    """A clock that somebody sets, also back."""

    def __init__(self) -> None:
        self.at = AT

    def now(self) -> datetime:
        return self.at

    def tick(self, at: datetime) -> None:
        self.at = at


async def test_a_clock_that_goes_back_brings_nothing_to_life_again_and_shuts_nobody_out() -> None:
    clock, store = Hands(), MemoryAccounts()
    room = Room(store, cast("DrivenClock", clock))
    ended, alive = await room.person("ended"), await room.person("alive")
    clock.at = AT + 30 * MINUTE
    await room.door.principal(alive)
    clock.at = AT + 61 * MINUTE
    assert await refused(room.door.principal(ended)) == "no_session"
    for at in (AT, AT - 400 * DAY):
        clock.at = at
        assert await refused(room.door.principal(ended)) == "no_session"
        assert (await room.door.principal(alive)).account.name == "alive"
    [session] = await room.door.sessions("alive")
    assert session.seen_at == AT + 30 * MINUTE
    clock.at = AT
    totp, _ = await factored(room)
    code = totp.at(AT + 2 * MINUTE)
    clock.at = AT + 2 * MINUTE
    await room.door.sign_in("li.na", OWN, code)
    clock.at = AT + 2 * MINUTE - timedelta(seconds=30)
    assert await refused(room.door.sign_in("li.na", OWN, code)) == "not_signed_in"


async def test_an_appointment_more_ends_no_session_and_holds_at_once(room: Room) -> None:
    token = await room.person("li.na", CLERK)
    await room.desk.appoint("li.na", [OFFICE, CLERK, CLERK], by="admin")
    assert (await room.door.principal(token)).account.appointments == (OFFICE, CLERK)
    lines = len(await room.desk.log())
    await room.desk.appoint("li.na", [CLERK, OFFICE], by="admin")
    assert len(await room.desk.log()) == lines


async def test_the_last_administrator_cannot_be_removed_and_the_first_need_not_be_there(room: Room) -> None:
    await room.person("li.na", CLERK)
    await room.desk.turn_off("li.na", by="admin")
    await room.person("wang", ADMIN)
    assert await refused(room.desk.turn_off("wang", by="wang")) == "last_administrator"
    assert await refused(room.desk.appoint("wang", [CLERK], by="wang")) == "last_administrator"
    await room.person("zhao", ADMIN)
    await room.desk.turn_off("zhao", by="wang")
    assert await refused(room.desk.appoint("wang", [], by="wang")) == "last_administrator"
    await room.desk.turn_on("zhao", by="wang")
    await room.desk.appoint("wang", [CLERK], by="zhao")
    assert await refused(room.desk.turn_off("zhao", by="zhao")) == "last_administrator"


async def test_a_second_factor_is_asked_for_once_it_was_confirmed_and_no_code_is_taken_twice(room: Room) -> None:
    totp, _ = await factored(room)
    code = totp.at(room.clock.now())
    assert await refused(room.door.sign_in("li.na", OWN)) == "code_needed"
    assert await refused(room.door.sign_in("li.na", OWN, "000000")) == "not_signed_in"
    assert await refused(room.door.sign_in("li.na", "wrong", code)) == "not_signed_in"
    await room.door.sign_in("li.na", OWN, code)
    assert await refused(room.door.sign_in("li.na", OWN, code)) == "not_signed_in"
    assert await refused(room.door.sign_in("li.na", OWN, totp.at(room.clock.now() - MINUTE / 2))) == "not_signed_in"


@pytest.mark.parametrize(("off", "expected"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
async def test_a_clock_may_be_off_by_one_step(room: Room, off: int, expected: bool) -> None:
    totp, _ = await factored(room)
    room.wait(5 * MINUTE)
    code = totp.at(room.clock.now() + timedelta(seconds=off))
    if expected:
        await room.door.sign_in("li.na", OWN, code)
    else:
        assert await refused(room.door.sign_in("li.na", OWN, code)) == "not_signed_in"


async def test_a_recovery_code_stands_once_for_a_code_and_a_lost_factor_is_taken_away(room: Room) -> None:
    _, codes = await factored(room)
    assert len(set(codes)) == 10
    await room.door.sign_in("li.na", OWN, codes[3].upper())
    assert await refused(room.door.sign_in("li.na", OWN, codes[3])) == "not_signed_in"
    await room.door.sign_in("li.na", OWN, codes[4])
    assert await refused(room.desk.begin_factor("li.na", by="admin")) == "has_factor"
    await room.desk.take_factor("li.na", by="admin")
    assert await refused(room.desk.take_factor("li.na", by="admin")) == "no_factor"
    await room.door.sign_in("li.na", OWN)


async def test_a_factor_that_was_never_confirmed_is_not_asked_for(room: Room) -> None:
    await room.person()
    await room.desk.begin_factor("li.na", by="li.na")
    assert await refused(room.desk.confirm_factor("li.na", "000000", by="li.na")) == "wrong_code"
    await room.door.sign_in("li.na", OWN)


async def test_a_name_is_one_persons_for_ever_and_an_unknown_one_is_told(room: Room) -> None:
    await room.person()
    assert await refused(room.desk.add("LI.NA", "another", by="admin")) == "name_taken"
    for name in ("", "-x", "li na", "李娜", "x" * 65, "a\0b"):
        assert await refused(room.desk.add(name, "x", by="admin")) == "bad_name"
    assert await refused(room.desk.turn_off("nobody", by="admin")) == "unknown_account"
    assert [account.name for account in await room.desk.accounts()] == ["li.na"]


async def test_a_line_that_accounts_are_not_logged_by_is_found_though_its_hash_fits(room: Room) -> None:
    line = AccountLine.following(None, {"kind": "flown"})
    assert log_audit([line]).reason == "it is no line that accounts are logged by"


async def test_a_key_is_a_systems_holds_for_its_days_and_is_noted_when_used(room: Room) -> None:
    await room.person()
    assert await refused(room.keys.add("li.na", Scope.READ, DAY, by="admin")) == "is_person"
    await room.desk.add("feed", "Feed", [CLERK], by="admin", is_system=True)
    assert await refused(room.desk.reset_password("feed", by="admin")) == "is_system"
    assert await refused(room.desk.begin_factor("feed", by="admin")) == "is_system"
    token, key = await room.keys.add("Feed", Scope.READ, DAY, by="admin")
    principal = await room.door.principal(token)
    assert (principal.account.name, principal.scope, principal.known_by) == ("feed", Scope.READ, key.id)
    [held] = await room.keys.keys()
    assert (held.used_at, held.hash) == (AT, token_hash(token))
    room.wait(DAY - MINUTE)
    await room.door.principal(token)
    room.wait(MINUTE)
    assert await refused(room.door.principal(token)) == "no_session"
    assert await room.keys.keys() == []
    assert (await room.acts())[-1] == ("key_ended", "time", "feed")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"accounts": [{"name": "x"}]}, "accounts.0.full_name: is missing"),
        ({"accounts": [{"name": "-x", "full_name": "X"}]}, "accounts.0.name: is no name of an account"),
        ({"accounts": [{"name": "x", "full_name": "X", "appointments": [{"role": "king"}]}]}, "is none of admin"),
        ({"accounts": [{"name": "x", "full_name": "X", "appointments": [{"role": "office"}]}]}, "jurisdiction: is mis"),
        ({"accounts": [{"name": "x", "full_name": "X"}, {"name": "X", "full_name": "X"}]}, "x stands there twice"),
        ({"accounts": 5}, "accounts: "),
        (None, "(root): "),
    ],
)
def test_a_bad_roster_is_told_by_its_place(data: object, told: str) -> None:
    with pytest.raises(ValueError, match=r"^") as caught:
        roster_in(data)
    assert told in str(caught.value)


TABLE = """\
name,full_name,system,role,jurisdiction,unit
wang,王强,,administrator,,
Li.Na,李娜,no,unit_clerk,linyi,市生态环境局
li.na,,,office,linyi,督办室
city-app,The city's app,yes,,,
"""


def test_a_table_has_a_row_for_each_appointment() -> None:
    wang, li, app = roster_of_table("\ufeff" + TABLE).accounts
    assert (wang.full_name, wang.appointments) == ("王强", (ADMIN,))
    assert (li.name, li.full_name, li.appointments) == ("Li.Na", "李娜", (CLERK, OFFICE))
    assert (app.system, app.appointments) == (True, ())


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("x,X,,king,,", "line 6, column role: is none of administrator"),
        ("x,X,,unit_clerk,linyi,", "line 6, column unit: is missing: unit_clerk acts"),
        ("x,X,,office,,u", "line 6, column jurisdiction: is missing"),
        ("-x,X,,,,", "line 6, column name: is no name of an account"),
        ("x,,,,,", "line 6, column full_name: is missing"),
        ("wang,王,,office,linyi,u", "line 6, column full_name: 王, and in an earlier row 王强"),
        ("wang,王强,yes,,,", "line 6, column system: another than in an earlier row"),
        ("x,X,maybe,,,", "line 6, column system: maybe is neither yes nor no"),
        ("x,X", "line 6, column name: the row has another number of cells"),
        ('x,"X,,,', "is no CSV"),
    ],
)
def test_a_bad_row_is_told_by_line_and_column_and_the_others_beside_it(row: str, told: str) -> None:
    with pytest.raises(ValueError, match=r"^") as caught:
        roster_of_table(TABLE + row + "\n")
    assert told in str(caught.value)
    with pytest.raises(ValueError, match=r"^line 5, column role: .*\nline \d"):
        roster_of_table(TABLE.replace(",yes,,,", ",yes,king,,") + row + "\n")


@pytest.mark.parametrize("head", ["name,role", "name,full_name,password"])
def test_a_table_of_other_columns_is_told_which_there_are(head: str) -> None:
    with pytest.raises(ValueError, match="the columns are name, full_name, system, role, jurisdiction, unit"):
        roster_of_table(f"{head}\nx,y\n")


def test_cities_and_units_that_no_pack_has_are_doubts_and_leaders_are_none() -> None:
    leader = Appointment(role=Role.LEADER, jurisdiction="linyi", unit="王副市长")
    elsewhere = Appointment(role=Role.OFFICE, jurisdiction="weifang", unit="x")
    entry = RosterEntry(name="li", full_name="李", appointments=(ADMIN, CLERK, OFFICE, leader, elsewhere))
    assert unit_doubts(Roster(accounts=(entry,)), {"linyi": ["督办室"]}) == [
        "li, unit_clerk:linyi:市生态环境局: 市生态环境局 is no unit of the pack of linyi",
        "li, office:weifang:x: no pack of weifang is published",
    ]


async def test_a_file_of_accounts_is_done_whole_or_not_at_all(room: Room) -> None:
    desk, kept = RosterDesk(room.store, room.clock, fast()), dict[str, str]()
    roster = roster_of_table(TABLE)
    assert [change.is_new for change in await desk.changes(roster)] == [True] * 3

    def fail(made: object) -> None:
        raise DubanError(f"no room for {len(str(made)) > 0}")

    with pytest.raises(DubanError, match="no room"):
        await desk.apply(roster, "admin", fail)
    assert (await room.desk.accounts(), await room.desk.log()) == ([], [])
    await desk.apply(roster, "admin", kept.update)
    assert sorted(kept) == ["li.na", "wang"]
    token, _ = await room.door.sign_in("li.na", kept["li.na"], new=OWN)
    assert all(change.is_none for change in await desk.apply(roster, "admin", kept.update))
    assert len([act for act, *_ in await room.acts() if act == "account_added"]) == 3
    # What cannot be done of one leaves all others as they were.
    last = roster_of_table(TABLE.replace("office", "desk").replace("wang,王强,,administrator,,", "wang,王强,,,,"))
    assert await refused(desk.apply(last, "admin", kept.update)) == "last_administrator"
    assert (await room.door.principal(token)).account.appointments == (OFFICE, CLERK)
    # One is there before another is taken.
    other = roster_of_table(TABLE.replace("wang,王强,,administrator,,", "wang,王强,,,,\nzhao,赵,,administrator,,"))
    await desk.apply(other, "admin", kept.update)
    assert sorted(kept) == ["li.na", "wang", "zhao"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("king", "role: is none of administrator"),
        ("", "role: is missing"),
        ("office", "jurisdiction: is missing"),
        ("unit_clerk:linyi", "unit: is missing"),
        ("unit_clerk:linyi:duban", "for which nobody acts"),
        ("auditor:linyi", "auditor is for the whole installation"),
    ],
)
def test_an_appointment_that_is_none_is_told_with_what_is_missing(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        appointment_in(text)


def test_an_appointment_is_written_as_it_is_read() -> None:
    for appointment in (ADMIN, CLERK, OFFICE, Appointment(role=Role.SOCIAL_SUPERVISOR, jurisdiction="linyi")):
        assert appointment_in(str(appointment)) == appointment


async def test_a_password_that_is_set_anew_while_the_old_one_is_compared_lets_nobody_in(room: Room) -> None:
    await room.person()

    class Overtaken(Passwords):
        async def fits(self, password: str, known: str | None) -> bool:
            await room.desk.reset_password("li.na", by="admin")
            return await fast().fits(password, known)

    door = Admission(room.store, room.clock, Overtaken(), TERMS)
    assert await refused(door.sign_in("li.na", OWN)) == "not_signed_in"


async def test_the_key_of_the_machine_is_renewed_before_it_ends_and_the_old_one_holds_on_beside_it(room: Room) -> None:
    local = LocalKeys(room.store, room.clock, "local")
    first = await local.renewed(None)
    room.wait(timedelta(days=20) - MINUTE)
    assert await local.renewed(first) == first
    room.wait(MINUTE)
    second = await local.renewed(first)
    assert second != first
    for token in (first, second):
        assert (await room.door.principal(token)).account.name == "local"
    third = await local.renewed("a file that somebody has changed")
    assert await refused(room.door.principal(first)) == "no_session"
    for token in (second, third):
        assert (await room.door.principal(token)).scope is Scope.ACT
    room.wait(timedelta(days=40))
    assert (await room.door.principal(await local.renewed(third))).account.is_system
    assert len(await room.store.keys()) == 1
    assert [kind for kind, _, account in await room.acts() if account == "local"].count("account_added") == 1


async def test_one_that_was_turned_off_stays_off(room: Room) -> None:
    key = await LocalKeys(room.store, room.clock, "local").renewed(None)
    await room.desk.turn_off("local", by="admin")
    assert await LocalKeys(room.store, room.clock, "local").renewed(key) == key
    assert await refused(room.door.principal(key)) == "no_session"


async def test_nobody_else_is_appointed_everywhere_or_named_like_the_machine(room: Room) -> None:
    everywhere = Appointment(role=Role.OFFICE, jurisdiction="*", unit="*")
    assert await refused(room.desk.add("li", "Li", [everywhere], by="admin")) == "reserved_unit"
    assert await refused(room.desk.add("Local", "Li", [CLERK], by="admin")) == "reserved_name"
    await room.desk.add("li", "Li", [CLERK], by="admin")
    assert await refused(room.desk.appoint("li", [CLERK, everywhere], by="admin")) == "reserved_unit"
    await LocalKeys(room.store, room.clock, "local").renewed(None)
    assert await refused(room.desk.appoint("local", [CLERK], by="admin")) == "reserved_name"
