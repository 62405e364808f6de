"""What means "wait" and what means "wrong"."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import islice

import asyncpg
import pytest
from aiokafka import errors as kafka

from duban.errors import Unavailable, Undecodable
from duban.io.availability import dependency, words_of
from duban.io.backoff import backoff, cancelled, until_available, until_stopped, waits
from duban.io.postgres import role_in

AWAY = [
    asyncpg.ConnectionDoesNotExistError("gone"),
    asyncpg.AdminShutdownError("terminating"),
    asyncpg.CannotConnectNowError("starting up"),
    asyncpg.TooManyConnectionsError("full"),
    asyncpg.DiskFullError("full"),
    asyncpg.DeadlockDetectedError("deadlock"),
    asyncpg.SerializationError("again"),
    asyncpg.ReadOnlySQLTransactionError("standby"),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.InternalClientError("got result for unknown protocol state 3"),
    asyncpg.InterfaceError("the server expects 1 argument"),
    asyncpg.UndefinedTableError("no table"),
    asyncpg.InsufficientPrivilegeError("not yours"),
]
WRONG = [
    asyncpg.UniqueViolationError("twice"),
    asyncpg.CharacterNotInRepertoireError("a NUL"),
    kafka.CommitFailedError("rebalanced"),
    Undecodable("invalid", "no"),
    ValueError("no"),
]


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_a_database_that_cannot_answer_is_waited_for(error: Exception) -> None:
    assert dependency(error) == "database"


@pytest.mark.parametrize("error", WRONG, ids=lambda error: type(error).__name__)
def test_a_wrong_message_is_not_waited_for(error: Exception) -> None:
    assert dependency(error) is None


def test_unavailable_names_the_dependency_that_caused_it() -> None:
    error = Unavailable("no acks")
    error.__cause__ = kafka.KafkaConnectionError("refused")
    assert dependency(error) == "broker"
    assert dependency(Unavailable("no receiver")) == "other"
    assert dependency(ConnectionRefusedError()) == "other"


def test_back_off_doubles_to_its_most_and_every_delay_is_jittered() -> None:
    for delay, whole in zip(islice(backoff(0.1, 5.0), 9), [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0], strict=True):
        assert whole / 2 <= delay <= whole


async def test_until_available_returns_what_comes_after_the_dependency_does() -> None:
    answers = iter([Unavailable("not yet"), None])

    async def action() -> str:
        if (error := next(answers)) is not None:
            raise error
        return "here"

    assert await until_available("broker", action) == "here"


async def test_what_is_waited_for_is_told_until_it_comes() -> None:
    told: list[dict[str, str]] = []
    answers = iter([Unavailable("not yet"), None])

    async def action() -> None:
        told.append(dict(waits))
        if (error := next(answers)) is not None:
            raise error

    await until_available("broker", action)
    assert [*told, dict(waits)] == [{}, {"broker": "Unavailable: not yet"}, {}]


def test_a_grant_that_is_missing_is_told_with_the_role_and_who_grants_it() -> None:
    error = asyncpg.InsufficientPrivilegeError("permission denied for table events")
    role = role_in("postgresql://duban_router:hush@db/duban?sslmode=require")
    assert words_of(error, role).startswith(
        "InsufficientPrivilegeError: permission denied for table events: role duban_router lacks a grant; `duban migr"
    )
    assert role_in("postgresql://deployer@db/duban?role=duban_owner") == "duban_owner"
    assert words_of(error).count("the role in DUBAN_DATABASE lacks a grant") == 1


async def test_until_available_lets_a_fault_through() -> None:
    async def action() -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        await until_available("broker", action)


async def test_what_waits_for_a_dependency_ends_when_it_is_stopped() -> None:
    stopping, asked = asyncio.Event(), asyncio.Event()

    async def away() -> str:
        asked.set()
        raise Unavailable("the database is away")

    waiting = asyncio.create_task(until_stopped(stopping, until_available("database", away)))
    await asked.wait()
    stopping.set()
    async with asyncio.timeout(30):
        assert await waiting is None


async def test_what_comes_before_the_stop_is_returned_and_a_fault_is_let_through() -> None:
    async def here() -> str:
        return "here"

    async def wrong() -> None:
        raise ValueError("wrong")

    assert await until_stopped(asyncio.Event(), here()) == "here"
    with pytest.raises(ValueError, match="wrong"):
        await until_stopped(asyncio.Event(), wrong())


async def test_a_task_that_waits_again_while_it_is_cancelled_is_left_behind() -> None:
    for_good = asyncio.Event()

    async def stubborn() -> None:
        while not for_good.is_set():
            with suppress(asyncio.CancelledError):
                await for_good.wait()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await cancelled([task], within=0.02)
    assert not task.done()
    for_good.set()
    await task
