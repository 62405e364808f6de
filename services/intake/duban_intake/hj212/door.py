"""The connections of the gateway of HJ 212: frames in, answers out, and nothing answered that the broker has not."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

import structlog
from prometheus_client import Counter, Gauge

from duban.errors import DubanError
from duban.io.aside import lay_aside
from duban.io.backoff import cancelled, until_available
from duban.io.dead_letters import DeadLetter, dead_letter, tell
from duban.io.hosts import cannot_listen
from duban.io.http import Beside
from duban.messages.envelope import Record, encode
from duban_intake.hj212.registry import Registry
from duban_intake.hj212.settings import Hj212Settings
from duban_intake.hj212.translation import FrameAnswer, FrameVerdict, NoReading, Taken, judge
from hj212 import Frame, Garbage, Stream, data_answer, notice_answer
from hj212 import encode as frame_bytes

#: Where frames come from, as the name of their dead letters has it; there is no topic of that name.
ORIGIN: Final = "duban.hj212.v1"
GROUP: Final = "duban-hj212"
#: Who sends so many bytes without a frame among them speaks another protocol.
MOST_GARBAGE: Final = 64 * 1024
#: A frame that has begun and does not go on for so long will not be whole.
FRAME_SECONDS: Final = 10.0
#: So long a device may take to come to terms over TLS.
_HANDSHAKE_SECONDS: Final = 10.0
#: So long a device may leave its answers unread.
_UNREAD_SECONDS: Final = 30.0
_READ_BYTES: Final = 16 * 1024
#: Files besides the connections: broker, logs, probes.
_OTHER_FILES: Final = 200
_log = structlog.get_logger(__name__)

CONNECTIONS: Final = Gauge("duban_hj212_connections", "Devices that are connected")
FRAMES: Final = Counter("duban_hj212_frames_total", "Frames by what became of them", ["outcome"])
ANSWERS: Final = Counter("duban_hj212_answers_total", "Frames that were answered, by the kind of answer", ["kind"])
GARBAGE: Final = Counter("duban_hj212_garbage_bytes_total", "Bytes that belonged to no frame", unit="bytes")
HUNG_UP: Final = Counter("duban_hj212_hung_up_total", "Connections that the gateway ended, by the reason", ["reason"])


@dataclass(frozen=True, slots=True)
class LaidAside:
    """Bytes that came to no topic, as their dead letter knows them; ``key`` is the MN, where one was read."""

    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    topic: str = ORIGIN
    partition: int = 0
    offset: int = 0


@dataclass(slots=True, eq=False)
class Link:
    """One connection: what has come on it, and whether it waits for more."""

    peer: str
    stream: Stream
    task: asyncio.Task[None]
    waits: bool = False
    garbage: int = 0
    #: The DataTime of the latest part by MN and CN, for those after it that name none.
    times: dict[tuple[str, str], datetime] = field(default_factory=dict)


class Door:
    """Listens for devices. ``put`` returns when the broker has a record, ``publish`` when it has those dead letters.

    ``registry`` gives the devices as they are now. ``stop`` lets frames in hand be kept and answered, then what runs
    ``beside``.
    """

    def __init__(
        self,
        settings: Hj212Settings,
        registry: Callable[[], Registry],
        put: Callable[[Record], Awaitable[None]],
        publish: Callable[[Sequence[DeadLetter]], Awaitable[None]],
        beside: Beside,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._put = put
        self._publish = publish
        self._beside = beside
        self._links: set[Link] = set()
        self._stopping = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tls = settings.tls()

    @property
    def listening(self) -> bool:
        """Whether connections are accepted."""
        return self._server is not None and self._server.is_serving()

    @property
    def port(self) -> int:
        """Where it listens, once it does."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else self._settings.hj212_port

    @property
    def connected(self) -> int:
        """How many devices are connected."""
        return len(self._links)

    async def run(self) -> None:
        """Serve until ``stop``.

        Raises:
            SettingsError: the port is taken, or the address is none of this machine's.
        """
        _allow_files(self._settings.hj212_max_connections + _OTHER_FILES)
        beside = asyncio.create_task(self._beside.run())
        try:
            host, port = self._settings.bind, self._settings.hj212_port
            self._server = await asyncio.start_server(
                self._serve, host, port, limit=_READ_BYTES, backlog=1024, ssl=self._tls,
                ssl_handshake_timeout=None if self._tls is None else _HANDSHAKE_SECONDS,
            )  # fmt: skip
        except OSError as error:
            await cancelled([beside])
            raise cannot_listen(host, port, "DUBAN_HJ212_PORT", error) from None
        await self._stopping.wait()
        self._server.close()
        await self._drain()
        self._beside.stop()
        await beside

    def stop(self) -> None:
        """Accept nothing more."""
        self._stopping.set()

    async def _drain(self) -> None:
        """Let every connection finish what it has in hand; those that only wait are ended now."""
        tasks = [link.task for link in self._links]
        for link in self._links:
            if link.waits:
                link.task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=max(1.0, self._settings.drain_timeout - 2))
            await cancelled(late)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = (writer.get_extra_info("peername") or ("gone", 0))[:2]
        if len(self._links) >= self._settings.hj212_max_connections or self._stopping.is_set():
            HUNG_UP.labels("too_many").inc()
            _log.warning("too many connections", peer=host, most=self._settings.hj212_max_connections)
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        link = Link(f"{host}:{port}", Stream(lambda mn: self._registry().key_of(mn)), task)
        self._links.add(link)
        CONNECTIONS.set(len(self._links))
        try:
            await self._converse(link, reader, writer)
        except (ConnectionError, TimeoutError) as error:
            HUNG_UP.labels("broken").inc()
            _log.info("connection broken", peer=link.peer, error=f"{type(error).__name__}: {error}")
            writer.transport.abort()
        except asyncio.CancelledError:
            if not self._stopping.is_set():
                raise
        finally:
            writer.close()
            await self._kept(link, link.stream.rest())  # whoever sent it is gone, or soon told to be
            self._links.discard(link)
            CONNECTIONS.set(len(self._links))

    async def _converse(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not self._stopping.is_set():
            data = await self._read(link, reader)
            arrivals = link.stream.rest() if not data else link.stream.feed(data)
            answers = await self._kept(link, arrivals)
            if answers:
                writer.write(b"".join(answers))
                async with asyncio.timeout(_UNREAD_SECONDS):
                    await writer.drain()
            if data == b"":
                return
            if link.garbage > MOST_GARBAGE:
                HUNG_UP.labels("garbage").inc()
                _log.warning("no frame among so many bytes", peer=link.peer, bytes=link.garbage)
                return

    async def _read(self, link: Link, reader: asyncio.StreamReader) -> bytes | None:
        """What has come: nothing at the end or after long silence, None when a frame that has begun does not go on."""
        limit = FRAME_SECONDS if link.stream.pending else self._settings.hj212_idle
        link.waits = True
        try:
            async with asyncio.timeout(limit):
                return await reader.read(_READ_BYTES)
        except TimeoutError:
            if link.stream.pending:
                return None
            HUNG_UP.labels("silent").inc()
            return b""
        finally:
            link.waits = False

    async def _kept(self, link: Link, arrivals: Sequence[Frame | Garbage]) -> list[bytes]:
        """The answers to ``arrivals`` in order, once each is safe; what came together reaches the broker together."""
        keeping = [self._keep(link, arrival, self._judged(link, arrival)) for arrival in arrivals]
        answers = [await keeping[0]] if len(keeping) == 1 else await asyncio.gather(*keeping)
        return [answer for answer in answers if answer is not None]

    def _judged(self, link: Link, arrival: Frame | Garbage) -> FrameVerdict:
        if isinstance(arrival, Garbage):
            link.garbage += len(arrival.data)
            GARBAGE.inc(len(arrival.data))
            return FrameVerdict(NoReading("garbage", str(arrival.error or "bytes without ##")), FrameAnswer.NONE)
        link.garbage = 0
        place = (arrival.mn, arrival.cn)
        try:
            verdict = judge(arrival, self._registry().device(arrival.mn), link.times.get(place))
        except Exception as error:  # what breaks the code is laid aside, and the device goes on
            _log.error("frame breaks the code", peer=link.peer, exc_info=True)
            return FrameVerdict(NoReading("fault", f"{type(error).__name__}: {error}"), FrameAnswer.DATA)
        if arrival.is_part and isinstance(verdict.outcome, Taken):
            link.times[place] = verdict.outcome.message.data.at
        return verdict

    async def _keep(self, link: Link, arrival: Frame | Garbage, verdict: FrameVerdict) -> bytes | None:
        """Return when the broker has what ``verdict`` says of ``arrival``, however long that takes: its answer."""
        match verdict.outcome:
            case Taken(message):
                record = encode(message)
                await until_available("broker", partial(self._put, record))
                outcome = "readings"
            case NoReading() as no_reading:
                await self._lay_aside(link, arrival, no_reading)
                outcome = no_reading.code
            case None:
                outcome = "not_kept"
        if isinstance(arrival, Garbage):
            return None
        FRAMES.labels(outcome).inc()
        if verdict.reply is FrameAnswer.NONE or not arrival.wants_answer:
            return None
        ANSWERS.labels(verdict.reply).inc()
        return frame_bytes(data_answer(arrival) if verdict.reply is FrameAnswer.DATA else notice_answer(arrival))

    async def _lay_aside(self, link: Link, arrival: Frame | Garbage, no_reading: NoReading) -> None:
        key, data = (arrival.mn.encode(), arrival.raw) if isinstance(arrival, Frame) else (None, arrival.data)
        record = LaidAside(key, data, (("duban.hj212.peer", link.peer.encode()),))
        error = DubanError(no_reading.reason)
        letter = dead_letter(
            record, GROUP, error, code=no_reading.code, attempts=1, retryable=False,
            most_bytes=self._settings.max_record_bytes,
        )  # fmt: skip
        await until_available("broker", partial(lay_aside, [letter], self._publish))
        tell(record, GROUP, error, no_reading.code)


def _allow_files(count: int) -> None:
    """Have the system allow ``count`` open files, as far as it does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < count:
        _log.warning("fewer connections than set: the system allows fewer open files", files=most, wanted=count)
