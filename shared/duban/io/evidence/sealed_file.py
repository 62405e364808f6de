"""A file under a key of its own, as it lies in the store: piece by piece, so that none is in memory as a whole.

    the mark · how many bytes the file has (8) · its pieces, each of 64 KiB and the tag of AES-256-GCM (16)

A key seals one file alone, so the nonce of a piece is its number, with the last one marked: none can be left out,
exchanged or cut off. The same file under the same key is the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from duban.seal import Unsealable

_MARK: Final = b"duban-sealed-file-1\n"
_PIECE: Final = 64 * 1024
_TAG: Final = 16
_SIZE: Final = 8
_HEAD: Final = len(_MARK) + _SIZE


def is_sealed(beginning: bytes) -> bool:
    """Whether a file that begins like this is sealed; no kind of file that is taken begins so."""
    return beginning.startswith(_MARK)


def peeked(pieces: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """How a file begins, which tells whether it is sealed, and all of its ``pieces`` still."""
    rest = iter(pieces)
    first = next(rest, b"")
    return first, chain([first], rest)


def size_of(beginning: bytes) -> int:
    """How many bytes the file has that begins like this once it is sealed."""
    return int.from_bytes(beginning[len(_MARK) : _HEAD], "big")


def seal_file(file: Path, to: Path, key: bytes, sha256: str) -> None:
    """Have ``to`` hold ``file`` under ``key``, bound to its hash."""
    cipher, size = AESGCM(key), file.stat().st_size
    with file.open("rb") as plain, to.open("wb") as sealed:
        sealed.write(_MARK + size.to_bytes(_SIZE, "big"))
        last = max(0, -(-size // _PIECE) - 1)
        for number in range(last + 1):
            piece = plain.read(_PIECE)
            sealed.write(cipher.encrypt(_nonce(number, is_last=number == last), piece, _about(sha256, size)))


def opened(pieces: Iterable[bytes], key: bytes, sha256: str) -> Iterator[bytes]:
    """The bytes of the file whose sealed ``pieces`` come in any lengths.

    Raises:
        Unsealable: it is sealed under another key, or was changed.
    """
    cipher, rest, number = AESGCM(key), b"", 0
    size: int | None = None
    for piece in pieces:
        rest += piece
        if size is None:
            if len(rest) < _HEAD:
                continue
            size, rest = size_of(rest), rest[_HEAD:]
        while len(rest) > _PIECE + _TAG:
            yield _decrypted(cipher, number, rest[: _PIECE + _TAG], _about(sha256, size), is_last=False)
            rest, number = rest[_PIECE + _TAG :], number + 1
    yield _decrypted(cipher, number, rest, _about(sha256, size or 0), is_last=True)


def _decrypted(cipher: AESGCM, number: int, piece: bytes, about: bytes, *, is_last: bool) -> bytes:
    try:
        return cipher.decrypt(_nonce(number, is_last=is_last), piece, about)
    except (InvalidTag, ValueError):
        raise Unsealable("a sealed file does not open: it is under another key, or has changed since") from None


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


def _about(sha256: str, size: int) -> bytes:
    return bytes.fromhex(sha256) + size.to_bytes(_SIZE, "big")
