"""What is asked of the gateway, and when it is asked again. Pure: it yields requests and pauses, and hears answers."""

from __future__ import annotations

import json
import random
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote

from duban_client.errors import Refused, Unavailable
from duban_client.report import Report

T = TypeVar("T")
_REPORTS: Final = "/v1/reports"
#: What the same request may succeed after: too slow, too fast, or somebody behind the gateway is away.
_LATER: Final = frozenset((408, 429, 502, 503, 504))


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the gateway: its method, its path, and its body as JSON."""

    method: str
    path: str
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered; ``headers`` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer came: nobody listened, or the connection broke."""

    why: str


@dataclass(frozen=True, slots=True)
class Delay:
    """Do nothing for so many seconds."""

    seconds: float


#: Yields what is to be done next, is told what came of it, and returns what was wanted.
Conversation: TypeAlias = Generator[Request | Delay, Answer | Silence | None, T]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited for a server that cannot answer: ``seconds`` of pauses in all.

    The pauses double from ``first`` to ``most`` seconds, a little at random; a server that says ``Retry-After`` is
    believed.
    """

    seconds: float = 60
    first: float = 0.2
    most: float = 10

    def pause(self, nth: int, waited: float, retry_after: float | None = None) -> float | None:
        """The ``nth`` pause, from 0, after so many seconds ``waited``; None when patience has ended.

        ``retry_after``: for how long the server wants to be left alone.
        """
        left = self.seconds - waited
        if left <= 0:
            return None
        grown = min(self.most, self.first * 2.0 ** min(nth, 30)) * random.uniform(0.5, 1.0)  # noqa: S311
        return min(left, grown if retry_after is None else retry_after)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker has the report; ``problem_id`` is what it opens, unless it repeats a problem that is open.

    ``code`` is the reporter's claim code, where a secret came with the report: tell it them now, it is kept nowhere.
    """

    source: str
    id: str
    problem_id: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a report: ``outcome`` is accepted, attached (to a problem that it repeats) or refused.

    A refused one bears the ``code`` and the ``reason``.
    """

    source: str
    id: str
    outcome: str
    received_at: datetime
    problem_id: str | None = None
    code: str | None = None
    reason: str | None = None


def reporting(report: Report, patience: Patience) -> Conversation[Accepted]:
    """Hand in ``report``.

    Raises:
        Refused: the report or the source is at fault.
        Unavailable: patience ended.
    """
    request = Request("POST", _REPORTS, json.dumps(report.body(), ensure_ascii=False).encode())
    body = yield from _answered(request, patience)
    return Accepted(body["source"], body["id"], body["problem_id"], body.get("code"))


def asking(source: str, report_id: str, wait: float, patience: Patience) -> Conversation[Receipt]:
    """What became of a report, once intake has come to it, for which ``wait`` seconds of pauses are given.

    Raises:
        Refused: with code ``unknown_report``, there is no receipt yet, or never will be: the message says why.
        Unavailable: patience ended.
    """
    path = f"{_REPORTS}/{quote(source, safe='')}/{quote(report_id, safe='')}"
    coming, waited = Patience(seconds=wait, first=0.1, most=2), 0.0
    for nth in count():
        try:
            return _receipt((yield from _answered(Request("GET", path), patience)))
        except Refused as refused:
            pause = coming.pause(nth, waited) if refused.code == "unknown_report" else None
            if pause is None:
                raise
        yield Delay(pause)
        waited += pause
    raise AssertionError("counting never ends")


def _receipt(body: Mapping[str, Any]) -> Receipt:
    return Receipt(
        body["source"],
        body["id"],
        body["outcome"],
        datetime.fromisoformat(body["received_at"]),
        body.get("problem_id"),
        body.get("code"),
        body.get("reason"),
    )


def _answered(request: Request, patience: Patience) -> Conversation[dict[str, Any]]:
    """What a success says, however often ``request`` has to be made for it."""
    waited = 0.0
    for nth in count():
        answer = yield request
        assert answer is not None
        if isinstance(answer, Answer) and answer.status < 300:
            return _object(answer)
        if isinstance(answer, Answer) and answer.status not in _LATER:
            raise _refusal(answer)
        pause = patience.pause(nth, waited, _retry_after(answer))
        if pause is None:
            raise Unavailable(f"{_why(answer)}; send the same again later, under the same id")
        yield Delay(pause)
        waited += pause
    raise AssertionError("counting never ends")


def _retry_after(answer: Answer | Silence) -> float | None:
    """The seconds that the server wants to be left alone for."""
    header = answer.headers.get("retry-after", "") if isinstance(answer, Answer) else ""
    return float(header) if header.isdigit() else None


def _why(answer: Answer | Silence) -> str:
    if isinstance(answer, Silence):
        return answer.why
    return f"the gateway answers {answer.status}: {_refusal(answer)}"


def _refusal(answer: Answer) -> Refused:
    """The fault that ``answer`` tells of, or what it is where something else than a gateway of Duban answered."""
    try:
        error = _object(answer)["error"]
        return Refused(error["code"], error["message"], error.get("field"), answer.status)
    except (KeyError, TypeError, Refused):
        say = f"the answer {answer.status} is no fault of Duban's; is this the address of its gateway?"
        return Refused("not_duban", say, status=answer.status)


def _object(answer: Answer) -> dict[str, Any]:
    """The JSON object in ``answer``."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        say = "what answered speaks no JSON; is this the address of Duban's gateway?"
        raise Refused("not_duban", say, status=answer.status)
    return body
