"""A draw in a city on virtual time: from all that has happened there, as the command draws from the ledger."""

from __future__ import annotations

from uuid import UUID

from duban.messages.commands import Command
from duban.messages.envelope import Message
from duban_console.inspection_draw import Draw, draw, openings, standing
from duban_router.domain.decision import Decided
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
    if not city.cases[id_]:
        city.cases[id_].append(Case(id_))
    answer = city.send(message)
    # A draw that is opened again opens nothing twice.
    assert isinstance(answer, Decided) or answer.code == "already_registered", answer
    return city.cases[id_][0]
