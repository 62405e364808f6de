"""What can go wrong, in two kinds: what has to be mended first, and what may be sent again as it is."""

from __future__ import annotations


class ClientError(Exception):
    """Whatever this package raises of itself."""


class Refused(ClientError):
    """The same again would be refused again: ``code`` is a short stable word, ``field`` names the place, if one does.

    ``status`` is that of HTTP, or None where no server was asked.
    """

    def __init__(self, code: str, message: str, field: str | None = None, status: int | None = None) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.code, self.field, self.status = code, field, status


class Unavailable(ClientError):
    """Nobody answered, or none who could take it; send the same again later, under the same id."""
