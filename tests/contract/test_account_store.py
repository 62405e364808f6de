"""One suite over the stores of accounts, in memory and in PostgreSQL: sessions, keys, and the log of all that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from duban.clock import DrivenClock
from duban.errors import DubanError, SettingsError
from duban.io.postgres import connect_pool
from duban.io.settings import Settings
from duban_console.accounts.account import Account, ProviderIdentity
from duban_console.accounts.desk import Given
from duban_console.accounts.factor_seal import FactorSeal
from duban_console.accounts.log import AccountActKind
from duban_console.accounts.memory import MemoryAccounts
from duban_console.accounts.rows import AccountRefused
from duban_console.accounts.session import KEY_BEGINNING, Scope, token_hash
from duban_console.accounts.store import SCHEMA, PostgresAccounts
from tests.accounts import AT, CLERK, DAY, GIVEN, MINUTE, OFFICE, OWN, Room, factored, refused
from tests.conftest import Migrated


@pytest.fixture
async def postgres_room(migrated: Migrated) -> AsyncIterator[Room]:
    pool = await connect_pool(Settings(database=SecretStr(migrated.url_of("console"))), SCHEMA)
    yield Room(PostgresAccounts(pool, FactorSeal([b"1" * 32])), DrivenClock(AT), migrated.superuser)
    await pool.close()


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.stack)])
def room(request: pytest.FixtureRequest) -> Room:
    if request.param == "memory":
        return Room(MemoryAccounts(), DrivenClock(AT))
    postgres: Room = request.getfixturevalue("postgres_room")
    return postgres


async def test_who_signs_in_is_told_by_the_token_with_their_appointments_and_no_row_holds_it(room: Room) -> None:
    token = await room.person("Li.Na", CLERK, OFFICE)
    principal = await room.door.principal(token)
    account = principal.account
    assert (account.name, account.full_name, account.appointments) == ("li.na", "李娜", (OFFICE, CLERK))
    assert principal.scope is Scope.ACT
    assert account.password is not None
    assert account.password.startswith("$argon2id$")
    [session] = await room.door.sessions("li.na")
    assert (session.hash, session.begun_at) == (token_hash(token), AT)
    assert await room.acts() == [
        ("account_added", "admin", "li.na"), ("password_set", "li.na", "li.na"), ("signed_in", "li.na", "li.na"),
    ]  # fmt: skip
    assert (await room.door.sign_in("ＬＩ.NA ", OWN))[1].account == "li.na"


async def test_an_account_of_a_provider_is_found_by_what_that_knows_it_by_and_stays_so(room: Room) -> None:
    identity = ProviderIdentity("https://sign-in.example", "77")
    account = Account("li.na", "李娜", AT, appointments=(CLERK,), identity=identity)
    async with room.store.transaction() as store:
        await store.put_account(account)
        assert await store.account_of(identity) == account
    await room.person("wang")
    assert await room.store.account_of(identity) == await room.store.account("li.na") == account
    assert await room.store.account_of(replace(identity, subject="78")) is None
    assert await room.store.account_of(replace(identity, issuer="https://another.example")) is None
    assert (await room.desk.turn_off("li.na", by="admin")).identity == identity
    assert await refused(room.keys.add("li.na", Scope.READ, DAY, by="admin")) == "is_person"
    async with room.store.transaction() as store:
        await store.put_account(replace(account, name="app", is_system=True, identity=replace(identity, subject="app")))
    assert await refused(room.keys.add("app", Scope.READ, DAY, by="admin")) == "of_provider"


async def test_of_many_guesses_at_once_no_more_are_judged_than_in_turn(room: Room) -> None:
    await room.person()
    guesses = [room.door.sign_in("li.na", password) for password in ["x"] * 12 + [OWN]]
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    judged = [line.act.detail for line in await room.desk.log() if line.act.kind is AccountActKind.SIGN_IN_REFUSED]
    assert judged.count("wrong_password") <= 5
    assert sum(isinstance(outcome, AccountRefused) for outcome in outcomes) >= 12


async def test_a_token_that_was_rotated_or_signed_out_or_never_was_is_nobodys(room: Room) -> None:
    old = await room.person()
    new = await room.door.rotate(old)
    assert await refused(room.door.principal(old)) == "no_session"
    assert await refused(room.door.rotate(old)) == "no_session"
    assert (await room.door.principal(new)).account.name == "li.na"
    await room.door.sign_out(new)
    await room.door.sign_out(new)
    assert await refused(room.door.principal(new)) == "no_session"
    assert await refused(room.door.principal("duban_session_guessed")) == "no_session"
    assert await refused(room.door.principal("duban_key_guessed")) == "no_session"
    assert [act for act, *_ in await room.acts()].count("session_ended") == 1


async def test_a_calendar_is_known_by_the_hash_of_its_secret_alone_and_by_one_at_a_time(room: Room) -> None:
    await room.person()
    door = room.door.calendars
    old = await door.renew("li.na", "192.0.2.7")
    feed = await room.store.feed("li.na")
    assert feed is not None
    assert (feed.hash, feed.made_at, feed.read_at) == (token_hash(old), AT, None)
    room.wait(MINUTE)
    assert (await door.owner(old)).name == "li.na"
    feed = await room.store.feed_by(token_hash(old))
    assert feed is not None
    assert feed.read_at == AT + MINUTE
    new = await door.renew("li.na")
    assert await refused(door.owner(old)) == "no_calendar"
    await room.desk.turn_off("li.na", by="admin")
    assert await refused(door.owner(new)) == "no_calendar"
    await room.desk.turn_on("li.na", by="admin")
    assert (await door.owner(new)).name == "li.na"
    await door.end("li.na")
    await door.end("li.na")
    assert await refused(door.owner(new)) == "no_calendar"
    assert await room.store.feed("li.na") is None
    acts = [act for act, *_ in await room.acts()]
    assert (acts.count("calendar_made"), acts.count("calendar_ended")) == (2, 1)


async def test_a_screen_is_known_by_the_hash_of_its_secret_alone_among_those_of_its_city(room: Room) -> None:
    await room.person()
    door = room.door.screens
    first = await door.make("linyi", " 大厅  一楼 ", by="li.na", address="192.0.2.7")
    room.wait(MINUTE)
    second = await door.make("linyi", "二楼", by="li.na")
    await door.make("elsewhere", "二楼", by="li.na")
    screens = await door.screens("linyi")
    assert [(each.hash, each.place, each.made_by, each.seen_at) for each in screens] == [
        (token_hash(first), "大厅 一楼", "li.na", None), (token_hash(second), "二楼", "li.na", None),
    ]  # fmt: skip
    assert (await door.screen(first)).jurisdiction == "linyi"
    room.wait(MINUTE)
    assert (await door.screen(first)).seen_at == AT + MINUTE
    assert await refused(door.end("elsewhere", screens[0].id, by="admin")) == "no_screen"
    await door.end("linyi", screens[0].id, by="admin")
    assert await refused(door.screen(first)) == "no_screen"
    assert [each.hash for each in await door.screens("linyi")] == [token_hash(second)]
    acts = [act for act, *_ in await room.acts()]
    assert (acts.count("screen_made"), acts.count("screen_ended")) == (3, 1)


async def test_the_secret_of_a_calendar_opens_nothing_else_and_nothing_else_opens_it(room: Room) -> None:
    session = await room.person()
    secret = await room.door.calendars.renew("li.na")
    assert await refused(room.door.principal(secret)) == "no_session"
    assert await refused(room.door.calendars.owner(session)) == "no_calendar"


async def test_sessions_are_listed_and_ended_by_themselves(room: Room) -> None:
    first = await room.person()
    room.wait(MINUTE)
    second, begun = await room.door.sign_in("li.na", OWN, address="192.0.2.7", agent="a browser")
    assert [session.agent for session in await room.door.sessions("li.na")] == ["", "a browser"]
    await room.door.end_session("li.na", begun.id, by="admin")
    assert await refused(room.door.end_session("li.na", begun.id, by="admin")) == "unknown_session"
    assert await refused(room.door.principal(second)) == "no_session"
    await room.door.principal(first)


async def test_sessions_end_at_once_when_what_they_rest_on_is_taken(room: Room) -> None:
    tokens = {}
    for name in ("appointment", "off", "password", "factor", "untouched"):
        tokens[name] = await room.person(name, CLERK, OFFICE)
    await room.desk.begin_factor("factor", by="factor")
    await room.desk.appoint("appointment", [CLERK], by="admin")
    await room.desk.turn_off("off", by="admin")
    await room.desk.reset_password("password", by="admin")
    await room.desk.take_factor("factor", by="admin")
    assert (await room.door.principal(tokens.pop("untouched"))).account.name == "untouched"
    for name, token in tokens.items():
        assert await refused(room.door.principal(token)) == "no_session"
        assert ("session_ended", "admin", name) in await room.acts()


async def test_two_keys_hold_while_one_takes_the_place_of_the_other_and_one_that_is_revoked_does_not(
    room: Room,
) -> None:
    await room.desk.add("feed", "Feed", by="admin", is_system=True)
    assert await refused(room.keys.rotate("feed", by="admin")) == "no_key"
    first, _ = await room.keys.add("feed", Scope.ACT, 9 * DAY, by="admin")
    room.wait(MINUTE)
    second, newer = await room.keys.rotate("feed", by="admin")
    assert (newer.scope, newer.ends_at - newer.made_at) == (Scope.ACT, 9 * DAY)
    assert await refused(room.keys.add("feed", Scope.READ, DAY, by="admin")) == "too_many_keys"
    assert [(await room.door.principal(token)).known_by for token in (first, second)][1] == newer.id
    room.wait(MINUTE)
    third, newest = await room.keys.rotate("feed", by="admin")
    assert await refused(room.door.principal(first)) == "no_session"
    await room.door.principal(second)
    await room.keys.revoke(newest.id[:6].upper(), by="admin")
    assert await refused(room.door.principal(third)) == "no_session"
    assert await refused(room.keys.revoke(newest.id, by="admin")) == "unknown_key"
    assert await refused(room.keys.revoke("", by="admin")) == "unknown_key"
    await room.desk.turn_off("feed", by="admin")
    assert await refused(room.door.principal(second)) == "no_session"
    await room.desk.turn_on("feed", by="admin")
    await room.door.principal(second)


async def test_many_changes_at_once_make_one_chain(room: Room) -> None:
    outcomes = await asyncio.gather(
        *(room.desk.add(f"n{number % 10}", "x", by="admin", is_system=True) for number in range(20)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, Given) for outcome in outcomes) == 10
    audit = await room.desk.verify()
    assert (audit.broken, audit.lines) == (None, 10)


async def test_of_the_log_so_many_of_the_latest_lines_are_given_in_order(room: Room) -> None:
    for name in ("a", "b", "c"):
        await room.desk.add(name, name, (), by="admin", is_system=True)
    assert [line.number for line in await room.desk.log(2)] == [2, 3]
    assert [line.number for line in await room.desk.log(9)] == [1, 2, 3]


async def test_a_line_changed_behind_its_back_breaks_the_chain_and_one_cut_off_shows_by_a_head(room: Room) -> None:
    await room.person()
    assert (await room.desk.verify([(await room.desk.log())[1].hash])).broken is None
    assert (await room.desk.verify(["0" * 63 + "1"])).broken == 4
    await room.rewrite(3, lambda body: body.replace(b'"signed_in"', b'"signed_on"'))
    audit = await room.desk.verify()
    assert (audit.broken, audit.reason) == (3, "its bytes are not those that were hashed")


async def test_a_transaction_that_fails_leaves_nothing(room: Room) -> None:
    await room.person()
    [line] = [line for line in await room.desk.log() if line.act.kind is AccountActKind.SIGNED_IN]
    [session] = await room.door.sessions("li.na")
    account = await room.store.account("li.na")
    assert account is not None
    with pytest.raises(DubanError):  # noqa: PT012 the transaction ends with the error
        async with room.store.transaction() as transaction:
            await transaction.put_account(replace(account, full_name="changed"))
            await transaction.end_session(session.id)
            await transaction.put_session(replace(session, id=uuid4(), hash="x"))
            await transaction.append(line.act)
            raise DubanError("the process fails here")
    assert await room.store.account("li.na") == account
    assert await room.door.sessions("li.na") == [session]
    assert len(await room.desk.log()) == 3


@pytest.mark.stack
async def test_the_database_refuses_whoever_changes_the_log(postgres_room: Room) -> None:
    await postgres_room.person()
    superuser = await asyncpg.connect(postgres_room.superuser)
    for statement in (
        "update console.account_log set body = body where number = 1",
        "delete from console.account_log",
        "truncate console.account_log",
    ):
        with pytest.raises(asyncpg.RaiseError, match="what stands there stands for ever"):
            await superuser.execute(statement)
    await superuser.close()


@pytest.mark.stack
async def test_no_row_of_the_database_holds_a_password_a_token_or_a_recovery_code(postgres_room: Room) -> None:
    totp, codes = await factored(postgres_room)
    await postgres_room.desk.add("feed", "Feed", by="admin", is_system=True)
    key, _ = await postgres_room.keys.add("feed", Scope.READ, DAY, by="admin")
    token, _ = await postgres_room.door.sign_in("li.na", OWN, codes[0])
    assert isinstance(postgres_room.store, PostgresAccounts)
    cells = [
        str(value)
        for table in ("accounts", "sessions", "keys", "account_log")
        for row in await postgres_room.store._pool.fetch(f"select * from console.{table}")
        for value in row.values()
    ]
    assert any("li.na" in cell for cell in cells)
    for secret in (OWN, GIVEN, key, token, key.removeprefix(KEY_BEGINNING), totp.secret, *codes):
        assert not any(secret in cell for cell in cells)


class Lying:
    """The second factor of li.na as it lies in the database, and stores over it that hold keys of their own."""

    def __init__(self, room: Room) -> None:
        assert isinstance(room.store, PostgresAccounts)
        self.pool = room.store._pool

    async def secret(self) -> str:
        kept: str = await self.pool.fetchval("select factor->>'secret' from console.accounts where name = 'li.na'")
        return kept

    async def put(self, secret: str) -> None:
        statement = "update console.accounts set factor = jsonb_set(factor, '{secret}', to_jsonb($1::text))"
        await self.pool.execute(statement, secret)

    def room(self, *keys: bytes) -> Room:
        return Room(
            PostgresAccounts(self.pool, FactorSeal([key * 32 for key in keys]) if keys else None), DrivenClock(AT)
        )


@pytest.mark.stack
async def test_a_second_factor_lies_sealed_and_two_keys_hold_while_one_takes_the_place_of_the_other(
    postgres_room: Room,
) -> None:
    totp, codes = await factored(postgres_room)
    lying = Lying(postgres_room)
    first = await lying.secret()
    assert first.startswith("sealed:")
    both, new = lying.room(b"2", b"1"), lying.room(b"2")
    assert isinstance(both.store, PostgresAccounts)
    assert isinstance(new.store, PostgresAccounts)
    with pytest.raises(SettingsError, match=r"li\.na: sealed by the key"):
        await new.store.seal_anew()
    await both.store.seal_anew()
    assert (second := await lying.secret()) not in ("", first)
    await both.store.seal_anew()
    assert await lying.secret() == second
    await new.door.sign_in("li.na", OWN, codes[0])
    # Whoever only keeps accounts leaves it as it is.
    bare = lying.room()
    await bare.desk.appoint("li.na", [OFFICE], by="admin")
    new.clock.tick(AT + 2 * MINUTE)
    await new.door.sign_in("li.na", OWN, totp.at(new.clock.now()))


@pytest.mark.stack
async def test_a_second_factor_that_an_earlier_release_left_readable_is_sealed_when_it_is_used(
    postgres_room: Room,
) -> None:
    totp, _ = await factored(postgres_room)
    lying = Lying(postgres_room)
    await lying.put(totp.secret)
    await postgres_room.door.sign_in("li.na", OWN, totp.at(postgres_room.clock.now()))
    assert (await lying.secret()).startswith("sealed:")


@pytest.mark.stack
async def test_a_sealed_secret_in_the_row_of_another_opens_for_nobody_and_without_a_key_none_is_begun(
    postgres_room: Room,
) -> None:
    await factored(postgres_room)
    await postgres_room.person("wang")
    await postgres_room.desk.begin_factor("wang", by="wang")
    lying = Lying(postgres_room)
    of_wang = await lying.pool.fetchval("select factor->>'secret' from console.accounts where name = 'wang'")
    await lying.put(of_wang)
    assert isinstance(postgres_room.store, PostgresAccounts)
    with pytest.raises(SettingsError, match=r"the second factor of li\.na: does not open"):
        await postgres_room.store.seal_anew()
    await postgres_room.desk.take_factor("li.na", by="admin")
    assert await refused(lying.room().desk.begin_factor("li.na", by="li.na")) == "no_accounts_key"
