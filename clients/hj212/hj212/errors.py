"""What is wrong with bytes, a frame or a key."""

from __future__ import annotations


class Hj212Error(ValueError):
    """Something that HJ 212 does not allow: a short stable ``code``, the ``place``, and ``what`` is wrong there."""

    def __init__(self, code: str, place: str, what: str) -> None:
        super().__init__(f"{place}: {what}")
        self.code = code
        self.place = place
        self.what = what
