"""The pages of an operator: services and groups, topics, dead letters and their way back, sources, anchors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import FastAPI, Form, Path, Query, Request, Response

from duban.errors import Fault, Unavailable
from duban.messages.events import LedgerEvent
from duban_console.api.asker import Asker
from duban_console.kafka.dead_letters import Which
from duban_console.kafka.letter_replay import Passage
from duban_console.operation.broker_watch import SAMPLES, GroupLag, LagSample
from duban_console.operation.desk import OperationDesk
from duban_console.operation.labels import FIGURE_LABELS, NO_REASON, TILES
from duban_console.operation.letter_desk import MOST_OF_REASON, MOST_SHOWN, LetterShown, which_of
from duban_console.operation.overdue_deadlines import MOST_COUNTED
from duban_console.operation.service_watch import FIGURES, worst
from duban_console.operation.source_silence import states
from duban_console.pages.parts import PageParts, at_hand
from duban_console.pages.visitor import Visits

#: The picture of the last hour: its width and height, and what is left free.
_WIDTH, _HEIGHT, _EDGE = 160, 28, 2
_NOT_SET_UP: Final = "operators have no pages here: DUBAN_OPERATOR_PAGES says whether they have"

_Code = Annotated[str, Query(max_length=100)]
_Because = Annotated[str, Query(max_length=200)]
_Since = Annotated[str, Query(max_length=40)]
_Place = Annotated[int, Path(ge=0)]


@dataclass(frozen=True, slots=True)
class LagLine:
    """The picture of how far a group was behind: points of a line, the most and the last of it."""

    points: str
    most: int
    last: int


def serve_operation(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``; where operators have no pages they say that nothing is set up."""

    def desk() -> OperationDesk:
        return at_hand(parts.operation, "not_set_up", _NOT_SET_UP)

    @app.get("/operation")
    async def overview(request: Request, asks: Visits) -> Response:
        """How the services are, and how far the groups are behind."""
        here = desk()
        services = await here.services.states()
        groups: list[GroupLag] | None = None
        try:
            groups = await here.brokers.groups()
        except Unavailable:
            groups = None
        lines = None if groups is None else [(group, lag_line(here.brokers.past(group))) for group in groups]
        tiles = [(parts.look.say(request, label), figure, worst(services, figure)) for figure, label in TILES.items()]
        figures = [(figure, parts.look.say(request, FIGURE_LABELS[figure])) for figure in FIGURES]
        return parts.page(
            request, asks, "operation.html", services=services, groups=lines, tiles=tiles, figures=figures
        )

    @app.get("/operation/topics")
    async def topics(request: Request, asks: Visits) -> Response:
        """Every topic."""
        return parts.page(request, asks, "operation_topics.html", topics=await desk().brokers.topics())

    @app.get("/operation/sources")
    async def sources(request: Request, asks: Visits) -> Response:
        """Every source, and when it was heard last."""
        here = desk()
        registered, heard = await here.sources(), await parts.ledger.source_activities()
        return parts.page(request, asks, "operation_sources.html", sources=states(registered, heard, parts.clock.now()))

    @app.get("/operation/deadlines")
    async def deadlines(request: Request, asks: Visits) -> Response:
        """Deadlines that have fallen due and are not answered yet."""
        now = parts.clock.now()
        census = await desk().deadlines.census(now)
        return parts.page(
            request,
            asks,
            "operation_deadlines.html",
            census=census,
            most=MOST_COUNTED,
            now=now,
            topic=LedgerEvent.TOPIC,
        )

    @app.get("/operation/anchors")
    async def anchors(request: Request, asks: Visits) -> Response:
        """Every chain that is anchored, verified."""
        return parts.page(request, asks, "operation_anchors.html", chains=await desk().anchors.states())

    _letters(app, parts, desk)


def _letters(app: FastAPI, parts: PageParts, desk: Any) -> None:
    @app.get("/operation/letters")
    async def letters(
        request: Request, asks: Visits, code: _Code = "", because: _Because = "", since: _Since = ""
    ) -> Response:
        """Dead letters, counted by topic and reason."""
        census = await desk().letters.census(_which(code, because, since))
        asked_for = {"code": code, "because": because, "since": since}
        return parts.page(request, asks, "operation_letters.html", census=census, asked=asked_for)

    @app.get("/operation/letters/{topic}")
    async def of_topic(
        request: Request, asks: Visits, topic: str, code: _Code = "", because: _Because = "", since: _Since = ""
    ) -> Response:
        """The dead letters of a topic."""
        shown = await desk().letters.shown(topic, _which(code, because, since))
        asked_for = {"code": code, "because": because, "since": since}
        return parts.page(
            request, asks, "operation_topic_letters.html", topic=topic, letters=shown, most=MOST_SHOWN, asked=asked_for
        )

    @app.get("/operation/letters/{topic}/{partition}/{offset}")
    async def letter(request: Request, asks: Visits, topic: str, partition: _Place, offset: _Place) -> Response:
        """One dead letter, and the way back."""
        shown = await _only(desk(), topic, (partition, offset))
        return _letter_page(request, asks, parts, desk(), shown)

    @app.post("/operation/letters/{topic}/{partition}/{offset}")
    async def replay(
        request: Request,
        asks: Visits,
        topic: str,
        partition: _Place,
        offset: _Place,
        why: Annotated[str, Form(max_length=MOST_OF_REASON)] = "",
        step: Annotated[str, Form(pattern="^(look|send)$")] = "look",
        again: Annotated[str, Form(max_length=3)] = "",
    ) -> Response:
        """Send it back with a reason, or only say what would go where."""
        here, place = desk(), (partition, offset)
        shown = await _only(here, topic, place)
        if not why.strip():
            return _letter_page(request, asks, parts, here, shown, 400, flaw=parts.look.say(request, NO_REASON))
        replayed = here.letters.sent if step == "send" else here.letters.considered
        passages = await replayed(topic, place, asks.known.account.name, why.strip(), again=bool(again))
        shown = await _only(here, topic, place)
        return _letter_page(request, asks, parts, here, shown, passages=passages, why=why, again=bool(again))


def _letter_page(
    request: Request,
    asks: Asker,
    parts: PageParts,
    desk: OperationDesk,
    shown: LetterShown,
    status: int = 200,
    *,
    passages: Sequence[Passage] = (),
    flaw: str = "",
    why: str = "",
    again: bool = False,
) -> Response:
    return parts.page(
        request, asks, "operation_letter.html", status, shown=shown, passages=passages, flaw=flaw, why=why, again=again,
        sends=desk.letters.sends,
    )  # fmt: skip


async def _only(desk: OperationDesk, topic: str, place: tuple[int, int]) -> LetterShown:
    """The letter at ``place`` of ``topic``.

    Raises:
        Fault: 404, none lies there.
    """
    shown = await desk.letters.shown(topic, Which(), place)
    if not shown:
        raise Fault(404, "unknown_letter", f"no dead letter lies there: {topic[:200]} {place[0]}/{place[1]}")
    return shown[0]


def _which(code: str, because: str, since: str) -> Which:
    """Which letters are meant; an instant in a form is in UTC.

    Raises:
        Fault: 400, ``since`` is no instant.
    """
    try:
        at = datetime.fromisoformat(since).replace(tzinfo=UTC) if since else None
    except ValueError:
        raise Fault(400, "invalid", f"{since} is no instant", "since") from None
    return which_of(code, because, at)


def lag_line(samples: Sequence[LagSample]) -> LagLine:
    """The picture of ``samples``, the latest at its right edge."""
    most = max((sample.lag for sample in samples), default=0)
    step, high = _WIDTH / (SAMPLES - 1), _HEIGHT - 2 * _EDGE
    begin = SAMPLES - len(samples)
    points = [
        f"{(begin + number) * step:.1f},{_HEIGHT - _EDGE - (high * sample.lag / most if most else 0):.1f}"
        for number, sample in enumerate(samples)
    ]
    return LagLine(" ".join(points) if len(points) > 1 else "", most, samples[-1].lag if samples else 0)
