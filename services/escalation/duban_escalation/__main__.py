"""Run escalation: ``python -m duban_escalation``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, timedelta, tzinfo
from functools import partial

import httpx2
from pydantic import HttpUrl, SecretStr

from duban.clock import Clock, DrivenClock, SystemClock
from duban.io.aside import Aside, Committed
from duban.io.consumer import Source
from duban.io.feeds import clock_of, follow_contacts, follow_packs, follow_sources
from duban.io.retention import Forgets, Retention
from duban.io.secrets_file import SecretsFile
from duban.io.service import Shell, run_service
from duban.io.tail import Tail
from duban.io.tracer import Tracer
from duban.messages.commands import Escalate
from duban.messages.contacts import ChannelKind
from duban.messages.delivery import Delivery
from duban.messages.envelope import Record, encode
from duban.messages.events import LedgerEvent
from duban.messages.notices import NOTICES, TICKS, Notice, Tick
from duban.policy.library import Library
from duban.policy.rules import Rules
from duban_escalation.callbacks import CallbackSources
from duban_escalation.caller import RotaCaller
from duban_escalation.contacts import ContactBook, People, RotaBook
from duban_escalation.duty_schedule import Opener, OpeningLoop
from duban_escalation.handlers import ProblemHandler, TickHandler
from duban_escalation.heard import HEARD
from duban_escalation.notices.callbacks import Callbacks, Unheard, callback_body
from duban_escalation.notices.channels_file import ChannelsFile
from duban_escalation.notices.contacts import PersonalChannel, ToContacts
from duban_escalation.notices.deliverer import Deliverer, Unwanted
from duban_escalation.notices.deliveries import PostgresDeliveries
from duban_escalation.notices.digests import Digests
from duban_escalation.notices.handler import ContactHandler, NoticeHandler
from duban_escalation.notices.journal import Journal, Outlet
from duban_escalation.notices.mail import MailChannel
from duban_escalation.notices.paced_client import PacedClient
from duban_escalation.notices.personal_webhook import WebhookChannel
from duban_escalation.notices.platforms import Platforms
from duban_escalation.notices.robots import DIALECTS, RobotChannel
from duban_escalation.notices.signature import Signer
from duban_escalation.notices.sms import SmsChannel
from duban_escalation.notices.undelivered import undelivered
from duban_escalation.notices.webhook import Webhook, client
from duban_escalation.settings import EscalationSettings
from duban_escalation.store import SCHEMA, PostgresDeadlines, PostgresSchedules
from duban_escalation.sweep import Sweeper

HEALTH_PORT = 8303
GROUP = "duban-escalation"
DELIVERER = "duban-deliverer"


async def compose(shell: Shell[EscalationSettings]) -> None:
    """Two runners: one keeps the deadlines and, on a driven clock, hears its ticks; the other delivers notices.

    Beside them run what sweeps and opens duties, where the clock is the machine's, and what forgets.
    """
    library = await follow_packs(shell)
    callbacks = CallbackSources()
    await follow_sources(shell, callbacks.put)
    clock = clock_of(shell.settings)
    deadlines = PostgresDeadlines(shell.pool)
    sweeper = Sweeper(deadlines, shell.publisher, clock, shell.settings.sweep_page)
    schedules = PostgresSchedules(shell.pool)
    opener = Opener(schedules, library)
    rotas = RotaBook()
    problems = ProblemHandler(deadlines, library, clock, sweeper, callbacks, rotas)
    sources = [Source((LedgerEvent.TOPIC,), HEARD, problems)]
    if isinstance(clock, DrivenClock):
        # One runner for both, so that "no lag" means "nothing left to do". Ticks alone move time, so nothing sweeps.
        await restore(clock, shell.settings)
        ticks = TickHandler(deadlines, opener, clock, lambda: sweeper.partitions)
        sources.append(Source((Tick.TOPIC,), TICKS, ticks))
    else:
        shell.run(sweeper)
        shell.run(OpeningLoop(opener, shell.publisher, clock, schedules))
    shell.runner(GROUP, sources, on_assigned=sweeper.assigned, on_revoked=sweeper.revoked)
    deliveries = PostgresDeliveries(shell.pool, SystemClock())
    await deliver(shell, deliveries, clock, callbacks, library, rotas)
    rules_of = partial(rules_now, library, clock)
    shell.run(RotaCaller(deadlines, rotas, shell.publisher, clock, lambda: sweeper.partitions, rules_of))
    tables: dict[str, tuple[Forgets, timedelta]] = {
        "heads": (deadlines, timedelta(days=shell.settings.heads_days)),
        "deliveries": (deliveries, timedelta(days=shell.settings.deliveries_days)),
    }
    shell.run(Retention(tables))


async def deliver(
    shell: Shell[EscalationSettings],
    deliveries: PostgresDeliveries,
    driven: Clock,
    callbacks: CallbackSources,
    library: Library,
    rotas: RotaBook,
) -> None:
    """Have the notices delivered; receipts of platforms carry the time of the ``driven`` clock, if it is one."""
    settings = shell.settings
    lay_aside = Aside(shell.publisher, DELIVERER + settings.group_suffix, settings.max_record_bytes)

    async def set_aside(notices: Sequence[Unwanted]) -> None:
        await lay_aside([_committed(unwanted) for unwanted in notices])
        await shell.publisher.publish(to_office(notices, partial(rules_now, library, driven)))

    clock = SystemClock()
    patience = timedelta(seconds=settings.webhook_patience)
    tracer = shell.publisher.tracer
    contacts = ContactBook()
    others = outlet(settings, tracer)
    to_platforms = Platforms(platforms(settings, others, tracer), others, shell.publisher, driven)
    back = calling_back(settings, tracer)
    to_sources = Callbacks(callbacks.named, SecretsFile(settings.callback_secrets), back, to_platforms)
    way = ToContacts(contacts, channels(settings, tracer), to_sources)
    deliverer = Deliverer(way, deliveries, set_aside, clock, settings.webhook_concurrency, patience)
    shell.run(deliverer)
    shell.run(Digests(deliveries, deliverer, driven, lambda: deliverer.partitions))

    def zone_of(city: str) -> tzinfo:
        rules = rules_now(library, driven, city)
        return UTC if rules is None else rules.zone

    await follow_contacts(shell, ContactHandler(contacts, rotas, deliveries, deliverer, clock))
    people = People(contacts, rotas, driven, zone_of)
    source = Source((Notice.TOPIC,), NOTICES, NoticeHandler(deliveries, deliverer, clock, people))
    shell.runner(DELIVERER, [source], on_assigned=deliverer.assigned, on_revoked=deliverer.revoked)


def rules_now(library: Library, clock: Clock, city: str) -> Rules | None:
    """The rules that hold in ``city`` now."""
    return library.current(city, clock.now())


def to_office(notices: Sequence[Unwanted], rules_of: Callable[[str], Rules | None]) -> list[Record]:
    """What offices are told of ``notices`` that were for people and do not reach them."""
    unreached = [(unwanted.notice.message(), unwanted.code) for unwanted in notices if unwanted.is_readable]
    words = [undelivered(message, code, rules_of) for message, code in unreached]
    return [encode(message) for message in words if message is not None]


def _committed(unwanted: Unwanted) -> Committed:
    notice = unwanted.notice
    key = notice.line.recipient.encode()
    place = (Notice.TOPIC, notice.line.partition, notice.offset)
    return Committed(*place, key, notice.value, notice.record_headers, unwanted.error, unwanted.code)


async def restore(clock: DrivenClock, settings: EscalationSettings) -> None:
    """Set ``clock`` to the latest tick there is."""
    tail: Tail[Tick] = Tail(settings, [Tick.TOPIC], TICKS)

    async def take(delivered: Delivery[Tick]) -> None:
        clock.tick(delivered.message.data.at)

    reading = asyncio.create_task(tail.run(take))
    caught_up = asyncio.create_task(tail.caught_up())
    await asyncio.wait({reading, caught_up}, return_when=asyncio.FIRST_COMPLETED)
    tail.stop()
    caught_up.cancel()
    await reading


def outlet(settings: EscalationSettings, tracer: Tracer | None = None) -> Outlet:
    """The way that notices go: the webhook where one is set, else the log."""
    journal = Journal(settings.notices_file)
    if settings.webhook_url is None or settings.webhook_secret is None:
        return journal
    return _webhook(settings, settings.webhook_url, settings.webhook_secret, journal, tracer)


def platforms(settings: EscalationSettings, instead: Outlet, tracer: Tracer | None = None) -> dict[str, Webhook]:
    """The receivers of platforms, by city and platform; ``instead`` takes what one of them wants no more."""
    return {
        name: _webhook(settings, address.url, address.secret, instead, tracer)
        for name, address in settings.platforms.items()
    }


def calling_back(settings: EscalationSettings, tracer: Tracer | None = None) -> Callable[[str, Signer], Webhook]:
    """What posts to the address of a source, all of them by one client."""
    http = _client(settings)

    def webhook(url: str, signer: Signer) -> Webhook:
        return Webhook(http, url, signer, SystemClock(), Unheard(), settings.webhook_timeout, callback_body, tracer)

    return webhook


def channels(settings: EscalationSettings, tracer: Tracer | None = None) -> dict[ChannelKind, PersonalChannel]:
    """The channels by which people are reached; mail where a server is set."""
    http, clock, timeout = _client(settings), SystemClock(), settings.webhook_timeout
    listed, seconds = ChannelsFile(settings.channels), asyncio.get_running_loop().time

    def webhook(url: str, signer: Signer) -> Webhook:
        return Webhook(http, url, signer, clock, Unheard(), timeout, tracer=tracer)

    def paced(who: str) -> PacedClient:
        return PacedClient(who, http, clock, seconds, timeout)

    by: dict[ChannelKind, PersonalChannel] = {kind: RobotChannel(kind, listed, paced(kind), clock) for kind in DIALECTS}
    by[ChannelKind.SMS] = SmsChannel(listed, paced("the gateway of short messages"))
    by[ChannelKind.WEBHOOK] = WebhookChannel(listed, webhook)
    if settings.relay is not None:
        by[ChannelKind.MAIL] = MailChannel(settings.relay, clock, timeout)
    return by


def _webhook(
    settings: EscalationSettings, url: HttpUrl, secret: SecretStr, instead: Outlet, tracer: Tracer | None
) -> Webhook:
    http = _client(settings)
    # Signatures carry the machine's time whatever the story's clock shows: receivers refuse what seems old.
    signer = Signer.of(secret.get_secret_value())
    return Webhook(http, str(url), signer, SystemClock(), instead, settings.webhook_timeout, tracer=tracer)


def _client(settings: EscalationSettings) -> httpx2.AsyncClient:
    return client(
        allow_private=settings.webhook_allow_private,
        timeout=settings.webhook_timeout,
        connections=settings.webhook_concurrency,
    )


main = partial(
    run_service,
    "escalation",
    EscalationSettings,
    compose,
    schema=SCHEMA,
    migrations="duban_escalation.migrations",
    health_port=HEALTH_PORT,
    topics=(LedgerEvent.TOPIC, Escalate.TOPIC, Notice.TOPIC),
)

if __name__ == "__main__":
    main()
