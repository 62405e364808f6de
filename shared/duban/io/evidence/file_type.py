"""What a file is, by its bytes: what its sender calls it says nothing."""

from __future__ import annotations

from pathlib import Path

import filetype


def file_type(file: Path) -> str | None:
    """The media type of ``file``, such as ``image/jpeg``; None where its first bytes are of no kind that is known."""
    kind = filetype.guess(file)
    return None if kind is None else str(kind.mime)
