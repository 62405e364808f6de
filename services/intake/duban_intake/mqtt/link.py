"""The connection to the broker of MQTT: messages in, and each acknowledged once it is done with."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiomqtt import Client, Message, MqttError, ProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from duban.io.backoff import backoff, cancelled
from duban.io.http import Beside
from duban_intake.mqtt.door import MqttMessage
from duban_intake.mqtt.settings import MqttSettings

_log = structlog.get_logger(__name__)
#: At least once: what is published at most once stays so, and what is published exactly once comes at least once.
_QOS: Final = 1
#: Seconds after which a connection is one that works, and the next is tried at once.
_WORKS: Final = 30.0


class _Arrived(asyncio.Queue[Message]):
    """What has come and is not in hand. What the broker never sends again (QoS 0) is dropped where it would pile up."""

    def put_nowait(self, item: Message) -> None:
        if item.qos == 0 and self.qsize() >= 10_000:
            raise asyncio.QueueFull
        super().put_nowait(item)


class MqttLink:
    """Listens at the broker of MQTT, and comes back however often it is cut off. A part of the service.

    ``take`` returns when a message is done with, which is acknowledged only then. ``filters`` says to which topics to
    listen, and to which no more; ``renewed`` is set when it says something else. What runs ``beside`` is stopped last.
    """

    def __init__(
        self,
        settings: MqttSettings,
        take: Callable[[MqttMessage], Awaitable[None]],
        filters: Callable[[], tuple[set[str], set[str]]],
        renewed: asyncio.Event,
        beside: Beside,
    ) -> None:
        self._settings = settings
        self._take = take
        self._filters = filters
        self._renewed = renewed
        self._beside = beside
        self._stopping = asyncio.Event()
        self._in_hand: set[asyncio.Task[None]] = set()
        self.state = "not connected yet"
        self.listening = False
        #: The files are read now: what is wrong with them ends the process before it begins.
        self._tls = settings.tls()
        self._password = settings.renewed("mqtt_password") if settings.mqtt_password else None

    def stop(self) -> None:
        """Take nothing more; what is in hand is done with and acknowledged."""
        self._stopping.set()

    async def run(self) -> None:
        """Listen until ``stop``."""
        stopped = asyncio.create_task(self._stopping.wait())
        beside = asyncio.create_task(self._beside.run())
        loop = asyncio.get_running_loop()
        delays = backoff()
        try:
            while not self._stopping.is_set():
                began = loop.time()
                try:
                    await self._connected(stopped)
                except (MqttError, OSError) as error:
                    self.state = f"not connected: {error}"
                    _log.warning("broker of MQTT is away", broker=self._settings.mqtt_broker, error=str(error))
                finally:
                    self.listening = False
                if loop.time() - began > _WORKS:
                    delays = backoff()
                await asyncio.wait({stopped}, timeout=next(delays))
        finally:
            await cancelled([stopped, *self._in_hand])
            self._beside.stop()
            await beside

    async def _connected(self, stopped: asyncio.Task[bool]) -> None:
        """Listen on one connection, until it breaks or all is to stop.

        Raises:
            MqttError: it broke, or there was none.
        """
        client = self._client()
        async with client:
            followed = asyncio.create_task(self._subscribe(client))
            heard = asyncio.create_task(self._hear(client))
            try:
                done, _ = await asyncio.wait({followed, heard, stopped}, return_when=asyncio.FIRST_COMPLETED)
                for task in done - {stopped}:
                    task.result()
            finally:
                await cancelled([followed, heard])
            if self._in_hand:
                await asyncio.wait(self._in_hand, timeout=max(1.0, self._settings.drain_timeout - 2))

    def _client(self) -> Client:
        """A connection of our own session, in which nothing is acknowledged by itself."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self._settings.mqtt_session
        properties.ReceiveMaximum = self._settings.mqtt_in_flight
        host, port = self._settings.address
        client = Client(
            host,
            port,
            username=self._settings.mqtt_user,
            password=self._password() if self._password else None,
            identifier=self._settings.client,
            queue_type=_Arrived,
            protocol=ProtocolVersion.V5,
            clean_start=False,
            properties=properties,
            tls_context=self._tls,
            logger=logging.getLogger("mqtt"),
        )
        # aiomqtt acknowledges a message when it arrives, and has no other way of its own; what is below it has.
        client._client.manual_ack_set(True)  # noqa: SLF001
        return client

    async def _subscribe(self, client: Client) -> None:
        """Have ``client`` subscribed to what is wanted, whatever that comes to be."""
        subscribed: set[str] = set()
        left: set[str] = set()
        while True:
            self._renewed.clear()
            filters, unwanted = self._filters()
            # The broker of MQTT remembers what the process before this one subscribed to.
            for topic in sorted((subscribed | (unwanted - left)) - filters):
                await client.unsubscribe(self._shared(topic))
            for topic in sorted(filters - subscribed):
                await client.subscribe(self._shared(topic), qos=_QOS)
            subscribed, left = filters, unwanted
            self.state = f"listening to {len(filters)} filters of topics"
            self.listening = True
            await self._renewed.wait()

    def _shared(self, topic: str) -> str:
        return f"$share/{self._settings.mqtt_group}/{topic}"

    async def _hear(self, client: Client) -> None:
        room = asyncio.Semaphore(self._settings.mqtt_in_flight)
        async for message in client.messages:
            await room.acquire()
            task = asyncio.create_task(self._keep(client, message))
            self._in_hand.add(task)
            task.add_done_callback(self._in_hand.discard)
            task.add_done_callback(lambda _: room.release())

    async def _keep(self, client: Client, message: Message) -> None:
        payload = message.payload if isinstance(message.payload, bytes) else b""
        await self._take(MqttMessage(str(message.topic), payload))
        if message.qos > 0:
            client._client.ack(message.mid, message.qos)  # noqa: SLF001 as above
