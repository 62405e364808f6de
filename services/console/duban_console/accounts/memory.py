"""The store of accounts in memory, for tests; held to the same contract as the one in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from duban_console.accounts.account import Account, ProviderIdentity
from duban_console.accounts.log import AccountAct, AccountLine
from duban_console.accounts.session import AccountKey, AccountSession, CalendarFeed, WallScreen


@dataclass
class MemoryRows:
    """What stands in the store."""

    by_name: dict[str, Account] = field(default_factory=dict)
    by_id: dict[UUID, AccountSession] = field(default_factory=dict)
    by_hash: dict[str, AccountKey] = field(default_factory=dict)
    lines: list[AccountLine] = field(default_factory=list)
    feeds: dict[str, CalendarFeed] = field(default_factory=dict)
    walls: dict[str, WallScreen] = field(default_factory=dict)

    @property
    def seals(self) -> bool:
        return True  # it lies nowhere

    async def account(self, name: str) -> Account | None:
        return self.by_name.get(name)

    async def account_of(self, identity: ProviderIdentity) -> Account | None:
        return next((account for account in self.by_name.values() if account.identity == identity), None)

    async def accounts(self) -> list[Account]:
        return [self.by_name[name] for name in sorted(self.by_name)]

    async def sessions(self, account: str) -> list[AccountSession]:
        mine = [session for session in self.by_id.values() if session.account == account]
        return sorted(mine, key=lambda session: (session.begun_at, session.id))

    async def session(self, hash_: str) -> AccountSession | None:
        return next((session for session in self.by_id.values() if session.hash == hash_), None)

    async def keys(self) -> list[AccountKey]:
        return sorted(self.by_hash.values(), key=lambda key: (key.account, key.made_at, key.hash))

    async def key(self, hash_: str) -> AccountKey | None:
        return self.by_hash.get(hash_)

    async def feed(self, account: str) -> CalendarFeed | None:
        return self.feeds.get(account)

    async def feed_by(self, hash_: str) -> CalendarFeed | None:
        return next((feed for feed in self.feeds.values() if feed.hash == hash_), None)

    async def screens(self, jurisdiction: str) -> list[WallScreen]:
        there = [screen for screen in self.walls.values() if screen.jurisdiction == jurisdiction]
        return sorted(there, key=lambda screen: (screen.made_at, screen.hash))

    async def screen(self, hash_: str) -> WallScreen | None:
        return self.walls.get(hash_)

    async def log(self, latest: int | None = None) -> list[AccountLine]:
        return self.lines[max(0, len(self.lines) - latest) :] if latest is not None else list(self.lines)


class MemoryTransaction(MemoryRows):
    """A copy that takes the place of what was there when the transaction ends well."""

    async def put_account(self, account: Account) -> None:
        self.by_name[account.name] = account

    async def put_session(self, session: AccountSession) -> None:
        self.by_id[session.id] = session

    async def end_session(self, id_: UUID) -> None:
        self.by_id.pop(id_, None)

    async def put_key(self, key: AccountKey) -> None:
        self.by_hash[key.hash] = key

    async def end_key(self, hash_: str) -> None:
        self.by_hash.pop(hash_, None)

    async def put_feed(self, feed: CalendarFeed) -> None:
        self.feeds[feed.account] = feed

    async def end_feed(self, account: str) -> None:
        self.feeds.pop(account, None)

    async def put_screen(self, screen: WallScreen) -> None:
        self.walls[screen.hash] = screen

    async def end_screen(self, hash_: str) -> None:
        self.walls.pop(hash_, None)

    async def append(self, act: AccountAct) -> AccountLine:
        line = AccountLine.following(self.lines[-1] if self.lines else None, act.fields())
        self.lines.append(line)
        return line


class MemoryAccounts(MemoryRows):
    """The store."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[MemoryTransaction]:
        async with self._turn:
            copy = MemoryTransaction(
                dict(self.by_name), dict(self.by_id), dict(self.by_hash), list(self.lines), dict(self.feeds),
                dict(self.walls),
            )  # fmt: skip
            yield copy
            self.by_name, self.by_id, self.by_hash = copy.by_name, copy.by_id, copy.by_hash
            self.lines, self.feeds, self.walls = copy.lines, copy.feeds, copy.walls
