"""The laws of call-backs: a source that wants to hear is told what becomes of its reports, by its own ids, signed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import standardwebhooks

from duban.clock import DrivenClock, SystemClock
from duban.errors import NotArrived, Unavailable
from duban.io.secrets_file import SecretsFile
from duban.messages import commands as do
from duban.messages import struct
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message, decode, encode
from duban.messages.events import LedgerEvent, event_id
from duban.messages.notices import NOTICES, Notice
from duban.messages.report import Filed
from duban.messages.sources import RegisteredSource
from duban.policy.library import Library
from duban_escalation.callbacks import CallbackSources
from duban_escalation.handlers import ProblemHandler
from duban_escalation.heard import HEARD
from duban_escalation.memory import MemoryDeadlines
from duban_escalation.notices.callbacks import Callbacks, callback_body
from duban_escalation.notices.journal import NoticeOutcome
from duban_escalation.notices.signature import Signer
from duban_escalation.notices.webhook import NoticeRefused, Webhook
from duban_escalation.sweep import Sweeper
from tests.given import INTAKE, Case, ledger_event, notice, report, rules_with, small_library
from tests.snippets import snippet
from tests.unit.test_escalation_handlers import Sent

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)
SECRET, OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
HOTLINE = RegisteredSource(
    name="hotline", jurisdiction="smallville", names=("12345",), callback="https://hotline.example/duban"
)
APP = RegisteredSource(name="app", jurisdiction="smallville", callback="https://app.example/duban")


class Engine:
    """Escalation over what befalls one problem, and the notices that sources were told."""

    def __init__(self, *sources: RegisteredSource, library: Library | None = None) -> None:
        self.callbacks = CallbackSources()
        for source in sources:
            self.callbacks.put(source)
        deadlines, clock = MemoryDeadlines(), DrivenClock(AT)
        sweeper = Sweeper(deadlines, Sent(), clock, 1000)
        self.handler = ProblemHandler(deadlines, library or small_library(), clock, sweeper, self.callbacks)
        self.case = Case(AT)
        self.heard = 0

    def file(
        self,
        id_: str,
        source: str = "12345",
        model: type[do.Register | do.Attach] = do.Register,
        continues: str | None = None,
    ) -> None:
        """Have a report filed under the problem."""
        reporter = {"identity": "named", "handle": "h-17"}
        told = report(title="Black water", enterprise="Acme", text="Li, 13800000000", reporter=reporter, area="north")
        told = struct.replace(told, continues=continues)
        filed = Filed(source=source, id=id_, received_at=self.case.now, report=told)
        self.case.apply(model(actor=INTAKE, filed=filed))

    async def told(self) -> list[Notice]:
        """What sources are told of what has befallen since."""
        return [message.data for message in await self.messages()]

    async def messages(self) -> list[Message[Notice]]:
        fresh, self.heard = self.case.events[self.heard :], len(self.case.events)
        deliveries = [self._delivered(ledger_event(event, self.case.record)) for event in fresh]
        records = [record for record in await self.handler(deliveries) if record.topic == Notice.TOPIC]
        notices = [decode(record.key, record.value, record.headers, NOTICES) for record in records]
        return [message for message in notices if message.data.report is not None]

    def _delivered(self, data: LedgerEvent) -> Delivery[Any]:
        """``data`` as escalation reads it of the topic."""
        subject = event_id(data.record.id, data.event.version)
        record = encode(Message(subject, "duban/router", self.case.id, AT, "smallville", self.case.id, data))
        return Delivery(decode(record.key, record.value, record.headers, HEARD), LedgerEvent.TOPIC, 0, 0, AT)


def words(notices: Sequence[Notice]) -> list[tuple[str, str | None, str]]:
    return [(told.recipient, told.report, told.event) for told in notices]


async def test_a_source_hears_of_its_report_from_registration_to_strike_off() -> None:
    engine = Engine(HOTLINE)
    engine.file("WO-1")
    assert words(await engine.told()) == [("hotline", "WO-1", "registered"), ("hotline", "WO-1", "dispatched")]
    engine.case.done(do.Acknowledge, "water")
    assert await engine.told() == []
    engine.case.done(do.Reply, "water", source="12345", id="WO-1", text="it is clean again")
    [answer] = await engine.told()
    assert (answer.event, answer.text, answer.source) == ("replied", "it is clean again", "12345")
    engine.case.done(do.Complete, "water", outcome="rectified", evidence=[{"uri": "file:///a", "sha256": "0" * 64}])
    engine.case.done(do.Verify, "office", passed=True)
    engine.case.signed().done(do.StrikeOff, "office")
    assert words(await engine.told()) == [("hotline", "WO-1", "struck_off")]


async def test_every_source_of_a_problem_hears_of_it_and_each_by_its_own_id_alone() -> None:
    engine = Engine(HOTLINE, APP)
    engine.file("WO-1")
    await engine.told()
    engine.file("a/7", "app", do.Attach)
    engine.file("n/1", "nobody", do.Attach)
    joined = await engine.told()
    assert words(joined) == [("app", "a/7", "attached")]
    assert joined[0].text == f"已并入{engine.case.problem.number}"
    engine.case.done(do.Reply, "water", source="nobody", id="n/1", text="for nobody else")
    assert await engine.told() == []
    engine.case.done(do.Acknowledge, "water")
    engine.case.done(do.Reject, "office", reason="between us")
    closed = await engine.messages()
    assert words([message.data for message in closed]) == [("hotline", "WO-1", "rejected"), ("app", "a/7", "rejected")]
    assert len({message.id for message in closed}) == 2
    assert "between us" not in repr(closed)


async def test_what_goes_on_with_a_report_is_no_further_one_and_tells_nothing_of_its_own() -> None:
    engine = Engine(HOTLINE)
    engine.file("WO-1")
    await engine.told()
    engine.file("WO-1/2", model=do.Attach, continues="WO-1")
    assert await engine.told() == []
    engine.case.done(do.Acknowledge, "water")
    engine.case.done(do.Reject, "office", reason="no")
    assert words(await engine.told()) == [("hotline", "WO-1", "rejected")]


async def test_what_a_source_is_told_names_nobody_and_repeats_no_words_of_another() -> None:
    engine = Engine(HOTLINE)
    engine.file("WO-1")
    for message in await engine.messages():
        told = json.loads(callback_body(message))
        assert told["data"]["category"] == "River"
        shown = f"{message!r} {told!r}"
        assert [word for word in ("Black water", "Acme", "Li,", "138", "h-17") if word in shown] == []


async def test_what_was_filed_before_is_not_told_nor_anything_to_one_that_is_off() -> None:
    engine = Engine(APP)
    engine.file("WO-1")
    assert await engine.told() == []
    engine.callbacks.put(HOTLINE)
    engine.file("WO-2", model=do.Attach)
    engine.file("a/7", "app", model=do.Attach)
    await engine.told()
    engine.callbacks.put(struct.replace(APP, is_off=True))
    engine.case.done(do.Acknowledge, "water")
    engine.case.done(do.Reject, "office", reason="no")
    assert words(await engine.told()) == [("hotline", "WO-2", "rejected")]


async def test_the_same_events_again_tell_the_same() -> None:
    engine = Engine(HOTLINE, APP)
    engine.file("WO-1")
    first = await engine.messages()
    engine.file("a/7", "app", do.Attach)
    first += await engine.messages()
    engine.heard = 0
    # A report that came later hears nothing of what was before it.
    assert [message.id for message in await engine.messages()] == [message.id for message in first]


async def test_a_pack_that_has_not_arrived_is_waited_for_where_somebody_is_to_be_told() -> None:
    engine = Engine(HOTLINE, library=Library())
    engine.file("WO-1")
    with pytest.raises(NotArrived, match="small@1"):
        await engine.told()
    nobody = Engine(library=Library())
    nobody.file("WO-1")
    assert await nobody.told() == []


@pytest.mark.parametrize(("title", "says"), [
    ({"en": "A small city"}, "SV-2022-0001 is not taken up: Before a court"),
    ({"en": "A small city", "zh": "小城"}, "SV-2022-0001不予受理: Before a court"),
])  # fmt: skip
async def test_a_rejection_says_on_which_ground_in_the_language_of_the_pack(title: dict[str, str], says: str) -> None:
    rejections = [{"id": "court", "title": {"en": "Before a court"}, "categories": ["river"], "basis": "practice"}]
    rules = rules_with(title=title, rejections=rejections)
    engine = Engine(HOTLINE)
    engine.case = Case(AT, title=title, rejections=rejections)
    engine.handler._library = FixedLibrary(rules)  # type: ignore[assignment]
    engine.file("WO-1")
    assert [told.text for told in await engine.told()][-1] == says


class FixedLibrary:
    def __init__(self, rules: Any) -> None:
        self.rules: Callable[[str], Any] = lambda _: rules


# The outlet


class Others:
    """The way of all other notices."""

    def __init__(self) -> None:
        self.sent: list[Message[Notice]] = []

    async def send(self, notice: Message[Notice]) -> NoticeOutcome:
        self.sent.append(notice)
        return "logged"


class Hotline:
    """The server of a source: it gives the answers it is told to, then 204."""

    def __init__(self, tmp_path: Path, *answers: int) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []
        self.others = Others()
        self.sources = CallbackSources()
        self.sources.put(HOTLINE)
        self.file = tmp_path / "secrets.yaml"
        self.file.write_text(f"hotline: {SECRET}\n", "utf-8")
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))

        def webhook(url: str, signer: Signer) -> Webhook:
            return Webhook(http, url, signer, SystemClock(), self.others, body=callback_body)

        self.way = Callbacks(self.sources.named, SecretsFile(self.file), webhook, self.others)

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return httpx2.Response(self.answers.pop(0) if self.answers else 204)

    def verified(self, secret: str) -> Any:
        """The latest request, if it is signed by ``secret``."""
        request = self.requests[-1]
        return standardwebhooks.Webhook(secret).verify(request.content, dict(request.headers))


def to_hotline(**changed: Any) -> Message[Notice]:
    plain = notice("WO-1", "hotline")
    fields = {"event": "dispatched", "source": "12345", "report": "WO-1", "lapse_at": plain.data.issued_at, **changed}
    return struct.replace(plain, data=struct.replace(plain.data, **fields))


async def test_a_source_is_posted_its_own_report_signed_by_its_own_secret(tmp_path: Path) -> None:
    hotline = Hotline(tmp_path)
    due = to_hotline().data.issued_at + timedelta(days=1)
    assert await hotline.way.send(message := to_hotline(lapse_at=due)) == "posted"
    body = hotline.verified(SECRET)
    request, printed = hotline.requests[0], io.StringIO()
    with redirect_stdout(printed):
        code = snippet("integrating.md", "verify", {})
        exec(code, {"secret": SECRET, "body": request.content, "headers": dict(request.headers)})
    assert printed.getvalue() == f"duban.report.dispatched 12345 WO-1 {message.data.text}\n"
    assert str(hotline.requests[0].url) == HOTLINE.callback
    assert hotline.requests[0].headers["webhook-id"] == message.id
    assert body["type"] == "duban.report.dispatched"
    data = body["data"]
    assert (data["source"], data["report"], data["status"]) == ("12345", "WO-1", "dispatched")
    assert data["expected_at"] == due.isoformat()


async def test_what_is_of_no_report_goes_the_other_way(tmp_path: Path) -> None:
    hotline = Hotline(tmp_path)
    assert await hotline.way.send(message := notice(1)) == "logged"
    assert hotline.others.sent == [message]


async def test_another_secret_in_the_file_signs_from_then_on_and_two_sign_together(tmp_path: Path) -> None:
    hotline = Hotline(tmp_path)
    await hotline.way.send(to_hotline())
    hotline.file.write_text(f"hotline: [{OTHER}, {SECRET}]\n", "utf-8")
    await hotline.way.send(to_hotline())
    assert hotline.verified(SECRET) == hotline.verified(OTHER)


@pytest.mark.parametrize("content", ["", "hotline: secret\n", "another: whsec_x\n"])
async def test_without_a_secret_it_waits_and_nothing_goes_out_unsigned(tmp_path: Path, content: str) -> None:
    hotline = Hotline(tmp_path)
    hotline.file.write_text(content, "utf-8")
    with pytest.raises(Unavailable, match="no secret signs to hotline: the file of DUBAN_CALLBACK_SECRETS"):
        await hotline.way.send(to_hotline())
    assert hotline.requests == []


async def test_a_server_that_is_away_is_asked_again_and_one_that_refuses_is_not(tmp_path: Path) -> None:
    hotline = Hotline(tmp_path, 503, 400)
    with pytest.raises(Unavailable):
        await hotline.way.send(to_hotline())
    with pytest.raises(NoticeRefused):
        await hotline.way.send(to_hotline())


async def test_a_source_that_wants_to_hear_no_more_is_told_nothing_and_its_reply_is_not_logged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hotline = Hotline(tmp_path)
    hotline.sources.put(struct.replace(HOTLINE, callback=None))
    assert await hotline.way.send(to_hotline(event="replied", text="only for the reporter")) == "logged"
    assert hotline.requests == []
    assert "only for the reporter" not in "".join(capsys.readouterr())
