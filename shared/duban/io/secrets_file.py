"""The secrets of sources, by which they sign or are signed to: a file of one process, read anew when it has changed."""

from __future__ import annotations

from pathlib import Path

from duban.io.renewed_file import RenewedFile
from duban.policy.plain_data import plain_data


class SecretsFile:
    """``NAME: SECRET``, or ``NAME: [NEW, OLD]`` while one takes the place of the other, a line a source, YAML."""

    def __init__(self, file: Path | None) -> None:
        before: dict[str, tuple[str, ...]] = {}
        self._file = None if file is None else RenewedFile(file, _secrets, before, "secrets of sources")

    def of(self, name: str) -> tuple[str, ...]:
        """The secrets of the source ``name``; none where the file has none, or cannot be read."""
        return () if self._file is None else self._file().get(name, ())


def _secrets(text: str) -> dict[str, tuple[str, ...]]:
    """The secrets of each name; raises ValueError."""
    given = plain_data(text)
    return {
        str(name): tuple(map(str, secrets)) if isinstance(secrets, list) else (str(secrets),)
        for name, secrets in (given.items() if isinstance(given, dict) else ())
    }
