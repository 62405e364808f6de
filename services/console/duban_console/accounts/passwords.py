"""Passwords: hashed by argon2id, in threads, and no more at once than the machine has memory for."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from typing import Final

from pwdlib import PasswordHash

from duban.refusal import Refusal

#: Each hash takes 64 MiB while it is made.
_AT_ONCE: Final = 2
_SHORTEST, _LONGEST = 12, 256
_EMPTY: Final = ""


class Passwords:
    """Makes hashes and compares with them; whoever comes while as many are under way waits."""

    def __init__(self, hasher: PasswordHash | None = None, at_once: int = _AT_ONCE) -> None:
        self._hasher = hasher or PasswordHash.recommended()
        self._turns = asyncio.Semaphore(at_once)
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """The hash of ``password``, with salt and cost in it."""
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, _normal(password))

    async def fits(self, password: str, known: str | None) -> bool:
        """Whether ``password`` is what ``known`` is the hash of; without one it takes as long to say no."""
        if known is None:
            self._nobodys = self._nobodys or await self.hash(secrets.token_urlsafe(16))
        compared = known or self._nobodys or _EMPTY
        if len(password) > _LONGEST:
            password = _EMPTY
        async with self._turns:
            fits = await asyncio.to_thread(self._hasher.verify, _normal(password), compared)
        return fits and known is not None


def new_password() -> str:
    """A password that nobody can guess and that can be read out: 100 random bits in five groups."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(5))


def password_flaw(password: str, name: str) -> Refusal | None:
    """Why ``password`` is not taken for the account ``name``, if it is not."""
    if not _SHORTEST <= len(password) <= _LONGEST:
        return Refusal("weak_password", f"a password has {_SHORTEST} to {_LONGEST} characters; several words do well")
    if (len(name) > 3 and name in password.casefold()) or len(set(password)) < 5:
        return Refusal("weak_password", "it holds the name of the account, or hardly any different characters")
    return None


def _normal(password: str) -> str:
    """One spelling of what different keyboards write differently."""
    return unicodedata.normalize("NFKC", password)
