"""One suite over the stores of the vault, in memory and in PostgreSQL: the laws of keeping, opening and forgetting."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from duban.clock import DrivenClock
from duban.errors import DubanError
from duban.io.postgres import connect_pool
from duban.io.settings import Settings
from duban.messages.report import SealedField
from duban.messages.sealed import WrappedKey
from duban.seal import Unsealable
from duban_intake.domain import Receipt, ReportOutcome, own_problem
from duban_intake.handlers import Store as IntakeStore
from duban_intake.handlers import Writing
from duban_intake.memory import MemoryStore
from duban_intake.report_seal import ReportKey, ReportTerms, Why
from duban_intake.store import SCHEMA, PostgresStore
from duban_intake.vault.chain import Line
from duban_intake.vault.contact import Bound, Contact
from duban_intake.vault.custody import ActKind
from duban_intake.vault.desk import DeskSettings, Erasure, Held, PersonalClass, Vault, VaultRefused
from duban_intake.vault.memory import MemoryVault
from duban_intake.vault.seal import Keyring
from duban_intake.vault.store import PostgresVault
from tests.conftest import Migrated

AT = datetime(2022, 4, 6, 2, 0, 0, 123456, tzinfo=UTC)
WANG = Contact(name="王小明", phone="13800138000")
ZHAO = Contact(email="zhao@example.com")
BOUND = Bound("hotline", "42", "smallville", b"\x01" * 32)
OTHER = Bound("hotline", "43", "smallville", b"\x02" * 32)


def keyring(*numbers: int) -> Keyring:
    return Keyring.parse(",".join(b64encode(bytes([number]) * 32).decode() for number in numbers))


#: Of the report 42.
KEY = own_problem("hotline", "42")
Rows: TypeAlias = MemoryVault | PostgresVault


@dataclass
class Room:
    """A store of the vault beside intake's, a clock, and a desk over them."""

    store: Rows
    intake: IntakeStore
    clock: DrivenClock
    superuser: str = ""

    def vault(self, *keys: int) -> Vault:
        return Vault(self.store, self.clock, DeskSettings(keyring(*(keys or (1,))), timedelta(hours=24)))

    async def swap(self, key: UUID, other: UUID) -> None:
        """Put what is sealed of ``other`` into the row of ``key``, behind the vault's back."""
        if isinstance(self.store, MemoryVault):
            self.store.rows[key] = replace(self.store.rows[key], sealed=self.store.rows[other].sealed)
            return
        await self.store._pool.execute(
            "update intake.vault_contacts set (key_id, fingerprint, wrapped, sealed) ="
            " (select key_id, fingerprint, wrapped, sealed from intake.vault_contacts where key = $2) where key = $1",
            key, other,
        )  # fmt: skip

    async def rewrite(self, number: int, change: Callable[[bytes], bytes]) -> None:
        """Change a line of the log behind the vault's back."""
        if isinstance(self.store, MemoryVault):
            line = self.store.lines[number - 1]
            self.store.lines[number - 1] = replace(line, body=change(line.body))
            return
        connection = await asyncpg.connect(self.superuser)
        body = await connection.fetchval("select body from intake.vault_log where number = $1", number)
        await connection.execute("alter table intake.vault_log disable trigger user")
        changed = change(body.encode()).decode()
        await connection.execute("update intake.vault_log set body = $2 where number = $1", number, changed)
        await connection.execute("alter table intake.vault_log enable trigger user")
        await connection.close()


class BothDoors(PostgresVault):
    """The vault by the two roles that have a part in it: the gateway keeps, the vault's own process does the rest."""

    def __init__(self, gateway: asyncpg.Pool[asyncpg.Record], vault: asyncpg.Pool[asyncpg.Record]) -> None:
        super().__init__(vault)
        self._gateway = PostgresVault(gateway)

    async def keep(self, held: Held) -> Held:
        return await self._gateway.keep(held)


@pytest.fixture
async def postgres_room(migrated: Migrated) -> AsyncIterator[Room]:
    gateway, vault, intake = [
        await connect_pool(Settings(database=SecretStr(migrated.url_of(name))), SCHEMA)
        for name in ("gateway", "vault", "intake")
    ]
    yield Room(BothDoors(gateway, vault), PostgresStore(intake), DrivenClock(AT), migrated.superuser)
    for pool in (gateway, vault, intake):
        await pool.close()


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.stack)])
def room(request: pytest.FixtureRequest) -> Room:
    if request.param == "memory":
        intake = MemoryStore()
        return Room(MemoryVault(intake), intake, DrivenClock(AT))
    found: Room = request.getfixturevalue("postgres_room")
    return found


async def refused(step: Any) -> str:
    with pytest.raises(VaultRefused) as caught:
        await step
    assert str(caught.value)
    return caught.value.code


async def asked(vault: Vault, bound: Bound = BOUND) -> UUID:
    ask = (await vault.ask(bound.source, bound.id, "li", "the reward is due")).act.ask
    assert ask is not None
    return ask


async def opened(vault: Vault, bound: Bound = BOUND) -> Contact:
    ask = await asked(vault, bound)
    await vault.approve(ask, "wang")
    return (await vault.open(ask, "li"))[1]


async def test_a_contact_comes_out_as_it_went_in_by_two_custodians_and_each_step_is_in_the_log_my_02d(
    room: Room,
) -> None:
    vault = room.vault()
    await vault.keep(BOUND, WANG)
    await vault.keep(OTHER, ZHAO)
    assert await opened(vault) == WANG
    assert await opened(vault, OTHER) == ZHAO
    log = await vault.log()
    assert [line.act.kind for line in log] == [ActKind.ASKED, ActKind.APPROVED, ActKind.OPENED] * 2
    assert [(line.act.by, line.act.id, line.act.at) for line in log[:3]] == [
        ("li", "42", AT), ("wang", "42", AT), ("li", "42", AT),
    ]  # fmt: skip
    assert (log[0].act.reason, [line.number for line in log]) == ("the reward is due", [1, 2, 3, 4, 5, 6])
    assert (await vault.verify([log[2].hash])).broken is None


async def test_it_opens_once_and_only_in_the_order_of_custody(room: Room) -> None:
    vault = room.vault()
    await vault.keep(BOUND, WANG)
    ask = await asked(vault)
    assert await refused(vault.open(ask, "li")) == "not_approved"
    assert await refused(vault.approve(ask, "LI")) == "same_person"
    await vault.approve(ask, "wang")
    assert await refused(vault.open(ask, "wang")) == "other_person"
    await vault.open(ask, "li")
    assert await refused(vault.open(ask, "li")) == "already_opened"
    assert await refused(vault.approve(uuid4(), "wang")) == "unknown_ask"
    assert len(await vault.log()) == 3


async def test_an_approval_holds_for_its_hours_only(room: Room) -> None:
    vault = room.vault()
    await vault.keep(BOUND, WANG)
    ask = await asked(vault)
    room.clock.tick(AT + timedelta(days=9))
    await vault.approve(ask, "wang")
    room.clock.tick(AT + timedelta(days=10, microseconds=1))
    assert await refused(vault.open(ask, "li")) == "too_late"


async def test_of_many_who_open_at_once_one_sees_it(room: Room) -> None:
    vault = room.vault()
    await vault.keep(BOUND, WANG)
    ask = await asked(vault)
    await vault.approve(ask, "wang")
    found = await asyncio.gather(*(vault.open(ask, "li") for _ in range(12)), return_exceptions=True)
    seen = [one for one in found if not isinstance(one, BaseException)]
    assert len(seen) == 1
    assert {one.code for one in found if isinstance(one, VaultRefused)} == {"already_opened"}
    assert (await vault.verify()).lines == 3


async def test_many_lines_at_once_make_one_chain(room: Room) -> None:
    vault = room.vault()
    await vault.keep(BOUND, WANG)
    await asyncio.gather(*(asked(vault) for _ in range(20)))
    found = await vault.verify()
    assert (found.broken, found.lines) == (None, 20)


async def test_a_refused_ask_does_not_open(room: Room) -> None:
    vault = room.vault()
    await vault.keep(BOUND, WANG)
    ask = await asked(vault)
    await vault.approve(ask, "wang")
    await vault.refuse(ask, "wang", "on second thoughts")
    assert await refused(vault.open(ask, "li")) == "already_refused"


async def test_the_same_again_changes_nothing_and_the_first_stands(room: Room) -> None:
    vault = room.vault()
    await vault.keep(BOUND, WANG)
    room.clock.tick(AT + timedelta(days=1))
    await room.vault(2, 1).keep(BOUND, WANG)
    assert await refused(vault.keep(BOUND, ZHAO)) == "other_contact"
    assert await refused(vault.keep(replace(BOUND, digest=b"\x09" * 32), WANG)) == "other_body"
    assert await opened(vault) == WANG


async def test_a_row_swapped_for_that_of_another_report_does_not_open_and_is_not_logged_as_opened(room: Room) -> None:
    vault = room.vault()
    await vault.keep(BOUND, WANG)
    await vault.keep(OTHER, ZHAO)
    await room.swap(own_problem("hotline", "42"), own_problem("hotline", "43"))
    with pytest.raises(Unsealable, match="sealed for another one"):
        await opened(vault)
    assert [line.act.kind for line in await vault.log()] == [ActKind.ASKED, ActKind.APPROVED]


async def test_the_wrong_key_opens_nothing_and_the_old_one_beside_the_new_does(room: Room) -> None:
    await room.vault(1).keep(BOUND, WANG)
    ask = await asked(room.vault(2))
    await room.vault(2).approve(ask, "wang")
    with pytest.raises(Unsealable, match="DUBAN_VAULT_KEY"):
        await room.vault(2).open(ask, "li")
    assert (await room.vault(2, 1).open(ask, "li"))[1] == WANG


async def test_a_contact_that_came_with_a_body_that_intake_refused_belongs_to_no_report(room: Room) -> None:
    vault = room.vault()
    await vault.keep(BOUND, WANG)
    ask = await asked(vault)
    await vault.approve(ask, "wang")
    key = own_problem("hotline", "42")
    receipt = Receipt("hotline", "42", key, b"\x0f" * 32, AT, ReportOutcome.ACCEPTED, key)
    async with room.intake.transaction(["smallville"]) as transaction:
        await transaction.write(Writing(receipts={key: receipt}))
    assert await refused(vault.open(ask, "li")) == "no_contact"
    assert await refused(vault.ask("hotline", "42", "li", "x")) == "no_contact"


async def test_what_has_its_receipt_opens(room: Room) -> None:
    vault = room.vault()
    await vault.keep(BOUND, WANG)
    key = own_problem("hotline", "42")
    async with room.intake.transaction(["smallville"]) as transaction:
        receipt = Receipt("hotline", "42", key, BOUND.digest, AT, ReportOutcome.ACCEPTED, key)
        await transaction.write(Writing(receipts={key: receipt}))
    assert await opened(vault) == WANG


async def test_forgotten_stays_forgotten_and_the_log_stays_my_02d(room: Room) -> None:
    vault = room.vault()
    await vault.keep(BOUND, WANG)
    ask = await asked(vault)
    await vault.approve(ask, "wang")
    await vault.forget("hotline", "42", "wang", "the reporter asks for it")
    assert await refused(vault.open(ask, "li")) == "forgotten"
    assert await refused(vault.ask("hotline", "42", "li", "x")) == "forgotten"
    assert await refused(vault.forget("hotline", "42", "li", "x")) == "forgotten"
    assert await refused(vault.keep(BOUND, WANG)) == "forgotten"
    assert await refused(vault.keep(BOUND, ZHAO)) == "forgotten"
    async with room.store.session() as session:
        held = await session.held(own_problem("hotline", "42"))
    assert held is not None
    assert (held.sealed, held.forgotten_at, held.bound) == (None, AT, BOUND)
    assert [line.act.kind for line in await vault.log()] == [ActKind.ASKED, ActKind.APPROVED, ActKind.FORGOTTEN]
    assert (await vault.verify()).broken is None


async def test_there_is_nothing_to_open_or_forget_where_nothing_was_kept(room: Room) -> None:
    vault = room.vault()
    assert await refused(vault.ask("hotline", "42", "li", "x")) == "no_contact"
    assert await refused(vault.forget("hotline", "42", "li", "x")) == "no_contact"
    assert await vault.log() == []


async def test_a_session_that_fails_leaves_nothing(room: Room) -> None:
    vault = room.vault()
    await vault.keep(BOUND, WANG)
    await asked(vault)
    [line] = await vault.log()
    with pytest.raises(DubanError):  # noqa: PT012 the session ends with the error
        async with room.store.session() as session:
            await session.forget(own_problem("hotline", "42"), AT)
            await session.append(line.act)
            raise DubanError("the process fails here")
    assert await vault.log() == [line]
    assert await opened(vault) == WANG


async def test_a_line_changed_behind_its_back_breaks_the_chain_my_02d(room: Room) -> None:
    vault = room.vault()
    await vault.keep(BOUND, WANG)
    await opened(vault)
    await room.rewrite(2, lambda body: body.replace(b'"wang"', b'"zhao"'))
    found = await vault.verify()
    assert (found.broken, found.reason) == (2, "its bytes are not those that were hashed")


@pytest.mark.stack
@pytest.mark.parametrize(
    "statement",
    [
        "update intake.vault_log set body = body where number = 1",
        "delete from intake.vault_log",
        "truncate intake.vault_log",
        "delete from intake.vault_contacts",
        "truncate intake.vault_contacts",
        "update intake.vault_contacts set forgotten_at = null where forgotten_at is not null",
    ],
)
async def test_the_database_refuses_whoever_changes_the_log_or_unforgets(postgres_room: Room, statement: str) -> None:
    vault = postgres_room.vault()
    await vault.keep(BOUND, WANG)
    await vault.forget("hotline", "42", "li", "x")
    before = await vault.log()
    superuser = await asyncpg.connect(postgres_room.superuser)
    with pytest.raises(asyncpg.RaiseError, match="what stands there stands for ever"):
        await superuser.execute(statement)
    await superuser.close()
    assert await vault.log() == before


@pytest.mark.stack
async def test_no_row_of_the_database_holds_what_was_sealed(postgres_room: Room) -> None:
    vault = postgres_room.vault()
    await vault.keep(BOUND, WANG)
    await opened(vault)
    assert isinstance(postgres_room.store, PostgresVault)
    rows = [
        *await postgres_room.store._pool.fetch("select * from intake.vault_contacts"),
        *await postgres_room.store._pool.fetch("select * from intake.vault_log"),
    ]
    cells = [one if isinstance(one, bytes) else str(one).encode() for row in rows for one in row.values()]
    assert any(b"hotline" in one for one in cells)
    for part in WANG.model_dump(exclude_none=True).values():
        assert not any(part.encode() in one for one in cells)


@pytest.mark.stack
async def test_lines_come_back_from_the_database_byte_for_byte(postgres_room: Room) -> None:
    vault = postgres_room.vault()
    await vault.keep(BOUND, WANG)
    line = await vault.ask("hotline", "42", "li", '引号 " and \\ backslash')
    assert await vault.log() == [Line(1, line.body, line.previous, line.hash)]
    assert line.act.reason == '引号 " and \\ backslash'


async def sealed_report(room: Room, key: UUID = KEY) -> ReportKey:
    """Have intake keep the report 42 with a key of its own."""
    held = ReportKey(key, "hotline", "42", key, (SealedField.TEXT,), AT, WrappedKey("a", b"\x07" * 60))
    receipt = Receipt("hotline", "42", key, BOUND.digest, AT, ReportOutcome.ACCEPTED, key)
    async with room.intake.transaction(["smallville"]) as transaction:
        await transaction.write(Writing(receipts={key: receipt}, keys={key: held}))
    return held


async def test_erasing_destroys_every_key_and_every_hash_of_a_report_and_stands_in_the_log(room: Room) -> None:
    vault = room.vault()
    held = await sealed_report(room)
    await vault.keep(BOUND, WANG)
    line, erasure = await vault.erase("hotline", "42", "li", "asked for")
    assert (line.act.kind, line.act.by, line.act.reason) == (ActKind.ERASED, "li", "asked for")
    assert erasure.classes == (PersonalClass.CONTACT, PersonalClass.CONTENT)
    async with room.intake.transaction(["smallville"]) as transaction:
        assert await transaction.report_keys([KEY]) == {KEY: replace(held, wrapped=None, erased_at=AT, why=Why.REQUEST)}
        assert (await transaction.receipts([KEY]))[KEY].digest != BOUND.digest
    async with room.store.session() as session:
        row = await session.held(KEY)
    assert row is not None
    assert row.sealed is None
    assert row.bound.digest != BOUND.digest
    assert (await vault.verify()).broken is None
    assert await refused(vault.erase("hotline", "42", "li", "again")) == "nothing_kept"


async def test_a_contact_that_was_forgotten_before_leaves_no_hash_either_once_its_report_is_erased(room: Room) -> None:
    vault = room.vault()
    await sealed_report(room)
    await vault.keep(BOUND, WANG)
    await vault.forget("hotline", "42", "li", "x")
    _, erasure = await vault.erase("hotline", "42", "li", "x")
    assert erasure.classes == (PersonalClass.CONTENT,)
    async with room.store.session() as session:
        row = await session.held(KEY)
    assert row is not None
    assert row.bound.digest != BOUND.digest


async def test_what_is_not_kept_is_not_erased_and_leaves_no_line(room: Room) -> None:
    vault = room.vault()
    assert await refused(vault.erase("hotline", "42", "li", "x")) == "nothing_kept"
    assert await vault.log() == []


async def closed(room: Room, terms: ReportTerms) -> None:
    """Have intake hear that the problem of report 42 is closed, or open again."""
    async with room.intake.transaction(["smallville"]) as transaction:
        await transaction.write(Writing(terms={KEY: terms}, revises=True))


async def test_what_a_pack_keeps_no_longer_is_destroyed_class_by_class_and_the_log_says_so(room: Room) -> None:
    vault, day = room.vault(), timedelta(days=1)
    await sealed_report(room)
    await vault.keep(BOUND, WANG)
    await closed(room, ReportTerms(contact=AT + day, content=AT + 2 * day))
    beginning = UUID(int=0)
    room.clock.tick(AT + day - timedelta(microseconds=1))
    assert await vault.forget_due(beginning, 10) == (None, 0)
    room.clock.tick(AT + day)
    assert await vault.forget_due(beginning, 10) == (KEY, 1)
    assert await vault.forget_due(beginning, 10) == (None, 0)
    room.clock.tick(AT + 2 * day)
    assert await vault.forget_due(KEY, 10) == (None, 0)
    assert await vault.forget_due(beginning, 10) == (KEY, 1)
    lines = [(line.act.kind, line.act.by, line.act.reason) for line in await vault.log()]
    assert lines == [
        (ActKind.ERASED, "duban", "kept no longer: contact"),
        (ActKind.ERASED, "duban", "kept no longer: content"),
    ]
    async with room.intake.transaction(["smallville"]) as transaction:
        [held] = (await transaction.report_keys([KEY])).values()
    assert (held.wrapped, held.erased_at, held.why) == (None, AT + 2 * day, Why.TERM)
    assert (await vault.verify()).broken is None


async def test_while_a_problem_is_open_again_nothing_of_it_is_due(room: Room) -> None:
    vault = room.vault()
    await sealed_report(room)
    await closed(room, ReportTerms(contact=AT, content=AT))
    await closed(room, ReportTerms())
    assert await vault.forget_due(UUID(int=0), 10) == (None, 0)


async def test_what_was_erased_on_request_is_due_no_more(room: Room) -> None:
    vault = room.vault()
    await sealed_report(room)
    await closed(room, ReportTerms(contact=AT, content=AT))
    await vault.erase("hotline", "42", "li", "x")
    assert await vault.forget_due(UUID(int=0), 10) == (None, 0)
    assert len(await vault.log()) == 1


async def test_of_a_file_that_two_reports_speak_of_the_key_goes_with_the_last_and_comes_anew_with_the_next(
    room: Room,
) -> None:
    vault, other = room.vault(), own_problem("hotline", "43")
    shared, own = "ab" * 32, "cd" * 32
    await sealed_report(room)
    second = ReportKey(other, "hotline", "43", other, (SealedField.TEXT,), AT, WrappedKey("a", b"\x07" * 60))
    receipt = Receipt("hotline", "43", other, OTHER.digest, AT, ReportOutcome.ACCEPTED, other)

    async def spoken(key: UUID, *files: str, **rest: Any) -> None:
        wrapped = {sha256: WrappedKey("a", b"\x09" * 60) for sha256 in files}
        async with room.intake.transaction(["smallville"]) as transaction:
            await transaction.write(Writing(files={key: wrapped}, revises=True, **rest))

    await spoken(KEY, shared, own)
    await spoken(other, shared, receipts={other: receipt}, keys={other: second})
    _, erasure = await vault.erase("hotline", "42", "li", "x")
    assert erasure == Erasure((PersonalClass.CONTENT, PersonalClass.EVIDENCE), (own,))
    _, erasure = await vault.erase("hotline", "43", "li", "x")
    assert erasure == Erasure((PersonalClass.CONTENT, PersonalClass.EVIDENCE), (shared,))
    third = own_problem("hotline", "44")
    await spoken(third, shared)
    _, erasure = await vault.erase("hotline", "44", "li", "x")
    assert erasure == Erasure((PersonalClass.EVIDENCE,), (shared,))
