"""The checksum of HJ 212, Appendix A. It resembles the CRC of Modbus and is another; it takes only 256 values."""

from __future__ import annotations

from typing import Final


def _divided(remainder: int) -> int:
    for _ in range(8):
        remainder = (remainder >> 1) ^ 0xA001 if remainder & 1 else remainder >> 1
    return remainder


_TABLE: Final = tuple(map(_divided, range(256)))
#: The high byte is all that the next step knows of the ones before it.
_HIGH: Final = bytes(value >> 8 for value in _TABLE)


def checksum(segment: bytes) -> int:
    """The checksum over a data segment, from QN= or ST= to the closing &&; as plain text, before SM4."""
    if not segment:
        return 0xFFFF
    high, table = 0xFF, _HIGH
    for byte in memoryview(segment)[:-1]:
        high = table[high ^ byte]
    return _TABLE[high ^ segment[-1]]
