"""A contact's own webhook: posted and signed as all notices are, with a secret of its own."""

from __future__ import annotations

from collections.abc import Callable

from duban.errors import Unavailable
from duban.messages.contacts import WayKey
from duban.messages.envelope import Message
from duban.messages.notices import Notice
from duban_escalation.notices.channels_file import Channels
from duban_escalation.notices.signature import Signer
from duban_escalation.notices.webhook import NoticeRefused, Webhook

_GONE = 410


class WebhookChannel:
    """Posts to the address of a contact, signed by what the file of channels has under the contact's name.

    ``webhook`` gives what posts to an address.
    """

    def __init__(self, channels: Callable[[], Channels], webhook: Callable[[str, Signer], Webhook]) -> None:
        self._channels = channels
        self._webhook = webhook

    async def send(self, notice: Message[Notice], to: str) -> None:
        """Post ``notice`` to ``to``.

        Raises:
            Unavailable: it is away, or no secret is known here: to be sent again.
            NoticeRefused: it will not have it, or nothing any more (410).
        """
        key = WayKey.of(notice.key)
        contact = key.contact if key else ""
        secrets = " ".join(secret.get_secret_value() for secret in self._channels().webhooks.get(contact, ()))
        try:
            signer = Signer.of(secrets)
        except ValueError as error:
            raise Unavailable(f"no secret signs to {contact}: the file of channels {error}") from None
        if await self._webhook(to, signer).post(notice) is None:
            raise NoticeRefused(notice.id, _GONE)
