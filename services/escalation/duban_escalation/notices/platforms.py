"""Platforms that records go on to: each has a receiver of its own, whose answer comes back as the receipt."""

from __future__ import annotations

from collections.abc import Mapping

from duban.clock import Clock
from duban.messages.commands import PassOn
from duban.messages.envelope import Message, derived_id, encode
from duban.messages.notices import Notice
from duban_escalation.measures import ENGINE, SOURCE
from duban_escalation.notices.journal import NoticeOutcome, Outlet
from duban_escalation.notices.webhook import Answer, Webhook
from duban_escalation.sweep import Publishes


class Platforms:
    """Posts to each platform what goes on to it; ``others`` takes all other notices.

    ``webhooks`` are by city and platform, as ``linyi/credit-platform``. A notice to a platform counts as posted when
    its receipt is on its way to the router: a crash before that posts it again, under the ``webhook-id`` that the
    platform knows, and the router takes the first receipt.
    """

    def __init__(self, webhooks: Mapping[str, Webhook], others: Outlet, publisher: Publishes, clock: Clock) -> None:
        self._webhooks = webhooks
        self._others = others
        self._publisher = publisher
        self._clock = clock

    async def send(self, notice: Message[Notice]) -> NoticeOutcome:
        """See ``notice`` off.

        Raises:
            Unavailable: the platform, or the broker that takes the receipt, is away: it is to be sent again.
            NoticeRefused: the platform will not have it.
        """
        webhook = self._webhooks.get(notice.key)
        answer = await webhook.post(notice) if webhook else None
        if answer is None:
            return await self._others.send(notice)
        await self._publisher.publish([encode(self._receipt(notice, answer))])
        return "posted"

    def _receipt(self, notice: Message[Notice], answer: Answer) -> Message[PassOn]:
        version = int(notice.cause.rpartition("/")[2]) if notice.cause else None
        data = PassOn(
            actor=ENGINE, platform=notice.data.recipient, version=version, status=answer.status, receipt=answer.id
        )
        id_, subject = str(derived_id("receipt", notice.id)), notice.subject
        return Message(id_, SOURCE, subject, self._clock.now(), notice.jurisdiction, subject, data, cause=notice.id)
