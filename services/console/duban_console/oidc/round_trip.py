"""A sign-in that is under way: what the browser keeps until it comes back from the provider. Pure.

One secret, in a cookie that no script reads, and everything else follows from it: the state and the nonce are hashes of
it, as OpenID Connect Core 1.0 has it in 15.5.2, and so is the verifier of PKCE. Nothing lies on the server, so nobody
fills that, and any of several servers takes the browser back.
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import quote, unquote

from duban.texts import is_own_path

#: For how long somebody may be away to sign in.
LENGTH: Final = timedelta(minutes=10)
_WRITTEN: Final = re.compile(r"(?P<secret>[\w-]{43})\.(?P<begun>\d{1,11})\.(?P<port>\d{1,5})\.(?P<to>.*)", re.ASCII)
_LAST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Its secret, when it began, and to which path of ours the browser goes in the end.

    ``port``: the command line is on this trip, and has somebody's browser come back to it there (RFC 8252).
    """

    secret: str
    begun_at: datetime
    to: str
    port: int | None = None

    @property
    def state(self) -> str:
        """By what the answer of the provider is known to be one to this browser's question."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """By what the token is known to have been given for this sign-in."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """By what the provider knows that the code comes from where the sign-in began (PKCE)."""
        return self._derived("verifier")

    def lasts(self, at: datetime) -> bool:
        """Whether somebody may still come back."""
        return self.begun_at <= at < self.begun_at + LENGTH

    def written(self) -> str:
        """As the browser keeps it."""
        return f"{self.secret}.{int(self.begun_at.timestamp())}.{self.port or 0}.{quote(self.to, safe='')}"

    def _derived(self, what: str) -> str:
        return urlsafe_b64encode(sha256(f"{what}:{self.secret}".encode()).digest()).decode().rstrip("=")


def new_trip(at: datetime, to: str, port: int | None = None) -> RoundTrip:
    """A sign-in that begins now, to the second."""
    return RoundTrip(secrets.token_urlsafe(32), at.replace(microsecond=0), to, port)


def trip_in(written: str) -> RoundTrip | None:
    """The sign-in that a browser has brought back, unless it is none."""
    match = _WRITTEN.fullmatch(written)
    if match is None or int(match["port"]) > _LAST_PORT or not is_own_path(to := unquote(match["to"])):
        return None
    begun_at = datetime.fromtimestamp(int(match["begun"]), UTC)
    return RoundTrip(match["secret"], begun_at, to, int(match["port"]) or None)
