"""The laws of ratings: what follows from them can come to pass, and what they hold up goes on some day. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from duban.moves import MOVES, SATISFIED, UNSATISFIED, Kind, Status
from duban.policy.laws.events import never_happens
from duban.policy.laws.names import Breach, unknown
from duban.policy.model.pack import PolicyPack

#: Where the work waits that a rating may hold up.
_HELD: Final = (Status.VERIFYING, Status.VERIFIED)


def ratings_lead_somewhere(pack: PolicyPack) -> Iterator[Breach]:
    flags = {flag.id for flag in pack.flags}
    for i, rating in enumerate(pack.ratings):
        if rating.id in (SATISFIED, UNSATISFIED):
            yield f"ratings.{i}.id", f"{rating.id} says whether somebody is satisfied, not why not: choose another id"
        if rating.at_most is not None and rating.then == "nothing":
            yield f"ratings.{i}.at_most", "bounds how often something follows, and with `then: nothing` nothing does"
        if rating.flag is not None:
            yield from unknown(((f"ratings.{i}.flag", rating.flag),), flags, "flags")


def what_is_held_up_goes_on(pack: PolicyPack) -> Iterator[Breach]:
    for i, rating in enumerate(pack.ratings):
        for j, occasion in enumerate(rating.holds_until):
            path = f"ratings.{i}.holds_until.{j}"
            if not any((status, occasion.event) in MOVES[Kind.PROBLEM] for status in _HELD):
                yield path, f"{occasion.event} never happens to what waits to be verified or struck off"
            elif lacking := never_happens(pack, occasion.event):
                yield path, f"{occasion.event} never happens without {lacking}: the work would be held up for ever"


LAWS: Final = (ratings_lead_somewhere, what_is_held_up_goes_on)
