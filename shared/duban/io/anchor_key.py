"""The key that anchors are signed with (Ed25519): a PEM file that its owner alone may read, and its public half.

``openssl genpkey -algorithm ed25519`` writes such a file; `duban ledger key` prints the public half for an auditor.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from duban.errors import SettingsError
from duban.io.key_file import make_key_file, read_key_file
from duban.messages.anchors import Anchor
from duban.messages.struct import replace


class AnchorKey:
    """The private key; ``public`` is the other half, in base64."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = _written(key.public_key())

    @classmethod
    def load(cls, file: Path) -> Self:
        """The key in ``file``.

        Raises:
            SettingsError: it cannot be read, others may read it, or it is no Ed25519 key; says what to do.
        """
        text = read_key_file(file, "the anchors", _HOW)
        try:
            key = load_pem_private_key(text, None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise SettingsError(f"the key of the anchors, {file}, is no Ed25519 key in PEM; {_HOW} {file}")
        return cls(key)

    @classmethod
    def made(cls, file: Path) -> Self:
        """The key in ``file``, drawn now if there is none."""
        make_key_file(file, _drawn)
        return cls.load(file)

    def signed(self, anchor: Anchor) -> Anchor:
        """``anchor`` with its signature."""
        signature = b64encode(self._key.sign(anchor.covered)).decode()
        return replace(anchor, key=self.public, signature=signature)


_HOW = "make one with: openssl genpkey -algorithm ed25519 -out"


def _drawn() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_key(text: str) -> str:
    """The public key in ``text``, base64 or PEM, as anchors name it.

    Raises:
        ValueError: it is none; says what one looks like.
    """
    try:
        if "-----BEGIN" in text:
            key = load_pem_public_key(text.encode())
            if not isinstance(key, Ed25519PublicKey):
                raise ValueError
            return _written(key)
        return _written(Ed25519PublicKey.from_public_bytes(b64decode(text.strip(), validate=True)))
    except (ValueError, NotBase64):
        raise ValueError("is no public key: give what `duban ledger key` prints, 32 bytes in base64, or PEM") from None


def is_signed_with(anchor: Anchor, public: str) -> bool:
    """Whether ``anchor`` bears a signature of the key whose public half is ``public``."""
    try:
        signature = b64decode(anchor.signature or "", validate=True)
        Ed25519PublicKey.from_public_bytes(b64decode(public)).verify(signature, anchor.covered)
    except (InvalidSignature, ValueError):
        return False
    return True


def _written(key: Ed25519PublicKey) -> str:
    return b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
