"""SM4 as HJ 212-2025 has it: ECB without padding over the whole blocks of CP; a tail below 16 bytes stays as it is.

Length and checksum of a frame are those of the plain text. Needs the extra ``hj212[sm4]``.
"""

from __future__ import annotations

import re
from typing import Final

from hj212.errors import Hj212Error

BLOCK: Final = 16
OPENING: Final = b"CP=&&"
CLOSING: Final = b"&&"
_HEXADECIMAL: Final = re.compile(r"[0-9A-Fa-f]{32}")


def key_from(text: str) -> bytes:
    """The key that ``text`` writes: 16 characters, or 32 hexadecimal digits.

    Raises:
        Hj212Error: it is neither.
    """
    if _HEXADECIMAL.fullmatch(text):
        return bytes.fromhex(text)
    if len(text) == BLOCK and text.isascii():
        return text.encode()
    raise Hj212Error(
        "key", "key", f"{len(text)} characters; an SM4 key is 16 ASCII characters or 32 hexadecimal digits"
    )


def enciphered(segment: bytes, key: bytes) -> bytes:
    """``segment`` with the whole blocks between CP=&& and && encrypted."""
    return _crossed(segment, key, decrypt=False)


def deciphered(segment: bytes, key: bytes) -> bytes:
    """``segment`` with the whole blocks between CP=&& and && decrypted."""
    return _crossed(segment, key, decrypt=True)


def _crossed(segment: bytes, key: bytes, *, decrypt: bool) -> bytes:
    try:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    except ImportError:
        raise Hj212Error("no_sm4", "key", "SM4 needs the extra of this package: pip install hj212[sm4]") from None
    begin = segment.find(OPENING) + len(OPENING)
    if begin < len(OPENING):
        return segment
    end = begin + (len(segment) - len(CLOSING) - begin) // BLOCK * BLOCK
    cipher = Cipher(algorithms.SM4(key), modes.ECB())  # noqa: S305 - the mode that the standard prescribes
    context = cipher.decryptor() if decrypt else cipher.encryptor()
    return segment[:begin] + context.update(segment[begin:end]) + context.finalize() + segment[end:]
