"""Reports by the gateway, over HTTP: once for code that waits, once for code that awaits."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Final, Self, TypeVar

import httpx2

from duban_client.conversation import (
    Accepted,
    Answer,
    Conversation,
    Delay,
    Patience,
    Receipt,
    Request,
    Silence,
    asking,
    reporting,
)
from duban_client.report import Report

T = TypeVar("T")
_PATIENCE: Final = Patience()
_JSON: Final = {"content-type": "application/json"}


class Client:
    """The gateway at ``url``, to which ``key`` shows who reports; none is needed by an open source.

    ``timeout``: seconds for one answer. Threads may share a client.
    """

    def __init__(
        self, url: str, key: str | None = None, *, patience: Patience = _PATIENCE, timeout: float = 20
    ) -> None:
        self._patience = patience
        self._http = httpx2.Client(base_url=url, headers=_headers(key), timeout=timeout)

    def report(self, report: Report) -> Accepted:
        """Hand in ``report``; returns when the broker has it.

        Raises:
            Refused: the report or the source is at fault.
            Unavailable: patience ended; nothing is lost if the same is sent again.
        """
        return self._held(reporting(report, self._patience))

    def receipt(self, source: str, report_id: str, wait: float = 10) -> Receipt:
        """What became of a report; ``wait`` so many seconds for intake to come to it.

        Raises:
            Refused: with code ``unknown_report``, where there is no receipt by then.
            Unavailable: patience ended.
        """
        return self._held(asking(source, report_id, wait, self._patience))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _held(self, conversation: Conversation[T]) -> T:
        heard: Answer | Silence | None = None
        while True:
            try:
                step = conversation.send(heard)
            except StopIteration as ended:
                result: T = ended.value
                return result
            heard = self._done(step)

    def _done(self, step: Request | Delay) -> Answer | Silence | None:
        if isinstance(step, Delay):
            time.sleep(step.seconds)
            return None
        try:
            return _answer(self._http.request(step.method, step.path, content=step.body, headers=_JSON))
        except httpx2.TransportError as error:
            return _silence(error)


class AsyncClient:
    """The same as :class:`Client`, to be awaited."""

    def __init__(
        self, url: str, key: str | None = None, *, patience: Patience = _PATIENCE, timeout: float = 20
    ) -> None:
        self._patience = patience
        self._http = httpx2.AsyncClient(base_url=url, headers=_headers(key), timeout=timeout)

    async def report(self, report: Report) -> Accepted:
        """As :meth:`Client.report`."""
        return await self._held(reporting(report, self._patience))

    async def receipt(self, source: str, report_id: str, wait: float = 10) -> Receipt:
        """As :meth:`Client.receipt`."""
        return await self._held(asking(source, report_id, wait, self._patience))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.close()

    async def _held(self, conversation: Conversation[T]) -> T:
        heard: Answer | Silence | None = None
        while True:
            try:
                step = conversation.send(heard)
            except StopIteration as ended:
                result: T = ended.value
                return result
            heard = await self._done(step)

    async def _done(self, step: Request | Delay) -> Answer | Silence | None:
        if isinstance(step, Delay):
            await asyncio.sleep(step.seconds)
            return None
        try:
            return _answer(await self._http.request(step.method, step.path, content=step.body, headers=_JSON))
        except httpx2.TransportError as error:
            return _silence(error)


def _headers(key: str | None) -> dict[str, str]:
    return {} if key is None else {"authorization": f"Bearer {key}"}


def _answer(response: httpx2.Response) -> Answer:
    return Answer(
        response.status_code, {name.lower(): value for name, value in response.headers.items()}, response.content
    )


def _silence(error: httpx2.TransportError) -> Silence:
    return Silence(
        f"no answer from {error.request.url.host}:{error.request.url.port or ''}: {error or type(error).__name__}"
    )
