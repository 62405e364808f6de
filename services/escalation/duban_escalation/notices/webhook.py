"""A receiver of notices over HTTP: what is posted, and what its answers mean."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2
import orjson
import structlog

from duban.clock import Clock
from duban.errors import DubanError, Unavailable
from duban.io.tracer import Tracer
from duban.messages.envelope import Message
from duban.messages.notices import Notice
from duban.messages.struct import plain
from duban_escalation.notices.address_guard import Guard
from duban_escalation.notices.journal import NoticeOutcome, Outlet
from duban_escalation.notices.signature import Signer

_log = structlog.get_logger(__name__)

#: The receiver is there, but not now.
_LATER: Final = frozenset({408, 425, 429})
_GONE: Final = 410
#: So much of a body is read, and so long.
_BODY_BYTES: Final = 65_536
_BODY_SECONDS: Final = 1.0
#: So much of the id that a receiver gives is kept.
_LONGEST_ID: Final = 120


class NoticeRefused(DubanError):
    """The receiver will not have this notice, and sending it again would change nothing: it is set aside."""

    def __init__(self, notice: str, status: int) -> None:
        super().__init__(f"the receiver answered {status} to notice {notice}")
        self.notice = notice
        self.status = status


class PutOff(Unavailable):
    """The receiver is there, but does not take the notice now; ``retry_after`` are the seconds that it asks for."""

    def __init__(self, status: int, retry_after: float | None) -> None:
        super().__init__(f"the receiver of notices answered {status}")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver that took a notice says: the status, and the ``id`` in the JSON of its body, if it has one."""

    status: int
    id: str = ""


def notice_body(notice: Message[Notice]) -> bytes:
    """What is posted of ``notice``: all of it."""
    return orjson.dumps(
        {
            "type": notice.data.ce_type,
            "timestamp": notice.time.isoformat(),
            "data": {"jurisdiction": notice.jurisdiction, **plain(notice.data)},
        }
    )


class Webhook:
    """Posts the ``body`` of notices, signed. One that answers 410 is asked no more: ``instead`` takes what is for it.

    The status is the answer, and has ``timeout`` seconds to come, however slowly the receiver sends it. A crash between
    the post and its record sends a notice twice; receivers drop what has a ``webhook-id`` they know.
    """

    def __init__(
        self,
        client: httpx2.AsyncClient,
        url: str,
        signer: Signer,
        clock: Clock,
        instead: Outlet,
        timeout: float = 15.0,
        body: Callable[[Message[Notice]], bytes] = notice_body,
        tracer: Tracer | None = None,
    ) -> None:
        self._client = client
        self._url = url
        self._signer = signer
        self._clock = clock
        self._instead = instead
        self._timeout = timeout
        self._body = body
        self._tracer = tracer
        self._gone = False

    async def send(self, notice: Message[Notice]) -> NoticeOutcome:
        """Post ``notice``, or send it the other way where the receiver wants no more.

        Raises:
            Unavailable, NoticeRefused: see :meth:`post`.
        """
        return "posted" if await self.post(notice) else await self._instead.send(notice)

    async def post(self, notice: Message[Notice]) -> Answer | None:
        """Post ``notice``, and give what the receiver answers; None where it wants no more notices.

        Raises:
            Unavailable: no answer in time, 429, 5xx or the like: the same notice is to be sent again.
            NoticeRefused: any other answer that is no success, redirections among them.
        """
        if self._gone:
            return None
        body = self._body(notice)
        headers = {"content-type": "application/json", **self._signer.headers(notice.id, self._clock.now(), body)}
        try:
            answer, content = await self._traced(notice, body, headers)
        except (httpx2.HTTPError, TimeoutError) as error:
            raise Unavailable(f"the receiver of notices is away: {type(error).__name__} {error}") from error
        if answer.status_code == _GONE:
            self._gone = True
            _log.error(
                "webhook.gone", url=self._url, meaning="410: it wants no more; notices stay in the log until a restart"
            )
            return None
        heed(answer, notice.id, self._clock)
        return Answer(answer.status_code, _id_in(content))

    async def _traced(
        self, notice: Message[Notice], body: bytes, headers: Mapping[str, str]
    ) -> tuple[httpx2.Response, bytes]:
        """The answer, of which whoever traces is told."""
        request = self._client.build_request("POST", self._url, content=body, headers=headers)
        if self._tracer is None:
            return await answered(self._client, request, self._timeout)
        began, status, why = time.time_ns(), None, None
        try:
            request.headers.update(self._tracer.posting(notice.subject, notice.id))
            answer, content = await answered(self._client, request, self._timeout)
            status, why = answer.status_code, None if answer.is_success else str(answer.status_code)
        except Exception as error:
            why = type(error).__name__
            raise
        finally:
            self._tracer.posted(notice.subject, notice.id, began, status, why)
        return answer, content


async def answered(
    client: httpx2.AsyncClient, request: httpx2.Request, seconds: float
) -> tuple[httpx2.Response, bytes]:
    """What is answered to ``request`` within ``seconds``, and its body if that is short and comes soon."""
    async with asyncio.timeout(seconds):
        answer = await client.send(request, stream=True)
    try:
        return answer, await _read(answer)
    finally:
        await answer.aclose()


def heed(answer: httpx2.Response, notice: str, clock: Clock) -> None:
    """Go on where ``answer`` is a success.

    Raises:
        PutOff: 429, 5xx or the like: ``notice`` is to be sent again.
        NoticeRefused: any other answer that is no success, redirections among them.
    """
    if answer.is_success:
        return
    if answer.is_server_error or answer.status_code in _LATER:
        raise PutOff(answer.status_code, _retry_after(answer, clock))
    raise NoticeRefused(notice, answer.status_code)


async def _read(answer: httpx2.Response) -> bytes:
    """A short body, read so that the connection can be used again; of one that is long, or does not come, nothing."""
    body = b""
    with suppress(httpx2.HTTPError, httpx2.StreamError, TimeoutError):
        async with asyncio.timeout(_BODY_SECONDS):
            async for part in answer.aiter_raw():
                body += part
                if len(body) > _BODY_BYTES:
                    return b""
            return body
    return b""


def _id_in(body: bytes) -> str:
    """The ``id`` in a body of JSON, as text and not longer than a receipt may be; empty where there is none."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    id_ = content.get("id") if isinstance(content, dict) else None
    shown = str(id_) if isinstance(id_, str | int) and not isinstance(id_, bool) else ""
    return shown.replace("\0", "").strip()[:_LONGEST_ID]


def _retry_after(answer: httpx2.Response, clock: Clock) -> float | None:
    """The seconds that the receiver asks for, as a number or as a date; None where it says nothing to be understood."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - clock.now()).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def client(*, allow_private: bool, timeout: float, connections: int) -> httpx2.AsyncClient:
    """A client that follows no redirection, heeds no proxy of the environment and stays off private addresses."""
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    transport: httpx2.AsyncBaseTransport = httpx2.AsyncHTTPTransport(limits=limits, trust_env=False)
    return httpx2.AsyncClient(
        transport=transport if allow_private else Guard(transport),
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        # Answers are read as they come: nothing that is small on its way grows in here.
        headers={"user-agent": "duban", "accept-encoding": "identity"},
    )
