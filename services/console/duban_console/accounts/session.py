"""Who is signed in, and the keys of systems: known by the hash of what they show, for as long as they hold. Pure."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final
from uuid import UUID

from duban_console.accounts.account import Account

#: How tokens begin, so that whoever finds one where it should not be knows what it is.
SESSION_BEGINNING: Final = "duban_session_"
KEY_BEGINNING: Final = "duban_key_"
CALENDAR_BEGINNING: Final = "duban_calendar_"
SCREEN_BEGINNING: Final = "duban_screen_"
#: Keys of one system that hold at once: the new one beside the old while one takes the place of the other.
MOST_KEYS: Final = 2
_ID_LENGTH: Final = 12


class Scope(StrEnum):
    """How much of what a system may do one of its keys may."""

    READ = "read"
    ACT = "act"  #: and read


@dataclass(frozen=True, slots=True)
class Terms:
    """For how long a session holds: unless anything is asked ``idle``, and in any case no longer than ``whole``."""

    idle: timedelta = timedelta(minutes=60)
    whole: timedelta = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class AccountSession:
    """Somebody is signed in, from ``address`` by the program ``agent``; last ``seen_at``, to the minute."""

    id: UUID
    account: str
    hash: str
    address: str
    agent: str
    begun_at: datetime
    seen_at: datetime

    def ends_at(self, terms: Terms) -> datetime:
        """When it ends unless somebody is seen again."""
        return min(self.seen_at + terms.idle, self.begun_at + terms.whole)


@dataclass(frozen=True, slots=True)
class AccountKey:
    """A key of a system; last ``used_at``, to the minute."""

    hash: str
    account: str
    scope: Scope
    made_at: datetime
    ends_at: datetime
    used_at: datetime | None = None

    @property
    def id(self) -> str:
        """By what people call it: the beginning of its hash."""
        return self.hash[:_ID_LENGTH]


@dataclass(frozen=True, slots=True)
class CalendarFeed:
    """What somebody's calendar reads by a secret address, which opens nothing else; last ``read_at``, to the hour."""

    account: str
    hash: str
    made_at: datetime
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WallScreen:
    """A screen in ``place`` that shows the board of ``jurisdiction`` by a secret address; ``seen_at`` to the hour."""

    hash: str
    jurisdiction: str
    place: str
    made_by: str
    made_at: datetime
    seen_at: datetime | None = None

    @property
    def id(self) -> str:
        """By what people call it: the beginning of its hash."""
        return self.hash[:_ID_LENGTH]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: the account, how much of what it may do counts here, and the session or key by which it is known."""

    account: Account
    scope: Scope
    known_by: str


def new_token(beginning: str) -> str:
    """A token that nobody can guess: 256 random bits."""
    return beginning + secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """By what ``token`` is known. It has too many random bits to be guessed, so it needs no salt and no slow hash."""
    return sha256(token.encode()).hexdigest()
