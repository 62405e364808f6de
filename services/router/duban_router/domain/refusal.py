"""The word of the router for what it does not carry out. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from duban.messages import changes as c


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command was not carried out: a short stable word, and a sentence for people."""

    code: str
    reason: str


#: What a command comes to.
Changes = list[c.Change] | Refusal


def missing_reason(what: str) -> Refusal:
    """``what`` is not done without saying why."""
    return Refusal("missing_reason", f"{what} needs a reason")


def refused(why: tuple[str, str] | None) -> Refusal | None:
    """The refusal for ``why``: its word and its sentence; None where nothing speaks against it."""
    return Refusal(*why) if why else None
