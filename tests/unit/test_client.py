"""The client for producers: what it says is what the engine reads, and it asks again only where that can help."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duban.messages import report as contract
from duban.messages.envelope import Message, decode, encode
from duban_client import Accepted, Contact, Evidence, Location, Patience, Refused, Report, Unavailable, sealed
from duban_client.conversation import Answer, Conversation, Delay, Request, Silence, asking, reporting
from duban_client.kafka import AsyncKafkaClient
from duban_client.report import TOPIC, TYPE
from duban_intake.domain import submitted
from duban_intake.gateway.request import Submission, read

OBSERVED = datetime(2026, 3, 1, 8, tzinfo=UTC)
TOLD = datetime(2026, 3, 1, 9, tzinfo=UTC)
FULL = Report(
    id="42",
    source="hotline",
    jurisdiction="mianyang",
    channel="mayor-hotline",
    title="河水发臭",
    text="桥下",
    category="river",
    matter="complaint",
    area="north",
    location=Location(31.46, 104.74),
    enterprise="Example Chemicals",
    observed_at=OBSERVED,
    time=TOLD,
    reply_form="written",
    evidence=(
        Evidence("https://example.org/1.jpg", "0" * 64, "photo"),
        Evidence("https://example.org/2.jpg", "1" * 64),
    ),
    attributes={"weather": "rain"},
    identity="named",
    handle="sha256:" + "2" * 64,
)
ACCEPTED = {"source": "hotline", "id": "42", "problem_id": "p", "status": "accepted", "status_url": "u", "later": 1}
RECEIPT = {"source": "hotline", "id": "42", "outcome": "accepted", "received_at": "2026-03-01T09:00:00Z", "later": 1}
PATIENCE = Patience(seconds=10, first=1, most=4)


def answer(status: int, said: Any = None, **headers: str) -> Answer:
    return Answer(status, headers, said if isinstance(said, bytes) else json.dumps(said).encode())


def fault(status: int, code: str, **headers: str) -> Answer:
    return answer(status, {"error": {"code": code, "message": "why", "field": "title"}}, **headers)


def held(conversation: Conversation[Any], *heard: Answer | Silence) -> tuple[Any, list[Request | Delay]]:
    """What ``conversation`` returns when it hears ``heard``, the last again and again; and its steps."""
    steps: list[Request | Delay] = [next(conversation)]
    answers = list(heard)
    while True:
        said = None if isinstance(steps[-1], Delay) else answers.pop(0) if len(answers) > 1 else answers[0]
        try:
            steps.append(conversation.send(said))
        except StopIteration as ended:
            return ended.value, steps


def pauses(steps: list[Request | Delay]) -> list[float]:
    return [step.seconds for step in steps if isinstance(step, Delay)]


def message(report: Report, **common: Any) -> Message[contract.Report]:
    """What the engine reads in the record that a client for Kafka makes of ``report``."""
    record = AsyncKafkaClient("nowhere", **{"source": "hotline", **common})._record(report)
    return decode(record["key"], record["value"], record["headers"], {TYPE: contract.Report})


def test_a_report_has_every_field_that_the_contract_has() -> None:
    own = {field.name for field in fields(Report)} - {"identity", "handle"} | {"reporter"}
    assert own == set(Submission.__struct_fields__)
    assert (TOPIC, TYPE) == (contract.Report.TOPIC, contract.Report.TYPE)


async def test_onto_the_topic_goes_what_the_gateway_would_put_there() -> None:
    handed = read({"content-type": "application/json"}, json.dumps(FULL.body()).encode(), TOLD)
    assert message(FULL) == handed.message == submitted("hotline", "42", handed.message.data, TOLD)
    record, ours = AsyncKafkaClient("nowhere", source="hotline")._record(FULL), encode(handed.message)
    assert record["key"] == ours.key
    assert {("ce_subject", b"42"), *record["headers"]} == set(ours.headers) | {("ce_time", TOLD.isoformat().encode())}
    assert handed.message.data.evidence[1] == contract.Evidence(uri="https://example.org/2.jpg", sha256="1" * 64)


async def test_the_client_says_what_a_report_leaves_out_and_names_what_nobody_says() -> None:
    said = message(Report(id="1", title="t"), jurisdiction="mianyang", channel="phone")
    assert (said.source, said.data.jurisdiction, said.data.channel) == ("hotline", "mianyang", "phone")
    other = message(Report(id="1", title="t", channel="app"), jurisdiction="mianyang", channel="phone")
    assert other.data.channel == "app"
    with pytest.raises(Refused, match="channel: report 1 names none") as missing:
        message(Report(id="1", title="t"), jurisdiction="mianyang")
    assert missing.value.field == "channel"


async def test_no_contact_goes_onto_a_topic_and_none_is_shown() -> None:
    confided = Report(id="1", title="t", contact=Contact(name="张三"), secret="12345678")
    with pytest.raises(Refused, match="hand this report in by HTTP"):
        message(confided, jurisdiction="mianyang", channel="phone")
    assert "张三" not in repr(confided)
    assert "12345678" not in repr(confided)
    assert confided.body()["contact"] == {"name": "张三"}
    shifted = Report(id="1", title="t", location=Location(39.9, 116.4), coordinates="gcj02")
    assert shifted.body()["coordinates"] == "gcj02"
    with pytest.raises(ValueError, match="in WGS 84 alone"):
        shifted.data()
    assert "coordinates" not in Report(id="1", title="t", coordinates="wgs84").data()
    with pytest.raises(ValueError, match="one of wgs84, gcj02, bd09"):
        Report(id="1", title="t", coordinates="mars")
    with pytest.raises(ValueError, match="secret=new_secret"):
        Report(id="1", title="t", contact=Contact(name="张三"))


def test_an_instant_bears_its_offset() -> None:
    with pytest.raises(ValueError, match="observed_at has no offset"):
        Report(id="1", title="t", observed_at=OBSERVED.replace(tzinfo=None))


def test_a_file_is_sealed_by_the_bytes_it_has(tmp_path: Any) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"abc")
    seal = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sealed(photo, "https://example.org/photo.jpg") == Evidence("https://example.org/photo.jpg", seal)


def test_a_report_is_sent_again_while_nobody_can_take_it() -> None:
    away = (Silence("refused"), fault(503, "unavailable"), answer(502, b"<html>"))
    accepted, steps = held(reporting(FULL, PATIENCE), *away, answer(202, ACCEPTED))
    assert accepted == Accepted("hotline", "42", "p")
    requests = [step for step in steps if isinstance(step, Request)]
    assert len(requests) == 4
    assert len(set(requests)) == 1
    assert all(low <= seconds <= 2 * low for low, seconds in zip((0.5, 1, 2), pauses(steps), strict=True))


def test_a_server_that_says_when_to_come_again_is_believed() -> None:
    _, steps = held(reporting(FULL, PATIENCE), fault(429, "too_fast", **{"retry-after": "7"}), answer(202, ACCEPTED))
    assert pauses(steps) == [7]


def test_what_has_to_be_mended_is_not_sent_again() -> None:
    with pytest.raises(Refused, match="title: why") as refused:
        held(reporting(FULL, PATIENCE), fault(400, "invalid"))
    assert (refused.value.code, refused.value.field, refused.value.status) == ("invalid", "title", 400)


@pytest.mark.parametrize("strange", [answer(404, b"<html>"), answer(200, b"<html>"), answer(599, b""), answer(404, {})])
def test_another_server_is_told_from_a_gateway(strange: Answer) -> None:
    with pytest.raises(Refused, match="is this the address of") as refused:
        held(reporting(FULL, PATIENCE), strange)
    assert refused.value.code == "not_duban"


@given(st.floats(0, 100), st.floats(0.01, 5), st.floats(0.01, 20), st.none() | st.integers(1, 50))
def test_patience_ends_and_is_used_up(seconds: float, first: float, most: float, wanted: int | None) -> None:
    headers = {} if wanted is None else {"retry-after": str(wanted)}
    conversation = reporting(FULL, Patience(seconds, first, most))
    steps: list[Request | Delay] = [next(conversation)]
    said = fault(503, "unavailable", **headers)
    with suppress(Unavailable):
        while True:
            steps.append(conversation.send(None if isinstance(steps[-1], Delay) else said))
    assert sum(pauses(steps)) == pytest.approx(seconds)
    assert all(type(one) is not type(next_) for one, next_ in pairwise(steps))


def test_what_stood_in_the_way_is_told_when_patience_ends() -> None:
    with pytest.raises(Unavailable, match=r"answers 503: title: why; send the same again later, under the same id"):
        held(reporting(FULL, PATIENCE), fault(503, "unavailable"))


def test_a_receipt_is_waited_for() -> None:
    unknown = fault(404, "unknown_report")
    receipt, steps = held(asking("hot/line", "4 2", 10, PATIENCE), unknown, unknown, answer(200, RECEIPT))
    assert (receipt.outcome, receipt.received_at) == ("accepted", TOLD)
    assert steps[0] == Request("GET", "/v1/reports/hot%2Fline/4%202")
    with pytest.raises(Refused) as refused:
        held(asking("hotline", "42", 1, PATIENCE), unknown)
    assert refused.value.code == "unknown_report"
    with pytest.raises(Refused) as other:
        held(asking("hotline", "42", 10, PATIENCE), fault(403, "other_source"))
    assert other.value.code == "other_source"
