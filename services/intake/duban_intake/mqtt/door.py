"""What becomes of a message of MQTT: reports, readings, or a dead letter; it is done with once our broker has that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from prometheus_client import Counter

from duban.errors import DubanError, Fault, RecordTooLarge
from duban.io.aside import lay_aside
from duban.io.backoff import until_available
from duban.io.dead_letters import DeadLetter, dead_letter, tell
from duban.messages.envelope import Record, encode
from duban_intake.channels.mqtt import carried
from duban_intake.channels.readings import ReadingMapping, read_readings
from duban_intake.channels.table import BadRow
from duban_intake.gateway.door import ReportDoor
from duban_intake.mqtt.subscription import Subscription, filters, subscriptions
from duban_intake.vault.desk import VaultRefused

#: Where messages come from, as the name of their dead letters has it; there is no topic of that name.
ORIGIN: Final = "duban.mqtt.v1"
GROUP: Final = "duban-mqtt"
_log = structlog.get_logger(__name__)

MESSAGES: Final = Counter("duban_mqtt_messages_total", "Messages of MQTT by what became of them", ["outcome"])


@dataclass(frozen=True, slots=True)
class MqttMessage:
    """What was published at the broker of MQTT; as its dead letter knows it, by its topic there."""

    name: str
    value: bytes
    topic: str = ORIGIN
    partition: int = 0
    offset: int = 0

    @property
    def key(self) -> bytes:
        """The topic at the broker of MQTT."""
        return self.name.encode()

    @property
    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """The same, for whoever looks into a dead letter."""
        return (("duban.mqtt.topic", self.key),)


class MqttDoor:
    """Takes messages. ``put`` returns when the broker has a record, ``publish`` when it has those dead letters."""

    def __init__(
        self,
        reports: ReportDoor,
        put: Callable[[Record], Awaitable[None]],
        publish: Callable[[Sequence[DeadLetter]], Awaitable[None]],
        most_bytes: int,
    ) -> None:
        self._reports = reports
        self._put = put
        self._publish = publish
        self._most_bytes = most_bytes
        self._listened: Sequence[Subscription] = ()

    def renew(self) -> tuple[set[str], set[str]]:
        """Listen to what the sources name now: the filters of their topics, and those of sources that are off."""
        known, faults = subscriptions(self._reports.registry.sources)
        for fault in faults:
            _log.error("source is not listened to", fault=fault)
        self._listened = [subscription for subscription in known if not subscription.source.is_off]
        return filters(self._listened), filters([subscription for subscription in known if subscription.source.is_off])

    async def take(self, message: MqttMessage) -> None:
        """Return when our broker has what ``message`` says to each source whose it is, or its dead letter.

        An empty one says nothing: it takes back what a broker of MQTT retains.
        """
        if not message.value:
            MESSAGES.labels("empty").inc()
            return
        speakers = [subscription for subscription in self._listened if subscription.hears(message.name)]
        if not speakers:
            say = f"no source that is on names {message.name}; `duban source ls` shows them"
            await self._lay_aside(message, "no_source", say)
        for speaker in speakers:
            await self._pace(speaker)
            try:
                refused = await until_available("broker or database", partial(self._hear, speaker, message))
            except (Fault, VaultRefused) as error:
                place = f"{error.field}: " if isinstance(error, Fault) and error.field else ""
                refused = f"{place}{error}"
                await self._refuse(speaker, message, error.code, refused)
            except RecordTooLarge as error:
                await self._refuse(speaker, message, "too_large", str(error))
            except Exception as error:  # what breaks the code is laid aside, and the others go on
                _log.error("message breaks the code", source=speaker.source.name, exc_info=True)
                await self._refuse(speaker, message, "fault", f"{type(error).__name__}: {error}")
            else:
                if refused is not None:
                    await self._lay_aside(message, "invalid", f"{speaker.source.name}: {refused}")
                else:
                    MESSAGES.labels("readings" if isinstance(speaker.mapping, ReadingMapping) else "reports").inc()

    async def _pace(self, speaker: Subscription) -> None:
        """Return when its source may hand in something: what it sends meanwhile waits at the broker of MQTT."""
        source = speaker.source
        while (wait := self._reports.pace.wait(source.name, source.rate, self._reports.seconds())) > 0:  # noqa: ASYNC110 a pace, no event
            await asyncio.sleep(wait)

    async def _hear(self, speaker: Subscription, message: MqttMessage) -> str | None:
        """What of ``message`` was refused, and why; the rest is with the broker.

        Raises:
            Fault: nothing of it can be taken.
            Unavailable: a dependency is away.
        """
        body = carried(message.name, message.value)
        self._reports.heard(speaker.source, body)
        if isinstance(speaker.mapping, ReadingMapping):
            return await self._measured(speaker, speaker.mapping, body, message.value)
        answer = await self._reports.hear(speaker.source, body, "")
        return "; ".join(f"{bad.item}.{bad.field}: {bad.message}" for bad in answer.refused) or None

    async def _measured(
        self, speaker: Subscription, mapping: ReadingMapping, body: bytes, payload: bytes
    ) -> str | None:
        read = read_readings(body, payload, mapping)
        bad = [row for row in read if isinstance(row, BadRow)]
        good = [readings for readings in read if not isinstance(readings, BadRow)]
        if bad and not good:
            raise Fault(400, "invalid", bad[0].reason, bad[0].field)
        source, journal = speaker.source, self._reports.journal
        for readings in good:
            record = encode(readings)
            self._reports.check(record)
            await self._put(record)
            self._reports.pace.count(source.name, source.rate, self._reports.seconds(), 1)
            journal.page(source).accept_readings(readings)
        for row in bad:
            journal.page(source).refuse(self._reports.clock.now(), "invalid", f"{row.line}.{row.field}", row.reason)
        return "; ".join(f"{row.line}.{row.field}: {row.reason}" for row in bad) or None

    async def _refuse(self, speaker: Subscription, message: MqttMessage, code: str, reason: str) -> None:
        """Lay ``message`` aside, and have the journal of its source say so."""
        page = self._reports.journal.page(speaker.source)
        page.refuse(self._reports.clock.now(), code, None, reason)
        await self._lay_aside(message, code, f"{speaker.source.name}: {reason}")

    async def _lay_aside(self, message: MqttMessage, code: str, reason: str) -> None:
        error = DubanError(reason)
        letter = dead_letter(message, GROUP, error, code=code, attempts=1, retryable=False, most_bytes=self._most_bytes)
        await until_available("broker", partial(lay_aside, [letter], self._publish))
        tell(message, GROUP, error, code)
        MESSAGES.labels(code).inc()
