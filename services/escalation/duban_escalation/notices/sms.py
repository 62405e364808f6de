"""Short messages: a request over HTTP to the gateway of the operator, as the file of channels describes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx2
import orjson

from duban.errors import Unavailable
from duban.messages.envelope import Message
from duban.messages.notices import Notice
from duban_escalation.notices.channels_file import Channels, SmsGateway
from duban_escalation.notices.message_text import cut, text_of
from duban_escalation.notices.paced_client import PacedClient
from duban_escalation.notices.webhook import NoticeRefused

_GATEWAY: Final = "sms"


class SmsChannel:
    """Sends each notice as one short message, cut to what the gateway takes."""

    def __init__(self, channels: Callable[[], Channels], client: PacedClient) -> None:
        self._channels = channels
        self._client = client

    async def send(self, notice: Message[Notice], to: str) -> None:
        """Send ``notice`` to the number ``to``.

        Raises:
            Unavailable: the gateway is away, busy, asked too often, or not in the file: to be sent again.
            NoticeRefused: it says no, by its status or by what it answers under a status of success.
        """
        gateway = self._channels().sms
        if gateway is None:
            raise Unavailable("the file of channels has no gateway of short messages")
        content = _content(gateway, notice, to)
        answer, body = await self._client.post(notice.id, str(gateway.url), _GATEWAY, gateway.rate, **content)
        if gateway.success and not _says(body, gateway.success):
            raise NoticeRefused(notice.id, answer.status_code)


def _content(gateway: SmsGateway, notice: Message[Notice], to: str) -> dict[str, Any]:
    text = cut(" ".join(text_of(notice.data).split()), gateway.longest)
    fields = {"to": to, "text": text, "number": notice.data.number, "id": notice.id}
    headers = {name: _filled(value.get_secret_value(), fields) for name, value in gateway.headers.items()}
    return {
        "headers": {**headers, **_basic(gateway)},
        "json": None if gateway.body is None else _filled(dict(gateway.body), fields),
        "data": None if gateway.form is None else _filled(dict(gateway.form), fields),
    }


def _basic(gateway: SmsGateway) -> dict[str, str]:
    if gateway.user is None:
        return {}
    password = gateway.password.get_secret_value() if gateway.password else ""
    (request,) = httpx2.BasicAuth(gateway.user, password).sync_auth_flow(httpx2.Request("POST", str(gateway.url)))
    return {"authorization": request.headers["authorization"]}


def _filled(template: Any, fields: Mapping[str, str]) -> Any:
    """``template`` with what stands in braces filled in, wherever in it a text is; any other brace stays."""
    match template:
        case str():
            for name, value in fields.items():
                template = template.replace(f"{{{name}}}", value.replace("{", "｛"))
            return template
        case dict():
            return {name: _filled(value, fields) for name, value in template.items()}
        case list():
            return [_filled(value, fields) for value in template]
        case _:
            return template


def _says(body: bytes, success: Mapping[str, str]) -> bool:
    """Whether each field of the answer is what ``success`` says; a dot leads into an object or a list."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return all(str(_at(content, place.split("."))) == value for place, value in success.items())


def _at(content: Any, steps: list[str]) -> Any:
    for step in steps:
        if isinstance(content, dict):
            content = content.get(step)
        elif isinstance(content, list) and step.isdigit() and int(step) < len(content):
            content = content[int(step)]
        else:
            return None
    return content
