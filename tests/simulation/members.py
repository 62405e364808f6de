"""What a member of each service is made of: the wiring of its ``__main__``, over stores in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from duban.errors import Unavailable
from duban.io.aside import Aside
from duban.io.consumer import Source
from duban.io.feeds import follow_packs
from duban.io.health import Health
from duban.io.publisher import Publisher
from duban.io.service import Shell
from duban.io.settings import Settings
from duban.messages.commands import COMMANDS, Command
from duban.messages.envelope import Message
from duban.messages.events import PROBLEMS, LedgerEvent
from duban.messages.notices import NOTICES, Notice
from duban.messages.report import Report
from duban_escalation.__main__ import _committed
from duban_escalation.duty_schedule import Opener, OpeningLoop
from duban_escalation.handlers import ProblemHandler
from duban_escalation.notices.deliverer import Deliverer, Unwanted
from duban_escalation.notices.handler import NoticeHandler
from duban_escalation.notices.journal import NoticeOutcome
from duban_escalation.notices.webhook import NoticeRefused, PutOff
from duban_escalation.sweep import Sweeper
from duban_intake.handlers import ANSWERS, AnswerHandler, ReportHandler
from duban_router.handlers import CommandHandler
from tests.simulation.database import Database, Remote, RemoteIntake, RemoteLedger
from tests.simulation.life import Life

#: Times are production's, or shorter: what they mean is the same, and less of the virtual time is spent waiting.
SETTINGS: Final = Settings(
    drain_timeout=10.0, session_timeout=6.0, publish_timeout=5.0, arrival_timeout=6.0, max_record_bytes=14_000,
    batch_size=20,
)  # fmt: skip
#: The sweep looks that often at least; production's is a second.
_LONGEST_SLEEP: Final = timedelta(seconds=5)
GROUPS: Final = {
    "intake": ("duban-intake",),
    "router": ("duban-router",),
    "escalation": ("duban-escalation", "duban-deliverer"),
}


class Receiver:
    """Who takes notices: ``moods`` says what each recipient answers, ``posts`` what was taken, from whom."""

    def __init__(self) -> None:
        self.moods: dict[str, str] = {}
        self.posts: list[tuple[str, Life]] = []
        self.refused: set[str] = set()


class Post:
    """The way of ``life`` to the receiver."""

    def __init__(self, life: Life, receiver: Receiver) -> None:
        self._life, self._receiver = life, receiver

    async def send(self, notice: Message[Notice]) -> NoticeOutcome:
        await self._life.reach("before post")
        match self._receiver.moods.get(notice.data.recipient):
            case "puts off":
                raise PutOff(429, None)
            case "is away":
                raise Unavailable("no answer")
            case "refuses":
                self._receiver.refused.add(notice.id)
                raise NoticeRefused(notice.id, 404)
        await self._life.reach("after post")
        self._receiver.posts.append((notice.id, self._life))
        return "posted"


async def _intake(shell: Shell[Settings], life: Life, database: Database, receiver: Receiver) -> None:
    library, store = await follow_packs(shell), RemoteIntake(life, database)
    reports = ReportHandler(store, library, life.clock, SETTINGS.max_record_bytes * 19 // 20)
    answers = AnswerHandler(store, library)
    sources = [Source((Report.TOPIC,), {Report.TYPE: Report}, reports), Source((LedgerEvent.TOPIC,), ANSWERS, answers)]
    shell.runner("duban-intake", sources)


async def _router(shell: Shell[Settings], life: Life, database: Database, receiver: Receiver) -> None:
    library, ledger = await follow_packs(shell), _as_is(RemoteLedger(life, database, database.ledger))
    handler = CommandHandler(ledger, library, life.clock, most_bytes=SETTINGS.max_record_bytes)

    async def forget(_: object) -> None:
        handler.forget()

    shell.runner("duban-router", [Source((Command.TOPIC,), COMMANDS, handler)], on_assigned=forget)


async def _escalation(shell: Shell[Settings], life: Life, database: Database, receiver: Receiver) -> None:
    library = await follow_packs(shell)
    deadlines = _as_is(Remote(life, database, database.deadlines))
    sweeper = Sweeper(deadlines, shell.publisher, life.clock, 3, _LONGEST_SLEEP)
    opener = Opener(_as_is(Remote(life, database, database.schedules)), library)
    handler = ProblemHandler(deadlines, library, life.clock, sweeper)
    shell.run(sweeper)
    shell.run(OpeningLoop(opener, shell.publisher, life.clock, database))
    problems = Source((LedgerEvent.TOPIC,), PROBLEMS, handler)
    shell.runner("duban-escalation", [problems], on_assigned=sweeper.assigned, on_revoked=sweeper.revoked)
    deliveries = _as_is(Remote(life, database, database.deliveries))
    lay_aside = Aside(shell.publisher, "duban-deliverer", SETTINGS.max_record_bytes)

    async def set_aside(notices: Sequence[Unwanted]) -> None:
        await lay_aside([_committed(each) for each in notices])

    deliverer = Deliverer(Post(life, receiver), deliveries, set_aside, life.clock)
    shell.run(deliverer)
    source = Source((Notice.TOPIC,), NOTICES, NoticeHandler(deliveries, deliverer, life.clock))
    shell.runner("duban-deliverer", [source], on_assigned=deliverer.assigned, on_revoked=deliverer.revoked)


def _as_is(remote: Remote) -> Any:
    return remote


_Compose = Callable[["Shell[Settings]", Life, Database, Receiver], Awaitable[None]]
_COMPOSE: Final[dict[str, _Compose]] = {"intake": _intake, "router": _router, "escalation": _escalation}


async def live(life: Life, database: Database, receiver: Receiver) -> None:
    """Live as the member that ``life`` is, until it is told to stop."""
    publisher = Publisher(SETTINGS, f"duban-{life.service}")
    await publisher.start()
    shell = Shell(life.service, SETTINGS, publisher, Health(life.service), None)
    try:
        await _COMPOSE[life.service](shell, life, database, receiver)
        life.stop = shell.stop
        await shell.live()
    finally:
        await publisher.stop()
