"""The word for what is not carried out. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a report or a command was not carried out: a short stable word, and a sentence for people.

    The sentence says what, where, and what to do.
    """

    code: str
    reason: str
