"""The second factor: a code that changes every thirty seconds (TOTP, RFC 6238), and codes for when it is lost. Pure."""

from __future__ import annotations

import secrets
from datetime import datetime
from hashlib import sha256
from typing import Final

import pyotp
from pyotp.exceptions import OTPVerificationError

from duban.messages.struct import Frozen, replace
from duban.seal import Unsealable

_ISSUER: Final = "Duban"
#: Steps of thirty seconds by which a person's clock may be off.
_WINDOW: Final = 1
_RECOVERY_CODES: Final = 10


class SecondFactor(Frozen):
    """The shared secret, and what has been used of it; it counts once its holder has shown a code of it.

    ``step`` is the latest step of which a code was taken: no code is taken twice. ``recovery`` are hashes.
    """

    secret: str
    is_confirmed: bool = False
    step: int = 0
    recovery: tuple[str, ...] = ()

    def uri(self, account: str) -> str:
        """What an authenticator app reads, as text or as a picture.

        Raises:
            Unsealable: it is sealed, and its key is not here.
        """
        self._require_open()
        return pyotp.TOTP(self.secret).provisioning_uri(name=account, issuer_name=_ISSUER)

    def shown(self, code: str, at: datetime) -> SecondFactor | None:
        """The factor after ``code`` was shown; None if it is wrong, or was shown before.

        Raises:
            Unsealable: it is sealed, and its key is not here.
        """
        code = code.replace(" ", "").replace("-", "").lower()
        self._require_open()
        if (used := _hash(code)) in self.recovery:
            return replace(self, recovery=tuple(known for known in self.recovery if known != used))
        try:
            step = pyotp.TOTP(self.secret).verify_and_get_timecode(code, for_time=at, valid_window=_WINDOW)
        except OTPVerificationError:
            return None
        return replace(self, step=step) if step > self.step else None

    def _require_open(self) -> None:
        if ":" in self.secret:
            raise Unsealable("the second factor is sealed by a key that is not here: see DUBAN_ACCOUNTS_KEY")

    def confirmed(self) -> tuple[SecondFactor, tuple[str, ...]]:
        """The factor as it counts from now on, and its recovery codes, which are shown once."""
        codes = tuple(secrets.token_hex(8) for _ in range(_RECOVERY_CODES))
        return replace(self, is_confirmed=True, recovery=tuple(map(_hash, codes))), codes


def new_factor() -> SecondFactor:
    """A factor with a secret of its own."""
    return SecondFactor(secret=pyotp.random_base32())


def _hash(code: str) -> str:
    return sha256(code.encode()).hexdigest()
