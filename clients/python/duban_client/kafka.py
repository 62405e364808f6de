"""Reports straight onto the topic, for producers that are admitted to the broker: ``pip install duban-client[kafka]``.

A broker takes what the policy may refuse later; what became of a report is asked of the gateway
(:meth:`duban_client.Client.receipt`). Records are keyed so that reports of one source and id keep their order.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from itertools import count
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from duban_client.conversation import Patience
from duban_client.errors import Refused, Unavailable
from duban_client.report import TOPIC, TYPE, Report

T = TypeVar("T")
_PATIENCE: Final = Patience()
#: The topic takes records of 2 MiB; a producer's own repetitions neither double nor reorder.
_AS_THE_TOPIC: Final = {"acks": "all", "enable_idempotence": True, "max_request_size": 2_097_152}
_NEEDED: Final = ("jurisdiction", "channel")


class AsyncKafkaClient:
    """Reports of ``source`` onto the topic, each returned from when every replica has it.

    ``jurisdiction``, ``channel``: of the reports that name none. ``options`` go to aiokafka's producer as they are:
    ``security_protocol``, ``sasl_mechanism``, ``ssl_context`` and the like.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        source: str,
        jurisdiction: str | None = None,
        channel: str | None = None,
        patience: Patience = _PATIENCE,
        **options: Any,
    ) -> None:
        self._source, self._jurisdiction, self._channel = source, jurisdiction, channel
        self._patience = patience
        self._options = {"bootstrap_servers": bootstrap, **_AS_THE_TOPIC, **options}
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def report(self, report: Report) -> None:
        """As :meth:`report_all`, of one."""
        await self.report_all((report,))

    async def report_all(self, reports: Sequence[Report]) -> None:
        """Hand in ``reports``, all of them or, if one is at fault, none.

        Raises:
            Refused: a report says too little or too much; the message names it.
            Unavailable: the broker does not take them; some may have arrived: send all again later, under their ids.
        """
        records = [self._record(report) for report in reports]
        waited = 0.0
        for nth in count():
            try:
                await self._sent(records)
                return
            except MessageSizeTooLargeError as error:
                raise Refused("too_large", f"a report is larger than the topic takes: {error}") from None
            except (KafkaError, OSError) as error:
                pause = self._patience.pause(nth, waited)
                if pause is None or not getattr(error, "retriable", True):
                    raise Unavailable(f"the broker does not take it: {type(error).__name__} {error}") from error
            await asyncio.sleep(pause)
            waited += pause

    async def close(self) -> None:
        """Leave the broker."""
        if self._producer is not None:
            await self._producer.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.close()

    async def _sent(self, records: Sequence[dict[str, Any]]) -> None:
        producer = await self._started()
        arriving = [await producer.send(TOPIC, **record) for record in records]
        for outcome in await asyncio.gather(*arriving, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(**self._options)
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    def _record(self, report: Report) -> dict[str, Any]:
        """The event of ``report`` in CloudEvents' binary mode.

        Raises:
            Refused: it says too little, or too much for a topic.
        """
        whole = replace(
            report,
            source=report.source or self._source,
            jurisdiction=report.jurisdiction or self._jurisdiction,
            channel=report.channel or self._channel,
        )
        for name in _NEEDED:
            if getattr(whole, name) is None:
                raise Refused("missing", f"report {whole.id} names none, and neither does the client", name)
        try:
            data = whole.data()
        except ValueError as error:
            raise Refused("confided", f"report {whole.id}: {error}") from None
        headers = {
            "ce_specversion": "1.0",
            "ce_type": TYPE,
            "ce_source": whole.source,
            "ce_id": whole.id,
            "ce_jurisdiction": whole.jurisdiction,
            "ce_time": whole.time.isoformat() if whole.time else None,
            "content-type": "application/json",
        }
        return {
            "key": f"{whole.source}/{whole.continues or whole.id}".encode(),
            "value": json.dumps(data, ensure_ascii=False).encode(),
            "headers": [(name, value.encode()) for name, value in headers.items() if value is not None],
        }


class KafkaClient:
    """The same as :class:`AsyncKafkaClient` for code that waits; its loop runs in a thread of its own."""

    def __init__(self, bootstrap: str, *, source: str, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="duban-client", daemon=True)
        self._thread.start()
        self._client = AsyncKafkaClient(bootstrap, source=source, **options)

    def report(self, report: Report) -> None:
        """As :meth:`AsyncKafkaClient.report`."""
        self._done(self._client.report(report))

    def report_all(self, reports: Sequence[Report]) -> None:
        """As :meth:`AsyncKafkaClient.report_all`."""
        self._done(self._client.report_all(reports))

    def close(self) -> None:
        """Leave the broker, and end the thread."""
        self._done(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _done(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
