"""The claim code of a report and the handle that stands for it: a receipt that names nobody. Pure.

The gateway tells the code to the reporter once and keeps nothing; the report carries the handle. Whoever shows the code
later shows that the report is theirs.
"""

from __future__ import annotations

import unicodedata
from hashlib import sha256
from typing import Final

#: Crockford's base 32: no I, L, O and U, so that a code can be read out and copied by hand.
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: Sixteen characters of five bits: too many to try.
CHARACTERS: Final = 16
_GROUP: Final = 4
_PREFIX: Final = "sha256:"
_MISREAD: Final = str.maketrans("OIL", "011")


def normalised(code: str) -> str:
    """``code`` as it was given out, without its hyphens, however a person typed it.

    Small letters, full-width letters, white space, hyphens of any kind, O for 0, I and L for 1 are all understood.

    Raises:
        ValueError: it is no claim code; the code itself is not repeated, because a mistyped one is nearly a secret.
    """
    typed = unicodedata.normalize("NFKC", code).upper()
    text = "".join(sign for sign in typed if not sign.isspace() and unicodedata.category(sign) not in ("Pd", "Cf"))
    plain = text.translate(_MISREAD)
    if len(plain) != CHARACTERS:
        raise ValueError(f"a claim code has {CHARACTERS} letters and digits, this has {len(plain)}; copy it whole")
    strange = [place for place, sign in enumerate(plain, start=1) if sign not in ALPHABET]
    if strange:
        raise ValueError(f"character {strange[0]} stands in no claim code; they are made of {ALPHABET}")
    return plain


def handle_of(code: str) -> str:
    """The handle under which the report of ``code`` travels: ``sha256:`` and 64 hexadecimal digits.

    Raises:
        ValueError: it is no claim code.
    """
    return _PREFIX + sha256(normalised(code).encode()).hexdigest()


def written(secret: bytes) -> str:
    """The claim code that the first ten bytes of ``secret`` make, in groups of four: ``7K3M-Q0ZD-…``."""
    number = int.from_bytes(secret[:10], "big")
    letters = "".join(ALPHABET[(number >> 5 * place) & 31] for place in reversed(range(CHARACTERS)))
    return "-".join(letters[at : at + _GROUP] for at in range(0, CHARACTERS, _GROUP))
