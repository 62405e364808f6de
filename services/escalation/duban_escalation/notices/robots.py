"""Robots of group chats: DingTalk (钉钉), WeCom (企业微信), Feishu (飞书). All answer 200; the body says more."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import httpx2
import orjson

from duban.clock import Clock
from duban.errors import Unavailable
from duban.messages.contacts import ChannelKind
from duban.messages.envelope import Message
from duban.messages.notices import Notice
from duban_escalation.notices.channels_file import Channels
from duban_escalation.notices.message_text import text_of, within_bytes
from duban_escalation.notices.paced_client import PacedClient
from duban_escalation.notices.webhook import NoticeRefused, PutOff


@dataclass(frozen=True, slots=True)
class RobotDialect:
    """How a platform is spoken to: the request for a text, the field with its code, and the codes that pass.

    ``most_bytes``: what a robot takes at most of UTF-8, with room for what stands around the text.
    """

    request: Callable[[str, str | None, str, datetime], tuple[str, dict[str, Any]]]
    code: str
    later: frozenset[int]
    most_bytes: int


def _dingtalk(url: str, secret: str | None, text: str, at: datetime) -> tuple[str, dict[str, Any]]:
    """The stamp in milliseconds and the signature go into the address."""
    if secret is not None:
        stamp = str(int(at.timestamp() * 1000))
        signature = b64encode(hmac.digest(secret.encode(), f"{stamp}\n{secret}".encode(), sha256)).decode()
        url = str(httpx2.URL(url).copy_merge_params({"timestamp": stamp, "sign": signature}))
    return url, {"msgtype": "text", "text": {"content": text}}


def _wecom(url: str, secret: str | None, text: str, at: datetime) -> tuple[str, dict[str, Any]]:
    """The key in the address is all that shows who speaks."""
    return url, {"msgtype": "text", "text": {"content": text}}


def _feishu(url: str, secret: str | None, text: str, at: datetime) -> tuple[str, dict[str, Any]]:
    """The stamp in seconds and the secret are the key that signs nothing; both stand in the body."""
    # Its texts have tags, by which somebody's title could call everybody.
    content: dict[str, Any] = {"msg_type": "text", "content": {"text": text.replace("<", "＜")}}
    if secret is not None:
        stamp = str(int(at.timestamp()))
        signature = b64encode(hmac.digest(f"{stamp}\n{secret}".encode(), b"", sha256)).decode()
        content |= {"timestamp": stamp, "sign": signature}
    return url, content


#: The platforms. Codes: the system is busy, or messages came too fast.
DIALECTS: Final[Mapping[ChannelKind, RobotDialect]] = {
    ChannelKind.DINGTALK: RobotDialect(_dingtalk, "errcode", frozenset({-1, 130101, 410100}), 18_000),
    ChannelKind.WECOM: RobotDialect(_wecom, "errcode", frozenset({-1, 45009, 45033}), 2_048),
    ChannelKind.FEISHU: RobotDialect(_feishu, "code", frozenset({9499, 11232, 11233, 99991400}), 18_000),
}


class RobotChannel:
    """Posts texts to the robots of one platform, as their file names them, no faster than each bears."""

    def __init__(self, kind: ChannelKind, channels: Callable[[], Channels], client: PacedClient, clock: Clock) -> None:
        self._kind = kind
        self._dialect = DIALECTS[kind]
        self._channels = channels
        self._client = client
        self._clock = clock

    async def send(self, notice: Message[Notice], to: str) -> None:
        """Have the robot ``to`` say ``notice``.

        Raises:
            Unavailable: it is away, busy, asked too often, or not in the file: to be sent again.
            NoticeRefused: the platform says no, be it under a status of success.
        """
        robot = self._channels().robots.get(to)
        if robot is None or robot.kind != self._kind:
            raise Unavailable(f"the file of channels has no robot {to} of {self._kind}")
        secret = robot.secret.get_secret_value() if robot.secret else None
        text = within_bytes(robot.prefix + text_of(notice.data), self._dialect.most_bytes)
        url, content = self._dialect.request(robot.url.get_secret_value(), secret, text, self._clock.now())
        _, body = await self._client.post(notice.id, url, to, robot.rate, json=content)
        self._heed_code(body, notice.id)

    def _heed_code(self, body: bytes, notice: str) -> None:
        """Go on where the code in ``body`` is 0; a body without one comes from somebody else on the way."""
        try:
            content = orjson.loads(body)
        except orjson.JSONDecodeError:
            content = None
        code = content.get(self._dialect.code) if isinstance(content, dict) else None
        if not isinstance(code, int):
            raise Unavailable(f"what answered for {self._kind} is not its platform: no {self._dialect.code}")
        if code in self._dialect.later:
            raise PutOff(code, None)
        if code != 0:
            raise NoticeRefused(notice, code)
