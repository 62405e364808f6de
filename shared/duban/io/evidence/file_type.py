"""What a file is, by its bytes: what its sender calls it says nothing."""

from __future__ import annotations

from pathlib import Path

import filetype

_HEAD = 8192


def file_type(file: Path) -> str | None:
    """The media type of ``file``, such as ``image/jpeg``; None where its first bytes are of no kind that is known."""
    with file.open("rb") as bytes_:
        return type_of(bytes_.read(_HEAD))


def type_of(head: bytes) -> str | None:
    """The media type of a file that begins with ``head``, as with :func:`file_type`."""
    kind = filetype.guess(head[:_HEAD])
    return None if kind is None else str(kind.mime)
