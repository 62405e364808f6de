"""Accounts, as tests lay them out: a store, a driven clock, and the door and the desks over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import asyncpg
import httpx2
import pyotp
import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from duban.clock import DrivenClock, SystemClock
from duban_cli.system import System
from duban_console.accounts.account import Appointment, Role
from duban_console.accounts.admission import Admission
from duban_console.accounts.desk import AccountDesk
from duban_console.accounts.key_desk import KeyDesk
from duban_console.accounts.memory import MemoryAccounts
from duban_console.accounts.passwords import Passwords
from duban_console.accounts.rows import AccountRefused
from duban_console.accounts.session import Terms
from duban_console.accounts.store import PostgresAccounts
from duban_console.pages.parts import AccountDesks

AT = datetime(2026, 11, 29, 2, 0, 0, 123456, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TERMS = Terms(idle=60 * MINUTE, whole=12 * 60 * MINUTE)
ADMIN = Appointment(role=Role.ADMINISTRATOR)
CLERK = Appointment(role=Role.CLERK, jurisdiction="linyi", unit="市生态环境局")
CUSTODIAN = Appointment(role=Role.CUSTODIAN)
OFFICE = Appointment(role=Role.OFFICE, jurisdiction="linyi", unit="督办室")
#: Chosen by the person, and given by the administrator.
OWN, GIVEN = "four plain words here", "a word from the office"

Rows: TypeAlias = MemoryAccounts | PostgresAccounts


def fast() -> Passwords:
    """Argon2 as it is, but for its cost."""
    return Passwords(PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),)))


@dataclass
class Room:
    """A store, a clock, and the door and the desks over them."""

    store: Rows
    clock: DrivenClock
    superuser: str = ""

    def __post_init__(self) -> None:
        self.door = Admission(self.store, self.clock, fast(), TERMS)
        self.desk = AccountDesk(self.store, self.clock, fast())
        self.keys = KeyDesk(self.store, self.clock)
        self.desks = AccountDesks(self.desk, self.keys)

    def wait(self, length: timedelta) -> None:
        self.clock.tick(self.clock.now() + length)

    async def person(self, name: str = "li.na", *appointments: Appointment) -> str:
        """A person who has chosen a password of their own, and the token of their session."""
        await self.desk.add(name, "李娜", appointments or (CLERK,), by="admin", password=GIVEN)
        return (await self.door.sign_in(name, GIVEN, new=OWN))[0]

    async def acts(self) -> list[tuple[str, str, str]]:
        return [(line.act.kind.value, line.act.by, line.act.account) for line in await self.desk.log()]

    async def rewrite(self, number: int, change: Callable[[bytes], bytes]) -> None:
        """Change a line of the log behind the desk's back."""
        if isinstance(self.store, MemoryAccounts):
            line = self.store.lines[number - 1]
            self.store.lines[number - 1] = replace(line, body=change(line.body))
            return
        connection = await asyncpg.connect(self.superuser)
        body = await connection.fetchval("select body from console.account_log where number = $1", number)
        await connection.execute("alter table console.account_log disable trigger user")
        changed = change(body.encode()).decode()
        await connection.execute("update console.account_log set body = $2 where number = $1", number, changed)
        await connection.execute("alter table console.account_log enable trigger user")
        await connection.close()


async def refused(step: Any) -> str:
    with pytest.raises(AccountRefused) as caught:
        await step
    assert str(caught.value)
    return caught.value.code


async def factored(room: Room) -> tuple[pyotp.TOTP, tuple[str, ...]]:
    await room.person()
    uri = await room.desk.begin_factor("li.na", by="li.na")
    totp = pyotp.parse_uri(uri)
    assert isinstance(totp, pyotp.TOTP)
    codes = await room.desk.confirm_factor("li.na", totp.at(room.clock.now()), by="li.na")
    room.wait(MINUTE)
    return totp, codes


async def signed_in(system: System, name: str, *appointments: Appointment) -> str:
    """A person of the engine ``system`` who has chosen the password ``OWN``, and the token of their session."""
    async with asyncpg.create_pool(system.accounts, min_size=1, max_size=1) as pool:
        desk = AccountDesk(PostgresAccounts(pool), SystemClock(), fast())
        await desk.add(name, name, appointments, by="test", password=GIVEN)
    async with httpx2.AsyncClient(base_url=system.urls["api"], timeout=60) as client:
        who = {"name": name, "password": GIVEN, "new_password": OWN}
        answer = await client.post("/v1/sessions", json=who)
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["token"]
    return token
