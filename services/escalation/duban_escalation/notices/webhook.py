"""A receiver of notices over HTTP: what is posted, and what its answers mean."""

from __future__ import annotations

from typing import Final

import httpx2
import orjson
import structlog

from duban.clock import Clock
from duban.errors import DubanError, Unavailable
from duban.messages.envelope import Message
from duban.messages.notices import Notice
from duban_escalation.notices.address_guard import Guard
from duban_escalation.notices.journal import NoticeOutcome, Outlet
from duban_escalation.notices.signature import Signer

_log = structlog.get_logger(__name__)

#: The receiver is there, but not now.
_LATER: Final = frozenset({408, 425, 429})
_GONE: Final = 410


class NoticeRefused(DubanError):
    """The receiver will not have this notice, and sending it again would change nothing: a dead letter."""

    def __init__(self, notice: str, status: int) -> None:
        super().__init__(f"the receiver answered {status} to notice {notice}")
        self.notice = notice
        self.status = status


class Webhook:
    """Posts notices, signed. A receiver that answers 410 is not asked again: ``instead`` takes its notices.

    A crash between the post and its record sends a notice twice; receivers drop what has a ``webhook-id`` they know.
    """

    def __init__(self, client: httpx2.AsyncClient, url: str, signer: Signer, clock: Clock, instead: Outlet) -> None:
        self._client = client
        self._url = url
        self._signer = signer
        self._clock = clock
        self._instead = instead
        self._gone = False

    async def send(self, notice: Message[Notice]) -> NoticeOutcome:
        """Post ``notice``.

        Raises:
            Unavailable: no answer in time, 429, 5xx or the like: the same notice is to be sent again.
            NoticeRefused: any other answer that is no success, redirections among them.
        """
        if self._gone:
            return await self._instead.send(notice)
        body = _body(notice)
        headers = {"content-type": "application/json", **self._signer.headers(notice.id, self._clock.now(), body)}
        try:
            answer = await self._client.post(self._url, content=body, headers=headers)
        except httpx2.HTTPError as error:
            raise Unavailable(f"the receiver of notices is away: {type(error).__name__} {error}") from error
        if answer.is_success:
            return "posted"
        if answer.status_code == _GONE:
            self._gone = True
            _log.error(
                "webhook.gone", url=self._url, meaning="410: it wants no more; notices stay in the log until a restart"
            )
            return await self._instead.send(notice)
        if answer.is_server_error or answer.status_code in _LATER:
            raise Unavailable(f"the receiver of notices answered {answer.status_code}")
        raise NoticeRefused(notice.id, answer.status_code)


def client(*, allow_private: bool, timeout: float, connections: int) -> httpx2.AsyncClient:
    """A client that follows no redirection, heeds no proxy of the environment and stays off private addresses."""
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    transport: httpx2.AsyncBaseTransport = httpx2.AsyncHTTPTransport(limits=limits, trust_env=False)
    return httpx2.AsyncClient(
        transport=transport if allow_private else Guard(transport),
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        headers={"user-agent": "duban"},
    )


def _body(notice: Message[Notice]) -> bytes:
    return orjson.dumps(
        {
            "type": notice.data.ce_type,
            "timestamp": notice.time.isoformat(),
            "data": {"jurisdiction": notice.jurisdiction, **notice.data.model_dump(mode="json")},
        }
    )
