"""What follows from ratings: work that is redone without a limit of its own, or under one that has lapsed by then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from duban.moves import Occasion, Status
from duban.policy.advice.form import Advice, Speech
from duban.policy.model.ladder import Obligation
from duban.policy.model.pack import PolicyPack

#: Where the work of a rating stands that leads somewhere.
_AT: Final = {"redone": Status.UNDERWAY, "another_unit": Status.REGISTERED}


def ratings_that_set_no_clock_going(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """What is redone, or waits for another unit, without a limit of its own."""
    for index, rating in enumerate(pack.ratings):
        at, begins = _AT.get(rating.then), _begins(rating.id)
        if at is not None and not any(at in known.running and _since(known, begins) for known in pack.obligations):
            what = speech.say("waits for another unit", "改派其他单位的")
            if rating.then == "redone":
                what = speech.say("is redone", "退回重办的")
            words = speech.say(
                f'what {what} has no limit of its own: add an obligation since ["rated:{rating.id}"], running [{at}]',
                f'{what}没有自己的时限：请增加一项时限，`since` 写 ["rated:{rating.id}"]，`running` 写 [{at}]',
            )
            yield Advice("rating_without_limit", f"ratings.{index}.then", words)


def limits_that_run_on_when_it_is_redone(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Limits of the first work, which has lapsed by the time that it is done again."""
    redone = [rating.id for rating in pack.ratings if rating.then == "redone"]
    begins = {occasion for rating in redone for occasion in _begins(rating)}
    for index, obligation in enumerate(pack.obligations):
        runs = obligation.within is not None and obligation.owner == "@lead" and Status.UNDERWAY in obligation.running
        over = any(occasion.event in ("completed", "replied") for occasion in obligation.met_by)
        if redone and runs and not over and not _since(obligation, begins):
            words = speech.say(
                f"runs on from before when what {speech.some(redone)} sends back is redone, "
                "and may have lapsed by then: if it is meant for the first time alone, say `met_by: [completed]`",
                f"因 {speech.some(redone)} 退回重办时，此项时限接着计，届时可能已经逾期：只适用于首次办理的，"
                "请写 `met_by: [completed]`",
            )
            yield Advice("redone_under_old_limit", f"obligations.{index}", words, "note")


def _begins(rating: str) -> set[Occasion]:
    """The events that begin what follows from a rating on this ground."""
    return {Occasion("rated", rating), *map(Occasion, ("rated", "sent_back", "withdrawn"))}


def _since(obligation: Obligation, begins: set[Occasion]) -> bool:
    return not begins.isdisjoint(obligation.since)
