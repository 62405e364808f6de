"""Robots of group chats: DingTalk (钉钉), WeCom (企业微信), Feishu (飞书). All answer 200; the body says more."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal

import httpx2
import orjson

from duban.clock import Clock
from duban.errors import Unavailable
from duban.messages.contacts import ChannelKind
from duban.messages.envelope import Message
from duban.messages.notices import Notice
from duban.pace import Pace
from duban_escalation.notices.channels_file import Channels, Robot
from duban_escalation.notices.message_text import text_of, within_bytes
from duban_escalation.notices.webhook import NoticeRefused, PutOff, answered, heed

#: What a robot of each platform takes at most, in bytes of UTF-8, with room for what stands around the text.
_MOST_BYTES: Final = {"dingtalk": 18_000, "wecom": 2_048, "feishu": 18_000}


@dataclass(frozen=True, slots=True)
class RobotDialect:
    """How a platform is spoken to: the request for a text, the field with its code, and the codes that pass."""

    request: Callable[[str, str | None, str, datetime], tuple[str, dict[str, Any]]]
    code: str
    later: frozenset[int]


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


#: Codes: the system is busy, or messages came too fast.
DIALECTS: Final[Mapping[Literal["dingtalk", "wecom", "feishu"], RobotDialect]] = {
    "dingtalk": RobotDialect(_dingtalk, "errcode", frozenset({-1, 130101, 410100})),
    "wecom": RobotDialect(_wecom, "errcode", frozenset({-1, 45009, 45033})),
    "feishu": RobotDialect(_feishu, "code", frozenset({9499, 11232, 11233, 99991400})),
}


class RobotChannel:
    """Posts texts to the robots of one platform, as their file names them, no faster than each bears.

    ``seconds`` reads a clock that never goes back. The pace is that of this process: where several members post to one
    robot, the platform's own answer holds them back.
    """

    def __init__(
        self,
        kind: Literal["dingtalk", "wecom", "feishu"],
        channels: Callable[[], Channels],
        client: httpx2.AsyncClient,
        clock: Clock,
        seconds: Callable[[], float],
        timeout: float = 15.0,
    ) -> None:
        self._kind = kind
        self._dialect = DIALECTS[kind]
        self._channels = channels
        self._client = client
        self._clock = clock
        self._seconds = seconds
        self._timeout = timeout
        self._pace = Pace()

    async def send(self, notice: Message[Notice], to: str) -> None:
        """Have the robot ``to`` say ``notice``.

        Raises:
            Unavailable: it is away, busy, asked too often, or not in the file: to be sent again.
            NoticeRefused: the platform says no, be it under a status of success.
        """
        robot = self._channels().robots.get(to)
        if robot is None or robot.kind != self._kind:
            raise Unavailable(f"the file of channels has no robot {to} of {self._kind}")
        if (wait := self._pace.wait(to, robot.rate, self._seconds())) > 0:
            raise PutOff(httpx2.codes.TOO_MANY_REQUESTS, wait)
        self._pace.count(to, robot.rate, self._seconds())
        try:
            answer, body = await answered(self._client, self._request(robot, notice), self._timeout)
        except (httpx2.HTTPError, TimeoutError) as error:  # whose words may hold the address
            raise Unavailable(f"{self._kind} is away: {type(error).__name__}") from None
        heed(answer, notice.id, self._clock)
        self._heed_code(body, notice.id)

    def _request(self, robot: Robot, notice: Message[Notice]) -> httpx2.Request:
        secret = robot.secret.get_secret_value() if robot.secret else None
        text = within_bytes(robot.prefix + text_of(notice.data), _MOST_BYTES[self._kind])
        url, content = self._dialect.request(robot.url.get_secret_value(), secret, text, self._clock.now())
        # Answers are read as they come: nothing that is small on its way grows in here.
        return self._client.build_request("POST", url, json=content, headers={"accept-encoding": "identity"})

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


#: The platforms, as channels.
ROBOTS: Final[Mapping[ChannelKind, Literal["dingtalk", "wecom", "feishu"]]] = {
    ChannelKind.DINGTALK: "dingtalk",
    ChannelKind.WECOM: "wecom",
    ChannelKind.FEISHU: "feishu",
}
