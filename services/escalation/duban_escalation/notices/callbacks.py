"""Sources that are told what becomes of their reports: each has an address and a secret of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import orjson
import structlog

from duban.errors import Unavailable
from duban.messages.envelope import Message
from duban.messages.notices import Notice
from duban.messages.sources import RegisteredSource
from duban_escalation.heard import BECOMES
from duban_escalation.notices.journal import NoticeOutcome, Outlet
from duban_escalation.notices.signature import Signer
from duban_escalation.notices.webhook import Webhook

_log = structlog.get_logger(__name__)


class Secrets(Protocol):
    """The secrets by which is signed to sources."""

    def of(self, name: str) -> tuple[str, ...]: ...


class Callbacks:
    """Posts what a source is to hear to its address; ``others`` takes all other notices.

    ``source_named`` gives a source, if it is still to be told anything, ``webhook`` what posts to an address.
    """

    def __init__(
        self,
        source_named: Callable[[str], RegisteredSource | None],
        secrets: Secrets,
        webhook: Callable[[str, Signer], Webhook],
        others: Outlet,
    ) -> None:
        self._source_named = source_named
        self._secrets = secrets
        self._webhook = webhook
        self._others = others
        self._webhooks: dict[str, tuple[tuple[str, str], Webhook]] = {}

    async def send(self, notice: Message[Notice]) -> NoticeOutcome:
        """See ``notice`` off.

        Raises:
            Unavailable: the source is away, or its secret is not known here: it is to be sent again.
            NoticeRefused: the source will not have it.
        """
        if notice.data.report is None:
            return await self._others.send(notice)
        source = self._source_named(notice.data.recipient)
        if source is None or source.callback is None:
            return await Unheard().send(notice)
        return await self._to(source.name, source.callback).send(notice)

    def _to(self, name: str, url: str) -> Webhook:
        secrets = " ".join(self._secrets.of(name))
        held = self._webhooks.get(name)
        if held is None or held[0] != (url, secrets):
            try:
                signer = Signer.of(secrets)
            except ValueError as error:
                say = f"no secret signs to {name}: the file of DUBAN_CALLBACK_SECRETS {error}"
                raise Unavailable(say) from None
            held = self._webhooks[name] = ((url, secrets), self._webhook(url, signer))
        return held[1]


class Unheard:
    """Notes that a source wants to hear no more: the reply to a reporter is not for the log."""

    async def send(self, notice: Message[Notice]) -> NoticeOutcome:
        data = notice.data
        _log.info("callback.unheard", notice=notice.id, source=data.source, report=data.report, event_kind=data.event)
        return "logged"


def callback_body(notice: Message[Notice]) -> bytes:
    """What a source is posted: its own report, what has become of it, and nothing of who reported."""
    data = notice.data
    content = {
        "source": data.source,
        "report": data.report,
        "status": BECOMES[data.event],
        "event": data.event,
        "jurisdiction": notice.jurisdiction,
        "problem_id": str(data.problem_id),
        "number": data.number,
        "category": data.title,
        "unit": data.owner,
        "expected_at": None if data.lapse_at <= data.issued_at else data.lapse_at.isoformat(),
        "text": data.text,
    }
    document = {"type": f"duban.report.{BECOMES[data.event]}", "timestamp": notice.time.isoformat(), "data": content}
    return orjson.dumps(document)
