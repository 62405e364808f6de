"""A file with a secret, which its owner alone may read: read, made where there is none, and written anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from duban.errors import SettingsError


def read_key_file(file: Path, what: str, how: str) -> bytes:
    """What stands in ``file``, the key of ``what``; ``how`` one is made.

    Raises:
        SettingsError: it cannot be read, or others may read it; says what to do.
    """
    try:
        status, text = file.stat(), file.read_bytes()
    except OSError as error:
        raise SettingsError(f"the key of {what}, {file}: {error.strerror}; {how} {file}") from None
    # One that belongs to somebody else, as to root, was handed to our group: so do orchestrators.
    closed_to = 0o077 if status.st_uid == os.getuid() else 0o027
    if status.st_mode & closed_to:
        raise SettingsError(f"the key of {what}, {file}, may be read by others: chmod 600 {file}")
    return text


def make_key_file(file: Path, text: Callable[[], bytes]) -> None:
    """Write what ``text`` gives into ``file``, wholly or not at all, unless it is there."""
    if not file.exists():
        write_private_file(file, text())


def write_private_file(file: Path, text: bytes) -> None:
    """Write ``text`` into ``file``, wholly or not at all, in the place of what was there."""
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(text)
    draft.replace(file)
