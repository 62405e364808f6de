"""A draw in a city on virtual time: from all that has happened there, as the command draws from the ledger."""

from __future__ import annotations

from uuid import UUID

from duban.messages.commands import Command
from duban.messages.envelope import Message
from duban.messages.events import ProblemEvent
from duban_console.inspection_draw import Draw, draw, openings, standing
from duban_intake.domain import Outcome, Receipt
from tests.acceptance.timeline import Case, City


def lots(city: City, name: str, seed: str) -> Draw:
    """What the draw ``name`` gives now with ``seed``."""
    (rule,) = (one for one in city.rules.pack.draws if one.id == name)
    # What is sent again is answered again, with the events that the ledger holds once.
    events = {(event.problem_id, event.version): event for cases in city.cases.values() for event in cases[0].events}
    return draw(rule, city.rules.pack.ref, seed, city.now, standing(events.values(), lambda _: city.rules))


def checks(city: City, found: Draw) -> list[Case]:
    """The checks that are owed once the draw is opened, in the order in which they were drawn."""
    (rule,) = (one for one in city.rules.pack.draws if one.id == found.draw)
    return [_opened(city, message) for message in openings(found, rule, city.rules.pack.jurisdiction, city.now)]


def _opened(city: City, message: Message[Command]) -> Case:
    id_ = UUID(message.subject)
    case = Case(id_, Receipt("draw", message.id, id_, b"", city.now, Outcome.ACCEPTED, id_))
    if not city.cases[id_]:
        city.cases[id_].append(case)
    answer = city.send(message)
    assert isinstance(answer, ProblemEvent), answer
    return city.cases[id_][0]
