"""A file that is read anew when it has changed, so that whoever changes it restarts nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

_log = structlog.get_logger(__name__)

C = TypeVar("C")


class RenewedFile(Generic[C]):
    """What ``parse`` makes of the text of ``file``; ``before`` anything could be read, that.

    ``parse`` raises ValueError where the text is none. What was read before holds on then, with a warning that shows
    nothing of it: a file is often written anew in two steps, and it holds secrets.
    """

    def __init__(self, file: Path, parse: Callable[[str], C], before: C, what: str) -> None:
        self._file = file
        self._parse = parse
        self._content = before
        self._what = what
        self._read_at: tuple[int, int] | None = None

    def __call__(self) -> C:
        """The content of the file as it is now, or as it could last be read."""
        try:
            status = self._file.stat()
            read_at = (status.st_mtime_ns, status.st_size)
            if self._read_at != read_at:
                self._content = self._parse(self._file.read_text("utf-8"))
                self._read_at = read_at
        except (OSError, ValueError) as error:
            _log.warning(f"{self._what} cannot be read", file=str(self._file), error=type(error).__name__)
        return self._content
