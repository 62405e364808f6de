"""The secrets of sources, by which they sign or are signed to: a file of one process, read anew when it has changed."""

from __future__ import annotations

from pathlib import Path

import structlog

from duban.policy.plain_data import Unreadable, plain_data

_log = structlog.get_logger(__name__)


class SecretsFile:
    """``NAME: SECRET``, or ``NAME: [NEW, OLD]`` while one takes the place of the other, a line a source, YAML."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._read_at: tuple[int, int] | None = None
        self._secrets: dict[str, tuple[str, ...]] = {}

    def of(self, name: str) -> tuple[str, ...]:
        """The secrets of the source ``name``; none where the file has none, or cannot be read."""
        if self._file is not None:
            self._renew(self._file)
        return self._secrets.get(name, ())

    def _renew(self, file: Path) -> None:
        try:
            status = file.stat()
            if self._read_at == (status.st_mtime_ns, status.st_size):
                return
            given = plain_data(file.read_text("utf-8"))
            self._read_at = (status.st_mtime_ns, status.st_size)
        except (OSError, Unreadable, UnicodeDecodeError) as error:
            # What was read before holds on: a file is often written anew in two steps.
            _log.warning("secrets of sources cannot be read", file=str(file), error=type(error).__name__)
            return
        entries = given.items() if isinstance(given, dict) else ()
        self._secrets = {
            str(name): tuple(map(str, secrets)) if isinstance(secrets, list) else (str(secrets),)
            for name, secrets in entries
        }
