"""Passwords: hashed by argon2id, in threads, no more at once than the machine has memory for, nor more in turn."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from typing import Final, TypeVar

from pwdlib import PasswordHash

from duban.errors import Fault
from duban.refusal import Refusal

T = TypeVar("T")

#: Each hash takes 64 MiB while it is made.
_AT_ONCE: Final = 2
#: Whoever comes while so many wait is sent away: the last of them waits for some five seconds.
_IN_TURN: Final = 50
_RETRY_SECONDS: Final = 5
#: Of a password, in characters.
SHORTEST, LONGEST = 12, 256
_EMPTY: Final = ""


class Passwords:
    """Makes hashes and compares with them; whoever comes while as many are under way waits.

    Each step raises Fault, 503, where ``in_turn`` wait already.
    """

    def __init__(self, hasher: PasswordHash | None = None, at_once: int = _AT_ONCE, in_turn: int = _IN_TURN) -> None:
        self._hasher = hasher or PasswordHash.recommended()
        self._turns = asyncio.Semaphore(at_once)
        self._most, self._present = at_once + in_turn, 0
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """The hash of ``password``, with salt and cost in it."""
        return await self._in_turn(lambda: self._hasher.hash(_normal(password)))

    async def fits(self, password: str, known: str | None) -> bool:
        """Whether ``password`` is what ``known`` is the hash of; without one it takes as long to say no."""
        if known is None:
            self._nobodys = self._nobodys or await self.hash(secrets.token_urlsafe(16))
        compared = known or self._nobodys or _EMPTY
        if len(password) > LONGEST:
            password = _EMPTY
        fits = await self._in_turn(lambda: self._hasher.verify(_normal(password), compared))
        return fits and known is not None

    async def _in_turn(self, step: Callable[[], T]) -> T:
        if self._present >= self._most:
            say = f"too many sign in at this moment; send the same again in {_RETRY_SECONDS} s"
            raise Fault(503, "busy", say, retry=_RETRY_SECONDS)
        self._present += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(step)
        finally:
            self._present -= 1


def new_password() -> str:
    """A password that nobody can guess and that can be read out: 100 random bits in five groups."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(5))


def password_flaw(password: str, name: str) -> Refusal | None:
    """Why ``password`` is not taken for the account ``name``, if it is not."""
    if not SHORTEST <= len(password) <= LONGEST:
        return Refusal("weak_password", f"a password has {SHORTEST} to {LONGEST} characters; several words do well")
    if (len(name) > 3 and name in password.casefold()) or len(set(password)) < 5:
        return Refusal("weak_password", "it holds the name of the account, or hardly any different characters")
    return None


def _normal(password: str) -> str:
    """One spelling of what different keyboards write differently."""
    return unicodedata.normalize("NFKC", password)
