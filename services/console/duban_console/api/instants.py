"""Instants in the addresses of the API."""

from __future__ import annotations


def written_instant(at: object) -> object:
    """``at``, unless it is digits alone, which would be taken for seconds since 1970."""
    if isinstance(at, str) and "T" not in at.upper() and " " not in at.strip():
        raise ValueError("is no instant; write it as 2026-07-01T09:00:00+08:00")
    return at
