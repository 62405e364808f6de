"""HTTP/1.1 of uvicorn, with limits on who is slow and on how many there are, and every refusal in the one shape.

uvicorn waits without end for a request that has begun, and for a client that reads its answer: some hundreds of
connections that send or read a byte now and then hold its memory and its files for good.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import ClassVar, Final

import h11
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from duban.io.faults import answer

#: The client has yet to send, by h11: the headers, or the rest of the body.
_ARRIVING: Final = (h11.IDLE, h11.SEND_BODY)
#: So much of a file comes at least, while others would have sent their whole request.
_SLOW_BYTES: Final = 64 * 1024
_UNANSWERED: Final = (h11.IDLE, h11.SEND_RESPONSE)


def within(seconds: float, most: int, slow: str | None = None) -> type[H11Protocol]:
    """The protocol under which a request has to be there, headers and body, ``seconds`` after it began.

    So long an answer may lie unread, too. When more than ``most`` are connected, the one is let go that has kept us
    waiting longest; while none does, whoever comes is. A body that is sent to a path below ``slow`` may take longer, as
    long as 64 KiB of it come in that time: a file over the line of a phone.
    """

    class Limited(_Limited):
        limit = seconds
        most_connections = most
        slow_path = slow
        line: ClassVar[dict[_Limited, None]] = {}

    return Limited


class _Limited(H11Protocol):
    limit: float
    most_connections: int
    slow_path: str | None
    #: Since the deadline was set.
    arrived = 0
    #: Every connection, by when it was last the server's turn.
    line: ClassVar[dict[_Limited, None]]
    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as its base
        super().connection_made(transport)
        self.line[self] = None
        if len(self.line) > self.most_connections:
            self._make_room()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()

    def data_received(self, data: bytes) -> None:
        self.arrived += len(data)
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self in self.line:
            del self.line[self]
            self.line[self] = None  # at its end
        self._expect_reading()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        self.line.pop(self, None)
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)

    def _make_room(self) -> None:
        """Let go of the connection on which we have waited longest, for a request or for its reader."""
        longest = next((other for other in self.line if other is not self and other.waits()), self)
        del self.line[longest]  # else whoever comes before it is gone would find it again
        longest.transport.abort()

    def waits(self) -> bool:
        """Whether it is the client's turn, to send or to read."""
        return self.conn.their_state in _ARRIVING or self.cycle is None or self.transport.get_write_buffer_size() > 0

    def _expect_reading(self) -> None:
        """Hang up on a client that has not taken what lies ready for it when the limit is over."""
        if self._unread is None and self.transport.get_write_buffer_size():
            self._unread = self.loop.call_later(self.limit, self._left_unread)

    def _left_unread(self) -> None:
        self._unread = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        self._refuse(answer(400, "not_http", f"{msg.rstrip('.')}: it is no HTTP/1.1, or its headers are too large"))

    def _watch(self) -> None:
        """Keep the deadline while a request arrives; between two requests uvicorn's own limit holds."""
        between = self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is not None
        if self.transport.is_closing() or between or self.conn.their_state not in _ARRIVING:
            self._rest()
        elif self._deadline is None:
            self._wait()

    def _wait(self) -> None:
        self.arrived = 0
        self._deadline = self.loop.call_later(self.limit, self._late)

    def _rest(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        if self.slow_path is not None and self.conn.their_state is h11.SEND_BODY and self.arrived >= _SLOW_BYTES:
            assert self.scope is not None
            if self.scope["path"].startswith(self.slow_path):
                self._wait()
                return
        if self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            self.transport.close()  # nothing was asked
            return
        say = f"the request has not arrived within the {self.limit:g} s of DUBAN_REQUEST_TIMEOUT; send it faster"
        self._refuse(answer(408, "too_slow", say))

    def _refuse(self, reply: Response) -> None:
        """Answer where no answer has begun, and hang up; the route that waits for the rest of the body is told."""
        if self.conn.our_state in _UNANSWERED:
            headers = [*reply.raw_headers, (b"connection", b"close")]
            reason = HTTPStatus(reply.status_code).phrase.encode()
            bodiless = self.conn.their_state is h11.SEND_BODY and self.scope["method"] == "HEAD"
            for event in (
                h11.Response(status_code=reply.status_code, headers=headers, reason=reason),
                h11.Data(data=b"" if bodiless else bytes(reply.body)),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()
