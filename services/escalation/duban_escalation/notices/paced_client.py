"""Posts to those who bear only so many messages a minute, and what their answers mean by the status alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2

from duban.clock import Clock
from duban.errors import Unavailable
from duban.pace import Pace
from duban_escalation.notices.webhook import PutOff, answered, heed


class PacedClient:
    """Posts by ``client`` for one channel, which errors name ``who``, to each name no faster than it bears.

    ``seconds`` reads a clock that never goes back. The pace is that of this process: where several members post to one
    robot, the platform's own answer holds them back.
    """

    def __init__(
        self, who: str, client: httpx2.AsyncClient, clock: Clock, seconds: Callable[[], float], timeout: float = 15.0
    ) -> None:
        self._who = who
        self._client = client
        self._clock = clock
        self._seconds = seconds
        self._timeout = timeout
        self._pace = Pace()

    async def post(self, notice: str, url: str, name: str, rate: int, **content: Any) -> tuple[httpx2.Response, bytes]:
        """The answer to ``content``, posted to ``url`` because of ``notice``, if ``name`` bears one more.

        ``rate``: how many it bears a minute.

        Raises:
            Unavailable: it is away, busy, or asked too often: to be sent again.
            NoticeRefused: the status says no.
        """
        if (wait := self._pace.wait(name, rate, self._seconds())) > 0:
            raise PutOff(httpx2.codes.TOO_MANY_REQUESTS, wait)
        self._pace.count(name, rate, self._seconds())
        request = self._client.build_request("POST", url, **content)
        try:
            answer, body = await answered(self._client, request, self._timeout)
        except (httpx2.HTTPError, TimeoutError) as error:  # whose words may hold the address
            raise Unavailable(f"{self._who} is away: {type(error).__name__}") from None
        heed(answer, notice, self._clock)
        return answer, body
