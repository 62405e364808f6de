"""The loop that anchors: one chain without a gap or a double, whoever dies in the middle and however many try."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from duban.errors import SettingsError, Unavailable
from duban.io.anchor_key import AnchorKey, is_signed_with
from duban.io.anchors import AnchorLoop, Growth
from duban.io.postgres import connect_pool
from duban.io.publisher import Publisher
from duban.io.settings import AnchorSettings
from duban.messages.anchors import VAULT_LOG, Anchor, Anchored, Head
from duban.messages.envelope import Publishable
from duban.messages.events import GENESIS
from duban_console.witnesses import anchors_on_topic
from tests.conftest import Migrated

pytestmark = pytest.mark.stack
Make = Callable[..., Awaitable[str]]


class Growing:
    """A chain that has grown by one line whenever it is asked."""

    def __init__(self) -> None:
        self.lines = 0

    async def __call__(self, latest: Anchor | None) -> Growth:
        self.lines = max(self.lines, latest.heads[0].version if latest else 0) + 1
        return Growth((Head(record=VAULT_LOG, version=self.lines, hash=f"{self.lines:064x}"),))


class Away(Publisher):
    """A publisher whose broker is away for a while."""

    away = False

    async def publish(self, records: Sequence[Publishable]) -> None:
        if self.away:
            raise Unavailable("the broker")
        await super().publish(records)


@pytest.fixture
async def settings(stack: Any, migrated: Migrated, topic: Make, tmp_path: Path) -> AnchorSettings:
    await topic(Anchor.TOPIC, exact=True, **{"cleanup.policy": "compact"})
    AnchorKey.made(tmp_path / "anchors.pem")
    return AnchorSettings(
        kafka=stack.kafka,
        database=SecretStr(migrated.url_of("router")),
        anchor_interval=0.05,
        anchor_key=tmp_path / "anchors.pem",
    )


@pytest.fixture
async def pool(settings: AnchorSettings) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    pool = await connect_pool(settings, "router")
    yield pool
    await pool.close()


@pytest.fixture
async def publisher(settings: AnchorSettings) -> AsyncIterator[Away]:
    publisher = Away(settings)
    yield publisher
    await publisher.stop()


async def on_topic(settings: AnchorSettings) -> list[Anchor]:
    async with aclosing(anchors_on_topic(settings)) as found:
        return [anchor async for _, anchor in found]


def is_whole(anchors: list[Anchor]) -> bool:
    """Whether they are numbered from 1 and each names the one before it; the same may come again."""
    known = {anchor.number: anchor for anchor in anchors}
    hashes = {0: GENESIS, **{number: anchor.hash for number, anchor in known.items()}}
    return (
        sorted(known) == list(range(1, len(known) + 1))
        and all(anchor.previous == hashes[number - 1] for number, anchor in known.items())
        and all(anchor == known[anchor.number] for anchor in anchors)
    )


async def test_what_was_written_and_not_published_is_published_first_by_whoever_comes_next(
    settings: AnchorSettings, pool: asyncpg.Pool[asyncpg.Record], publisher: Away
) -> None:
    first = AnchorLoop(Anchored.VAULT, Growing(), pool, publisher, settings, "test")
    await first.once()
    publisher.away = True
    with pytest.raises(Unavailable):
        await first.once()
    publisher.away = False
    # It died there: its turn is over.
    await over(pool)
    await AnchorLoop(Anchored.VAULT, Growing(), pool, publisher, settings, "test").once()
    anchors = await on_topic(settings)
    assert [anchor.number for anchor in anchors] == [1, 2, 3]
    assert is_whole(anchors)
    assert settings.anchor_key is not None
    assert all(is_signed_with(anchor, AnchorKey.load(settings.anchor_key).public) for anchor in anchors)


async def test_a_member_whose_turn_it_is_not_publishes_nothing(
    settings: AnchorSettings, pool: asyncpg.Pool[asyncpg.Record], publisher: Away
) -> None:
    slow = settings.model_copy(update={"anchor_interval": 60.0})  # its turn lasts as long as this test may take
    one, other = (AnchorLoop(Anchored.VAULT, Growing(), pool, publisher, slow, "test") for _ in range(2))
    await one.once()
    await other.once()
    assert [anchor.number for anchor in await on_topic(settings)] == [1]


async def test_a_member_that_froze_for_longer_than_its_turn_makes_no_second_anchor_of_the_number(
    settings: AnchorSettings, pool: asyncpg.Pool[asyncpg.Record], publisher: Away
) -> None:
    other = AnchorLoop(Anchored.VAULT, Growing(), pool, publisher, settings, "test")

    class Freezing(Growing):
        async def __call__(self, latest: Anchor | None) -> Growth:
            await over(pool)
            await other.once()
            await over(pool)
            return await super().__call__(latest)

    frozen = AnchorLoop(Anchored.VAULT, Freezing(), pool, publisher, settings, "test")
    assert await frozen.once(), "there is more: somebody else has its number"
    assert await frozen.once()
    anchors = await on_topic(settings)
    assert [anchor.number for anchor in anchors] == [1, 2]
    assert is_whole(anchors)


async def over(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    """Whosever turn it was, it is over."""
    await pool.execute("update anchors set turn_until = '-infinity'")


async def test_no_fault_ends_the_service_whose_chain_it_is(
    settings: AnchorSettings, pool: asyncpg.Pool[asyncpg.Record], publisher: Away
) -> None:
    class Faulty(Growing):
        async def __call__(self, latest: Anchor | None) -> Growth:
            grown = await super().__call__(latest)
            if self.lines == 1:
                raise ValueError("a row that somebody set by hand")
            return grown

    loop = AnchorLoop(Anchored.VAULT, Faulty(), pool, publisher, settings, "test")
    running = asyncio.create_task(loop.run())
    while not running.done() and not await on_topic(settings):  # noqa: ASYNC110 the topic tells, no event does
        await asyncio.sleep(0.02)
    loop.stop()
    await running


async def test_the_turn_is_left_at_an_orderly_end(
    settings: AnchorSettings, pool: asyncpg.Pool[asyncpg.Record], publisher: Away
) -> None:
    one, other = (AnchorLoop(Anchored.VAULT, Growing(), pool, publisher, settings, "test") for _ in range(2))
    running = asyncio.create_task(one.run())
    await asyncio.sleep(0)
    while len(await on_topic(settings)) < 2:  # noqa: ASYNC110 the topic tells, no event does
        await asyncio.sleep(0.02)
    one.stop()
    await running
    # What was written may have been broken off before it was published: whoever comes next publishes that first.
    written: int = await pool.fetchval("select number from anchors")
    await other.once()
    anchors = await on_topic(settings)
    assert anchors[-1].number == written + 1
    assert is_whole(anchors)


async def test_without_a_key_anchors_are_published_unsigned_and_with_an_unusable_one_nothing_begins(
    settings: AnchorSettings, pool: asyncpg.Pool[asyncpg.Record], publisher: Away
) -> None:
    without = settings.model_copy(update={"anchor_key": None})
    await AnchorLoop(Anchored.VAULT, Growing(), pool, publisher, without, "test").once()
    assert [anchor.signature for anchor in await on_topic(settings)] == [None]
    nowhere = settings.model_copy(update={"anchor_key": Path("/nowhere/anchors.pem")})
    with pytest.raises(SettingsError, match="openssl genpkey"):
        AnchorLoop(Anchored.VAULT, Growing(), pool, publisher, nowhere, "test")
