"""A file with a secret, which its owner alone may read: read, made where there is none, and written anew.

Whatever key lies in a file is read here, so that one rule says who else may read it.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Final

from duban.errors import SettingsError
from duban.seal import new_key, secrets_in


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


#: How a file with one key of 32 bytes is made.
_DRAW: Final = "make one with: umask 077; openssl rand -base64 32 >"


def read_sealing_keys(file: Path, what: str) -> list[bytes]:
    """The keys of ``what`` in ``file``: 32 bytes each, in base64, parted by lines or by commas; the first seals.

    Raises:
        SettingsError: as with :func:`read_key_file`, or it holds none; never with the key.
    """
    text = read_key_file(file, what, _DRAW).decode("ascii", "replace")
    try:
        return secrets_in(",".join(text.replace(",", " ").split()))
    except ValueError as error:
        raise SettingsError(f"the key of {what}, {file}: {error}") from None


def make_sealing_key(file: Path) -> None:
    """Draw a key of 32 bytes into ``file``, unless one is there."""
    make_key_file(file, lambda: b64encode(new_key()) + b"\n")


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
