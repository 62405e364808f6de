"""A client that keeps a history: every call with its outcome, ok, fail, or unknown after a time-out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TypeAlias

import httpx2
import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from duban.messages import commands as do
from duban.messages.envelope import Message, Record, encode
from duban.messages.report import Report
from duban.messages.struct import from_data
from duban_intake.domain import own_problem, submitted

CallOutcome: TypeAlias = Literal["ok", "fail", "unknown"]

SOURCE: Final = "chaos/city"
PEOPLE: Final = "chaos/people"
JURISDICTION: Final = "chaos"
_PATIENCE: Final = 6.0
_TRIES: Final = 60
_REST: Final = 0.5


@dataclass(frozen=True, slots=True)
class Sending:
    """A report as a client sends it, always by the same way; ``contact`` goes to the vault alone."""

    id: str
    report: Mapping[str, Any]
    via: Literal["http", "kafka"]
    contact: str | None = None

    @property
    def problem(self) -> str:
        """The problem that it opens."""
        return str(own_problem(SOURCE, self.id))

    def another_body(self) -> Sending:
        """Another report under the same key."""
        return Sending(self.id, {**self.report, "title": f"another than {self.id}"}, self.via, self.contact)


class ChaosClient:
    """Speaks to gateway and broker; what has no certain answer is sent again under the same key until it has one."""

    def __init__(self, kafka: str, gateway: str, history: Path) -> None:
        self._kafka, self._gateway = kafka, gateway
        self._history: BinaryIO = history.open("ab")
        self._http = httpx2.AsyncClient(timeout=_PATIENCE, trust_env=False)
        self._producer: AIOKafkaProducer | None = None
        self._renewing = asyncio.Lock()
        self.counts: Counter[CallOutcome] = Counter()
        self.stopping = False

    async def stop(self) -> None:
        """End what is open; calls that still try give up."""
        self.stopping = True
        await self._http.aclose()
        await self._drop()
        self._history.close()

    async def report(self, sending: Sending) -> bool:
        """Hand a report in until it is accepted or refused; whether it was accepted."""
        row = {
            "problem": sending.problem,
            "kind": "report",
            "source": SOURCE,
            "id": sending.id,
            "report": sending.report,
            "via": sending.via,
        }
        if sending.via == "http":
            return await self._certain(row, lambda: self._post(sending))
        # Made anew for each try: it says when it was sent.
        return await self._certain(row, lambda: self._send(_record(sending)))

    async def act(self, problem: str, command: do.Command, id_: str) -> bool:
        """Send a command until the broker has it."""
        at = datetime.now(UTC)
        record = encode(Message(id_, PEOPLE, problem, at, JURISDICTION, problem, command))
        row = {"problem": problem, "kind": "act", "source": PEOPLE, "id": id_, "via": "kafka", "type": command.TYPE}
        return await self._certain(row, lambda: self._send(record))

    async def raw(self, topic: str, key: bytes | None, value: bytes | None, headers: Any, partition: int) -> str | None:
        """Send any bytes, once; where they lie, None if they were not taken or nobody knows."""
        with suppress(KafkaError, OSError, TimeoutError):
            place = await self._appended(topic, value, key, partition, headers)
            return f"{topic}/{place.partition}/{place.offset}"
        return None

    async def body(self, content: bytes) -> CallOutcome:
        """Post any bytes to the gateway, once."""
        try:
            answer = await self._http.post(
                f"{self._gateway}/v1/reports", content=content, headers={"content-type": "application/json"}
            )
        except (httpx2.HTTPError, OSError, RuntimeError):
            return "unknown"
        if answer.status_code == 202:
            return "ok"
        return "fail" if 400 <= answer.status_code < 500 else "unknown"

    def note(self, row: Mapping[str, Any], outcome: CallOutcome) -> None:
        """Write one call down."""
        self.counts[outcome] += 1
        at = datetime.now(UTC).isoformat()
        if not self._history.closed:
            self._history.write(orjson.dumps({**row, "outcome": outcome, "at": at}) + b"\n")
            self._history.flush()

    async def _certain(self, row: Mapping[str, Any], send: Callable[[], Awaitable[CallOutcome]]) -> bool:
        """Have it sent, and each try written down, until the answer is certain; whether it is ok."""
        for _ in range(_TRIES):
            outcome = await send()
            self.note(row, outcome)
            if outcome != "unknown" or self.stopping:
                return outcome == "ok"
            await asyncio.sleep(_REST)
        return False

    async def _post(self, sending: Sending) -> CallOutcome:
        confided = {"contact": {"name": sending.contact}, "secret": f"secret-{sending.id}"} if sending.contact else {}
        return await self.body(orjson.dumps({"source": SOURCE, "id": sending.id, **sending.report, **confided}))

    async def _send(self, record: Record) -> CallOutcome:
        try:
            await self._appended(record.topic, record.value, record.key, None, list(record.headers))
        except MessageSizeTooLargeError:
            return "fail"
        except (KafkaError, OSError, TimeoutError):
            await self._drop()
            return "unknown"
        return "ok"

    async def _appended(
        self, topic: str, value: bytes | None, key: bytes | None, partition: int | None, headers: Any
    ) -> Any:
        """Where a record lies once the broker has it; a producer that another call has given up may wait for ever."""
        producer = await self._connected()
        async with asyncio.timeout(_PATIENCE):
            sending = await producer.send(topic, value, key, partition, headers=headers)
            return await asyncio.shield(sending)

    async def _connected(self) -> AIOKafkaProducer:
        async with self._renewing:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._kafka, acks="all", enable_idempotence=True, request_timeout_ms=5000,
                    max_request_size=32 * 1024 * 1024,
                )  # fmt: skip
                try:
                    await asyncio.wait_for(producer.start(), _PATIENCE)
                except BaseException:
                    await _closed(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await _closed(producer)


async def _closed(producer: AIOKafkaProducer) -> None:
    with suppress(KafkaError, OSError, TimeoutError):
        await asyncio.wait_for(producer.stop(), 2.0)


def _record(sending: Sending) -> Record:
    return encode(submitted(SOURCE, sending.id, from_data(sending.report, Report), datetime.now(UTC)))
