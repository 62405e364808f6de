"""The laws of ratings: what follows from them can come to pass, and what they hold up goes on some day. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from duban.moves import MOVES, SATISFIED, UNSATISFIED, Kind, Status
from duban.policy.laws.events import never_happens
from duban.policy.laws.names import Breach, unknown
from duban.policy.model.pack import PolicyPack
from duban.sentence import Sentence

#: Where the work waits that a rating may hold up.
_HELD: Final = (Status.VERIFYING, Status.VERIFIED)


def ratings_lead_somewhere(pack: PolicyPack) -> Iterator[Breach]:
    flags = {flag.id for flag in pack.flags}
    for i, rating in enumerate(pack.ratings):
        if rating.id in (SATISFIED, UNSATISFIED):
            law = Sentence(
                f"{rating.id} says whether somebody is satisfied, not why not: choose another id",
                f"{rating.id} 表示是否满意，而不是不满意的原因：请换一个编号",
            )
            yield f"ratings.{i}.id", law
        if rating.at_most is not None and rating.then == "nothing":
            law = Sentence(
                "bounds how often something follows, and with `then: nothing` nothing does",
                "限定后续办理的次数，而 `then: nothing` 没有后续办理",
            )
            yield f"ratings.{i}.at_most", law
        if rating.flag is not None:
            yield from unknown(((f"ratings.{i}.flag", rating.flag),), flags, "flags")


def what_is_held_up_goes_on(pack: PolicyPack) -> Iterator[Breach]:
    for i, rating in enumerate(pack.ratings):
        for j, occasion in enumerate(rating.holds_until):
            path = f"ratings.{i}.holds_until.{j}"
            if not any((status, occasion.event) in MOVES[Kind.PROBLEM] for status in _HELD):
                law = Sentence(
                    f"{occasion.event} never happens to what waits to be verified or struck off",
                    f"待核查或待销号的问题不会发生 {occasion.event}",
                )
                yield path, law
            elif lacking := never_happens(pack, occasion.event):
                law = Sentence(
                    f"{occasion.event} never happens without {lacking}: the work would be held up for ever",
                    f"没有{lacking.chinese}就不会发生 {occasion.event}：办理将永远停在此处",
                )
                yield path, law


LAWS: Final = (ratings_lead_somewhere, what_is_held_up_goes_on)
