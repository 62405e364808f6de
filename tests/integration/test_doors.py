"""The doors of the gateway, by the clients that a reader of docs/integrating.md would use, on one running engine."""

from __future__ import annotations

import asyncio
import functools
import hmac
import json
import re
import shlex
import shutil
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4
from xml.etree import ElementTree

import httpx2
import pytest
import yaml
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from georeport.georeport import GeoReport
from pagerduty import EventsApiV2Client

from duban.io.settings import Settings
from duban.messages.report import Report
from duban_cli.connection import SOURCE_SECRETS
from duban_cli.system import System
from duban_console.kafka.topic_reader import records
from duban_local.children import free_port
from tests.commanding import Run, command_on, lines
from tests.conftest import eventually
from tests.given import ROOT
from tests.snippets import snippet

pytestmark = pytest.mark.stack

REPORT = {"title": "河水发臭", "category": "river", "area": "north-town"}


@pytest.fixture
def duban(system: System, monkeypatch: pytest.MonkeyPatch) -> Run:
    return command_on(system, monkeypatch)


@pytest.fixture
def name() -> str:
    """A source of this test's own."""
    return f"hotline-{uuid4().hex[:8]}"


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def added(duban: Run, name: str, *options: object) -> str:
    """The key of a source that is registered now."""
    given = ("--jurisdiction", "smallville", "--channel", "hotline", *options)
    [done] = lines(await duban("source", "add", name, *given, "--json"))
    key: str = done["key"]
    return key


async def answered(call: Callable[[], Awaitable[httpx2.Response]], status: int, code: str | None = None) -> Any:
    """What ``call`` answers once the gateway has heard of a change: with this status, and this code of a fault."""
    async with asyncio.timeout(60):
        while True:
            answer = await call()
            if answer.status_code == status and (code is None or answer.json()["error"]["code"] == code):
                return answer.json()
            await asyncio.sleep(0.02)


async def test_a_source_is_registered_speaks_by_its_key_is_rotated_and_turned_off(
    duban: Run, gateway: httpx2.AsyncClient, name: str
) -> None:
    key = await added(duban, name, "--as", f"{name}/branch", "--max-body", 2_000)

    def send(by: str, **changed: Any) -> Callable[[], Awaitable[httpx2.Response]]:
        return lambda: gateway.post("/v1/reports", json={"id": "1", **REPORT, **changed}, headers=bearer(by))

    accepted = await answered(send(key), 202)
    assert (accepted["source"], accepted["id"]) == (name, "1")
    await answered(send(key, source=f"{name}/branch"), 202)
    refused = await answered(send(key, source="somebody"), 403, "other_source")
    assert f"use one of: {name}, {name}/branch" in refused["error"]["message"]
    await answered(send(key, jurisdiction="elsewhere"), 403, "other_jurisdiction")
    await answered(send(key, text="x" * 2_000), 413, "too_large")
    wrong = await send("duban_wrong")()
    assert (wrong.status_code, wrong.headers["www-authenticate"]) == (401, 'Bearer realm="duban"')
    # Nobody else is told what became of it, and nobody speaks under its name.
    path = f"/v1/reports/{name}/1"
    await answered(lambda: gateway.get(path, headers=bearer(key)), 200)
    await answered(lambda: gateway.get(path), 403, "other_source")
    await answered(lambda: gateway.post("/v1/reports", json={"id": "2", "source": name, **REPORT,
        "jurisdiction": "smallville", "channel": "hotline"}), 403, "other_source")  # fmt: skip

    [rotated] = lines(await duban("source", "rotate", name, "--json"))
    await answered(send(rotated["key"]), 202)
    await answered(send(key), 202)
    await duban("source", "rotate", name)
    await answered(send(key), 401, "unknown_key")
    await answered(send(rotated["key"]), 202)
    await duban("source", "off", name)
    await answered(send(rotated["key"]), 403, "source_off")
    await duban("source", "on", name)
    await answered(send(rotated["key"]), 202)
    [shown] = [source for source in lines(await duban("source", "ls", "--json")) if source["name"] == name]
    assert len(shown["keys"]) == 2
    assert key not in json.dumps(shown)


async def test_more_than_its_rate_is_429_and_says_when_to_go_on(
    duban: Run, gateway: httpx2.AsyncClient, name: str
) -> None:
    headers = bearer(await added(duban, name, "--rate", 1))

    async def send() -> httpx2.Response:
        return await gateway.post("/v1/reports", json={"id": "1", **REPORT}, headers=headers)

    await answered(send, 202)
    slowed = await send()
    assert slowed.status_code == 429
    rest = int(slowed.headers["retry-after"])
    assert 0 < rest <= 60  # of the minute, some seconds of which a slow machine has taken
    assert f"1 reports a minute; go on in {rest} s" in slowed.json()["error"]["message"]


async def test_sources_of_a_file_are_registered_all_or_none(
    duban: Run, tmp_path: Any, gateway: httpx2.AsyncClient, name: str
) -> None:
    made = json.loads((await duban("source", "key", "--json")).stdout)
    file = tmp_path / "sources.yaml"
    entry = f"{{name: {name}, jurisdiction: smallville, channel: hotline, keys: [{{sha256: {made['sha256']}, since: "
    file.write_text(f"sources:\n  - {entry}'{made['since']}'}}]}}\n", "utf-8")
    assert [one["action"] for one in lines(await duban("source", "apply", file, "--dry-run", "--json"))] == [
        "would be registered"
    ]
    assert [one["action"] for one in lines(await duban("source", "apply", file, "--json"))] == ["registered"]
    assert [one["action"] for one in lines(await duban("source", "apply", file, "--json"))] == ["stands as it is"]
    headers = bearer(made["key"])
    await answered(lambda: gateway.post("/v1/reports", json={"id": "1", **REPORT}, headers=headers), 202)
    with file.open("a", encoding="utf-8") as more:
        more.write(f"  - {{name: {name}-b, jurisdiction: smallville, names: [{name}]}}\n")
    refused = await duban("source", "apply", file, code=4)
    assert f"{name} would speak under {name}, which is {name}-b's" in refused.stderr


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("热线", "--jurisdiction", "smallville"), 2, "--name: should match the pattern"),
        (("x",), 4, "names no jurisdiction"),
        (("demo", "--open"), 4, "is registered already"),
    ],
)
async def test_a_source_that_cannot_be_is_refused_with_what_is_wrong(
    duban: Run, options: tuple[str, ...], code: int, says: str
) -> None:
    assert says in (await duban("source", "add", *options, code=code)).stderr


async def test_the_open_source_is_this_machines_and_nobodys_behind_a_proxy(
    gateway: httpx2.AsyncClient, name: str
) -> None:
    report = {"id": "1", "source": f"{name}/nobody", "jurisdiction": "smallville", "channel": "hotline", **REPORT}
    await answered(lambda: gateway.post("/v1/reports", json=report), 202)
    forwarded = {"x-forwarded-for": "203.0.113.7"}
    await answered(lambda: gateway.post("/v1/reports", json=report, headers=forwarded), 401, "no_key")
    page = {"origin": "https://page.example"}
    await answered(lambda: gateway.post("/v1/reports", json=report, headers=page), 403, "of_a_page")
    own_page = {"origin": str(gateway.base_url).rstrip("/")}  # such as the one that shows the document of the routes
    await answered(lambda: gateway.post("/v1/reports", json=report, headers=own_page), 202)


async def test_the_first_snippet_of_the_guide_works_as_it_stands(duban: Run, system: System, name: str) -> None:
    add = shlex.split(snippet("integrating.md", "source", {"hotline": name, "mianyang": "smallville"}))
    key = (await duban(*add[1:])).stdout.strip()
    instead = {"127.0.0.1:8310": system.urls["gateway"], "$KEY": key, "mianyang": "smallville"}
    answer = await curled(snippet("integrating.md", "report", {k: v for k, v in instead.items() if k != "mianyang"}))
    assert answer["source"] == name
    batch = snippet("integrating.md", "batch", {"127.0.0.1:8310": system.urls["gateway"], "$KEY": key, "hotline": name})
    assert len((await curled(batch))["accepted"]) == 1
    shifted = snippet("integrating.md", "shifted", {"127.0.0.1:8310": system.urls["gateway"], "$KEY": key})
    assert (await curled(shifted))["id"] == "46"


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")
async def test_kcat_puts_a_report_onto_the_topic(system: System, gateway: httpx2.AsyncClient, name: str) -> None:
    instead = {
        "127.0.0.1:29092": system.kafka, "mianyang": "smallville", "mayor-hotline": "hotline",
        "industrial-wastewater": "river", "hotline/42": f"{name}/42", "ce_source=hotline": f"ce_source={name}",
    }  # fmt: skip
    sent = await asyncio.create_subprocess_shell(snippet("integrating.md", "kcat", instead))
    assert await sent.wait() == 0
    await answered(lambda: gateway.get(f"/v1/reports/{name}/42"), 200)


async def test_orders_of_a_hotline_are_taken_and_the_bad_ones_named(
    duban: Run, system: System, gateway: httpx2.AsyncClient, name: str
) -> None:
    add = shlex.split(snippet("integrating.md", "orders source", {"12345": name, "mianyang": "smallville"}))
    add = [word if "/" not in word or word.startswith(".") else str(ROOT / word) for word in add]
    key = (await duban(*add[1:])).stdout.strip()
    instead = {"127.0.0.1:8310": system.urls["gateway"], "$KEY": key, "12345": name}
    answer = await curled(snippet("integrating.md", "orders", instead))
    assert [one["id"] for one in answer["accepted"]] == ["WO-1"]
    path = answer["accepted"][0]["status_url"].removeprefix(system.urls["gateway"])
    await answered(lambda: gateway.get(path, headers=bearer(key)), 200)

    async def sent(*orders: Any) -> httpx2.Response:
        return await gateway.post(f"/v1/sources/{name}", json={"data": {"orders": orders}}, headers=bearer(key))

    order = {"orderNo": "WO-2", "title": "noise", "callTime": "2026-03-01 08:00:00", "callerPhone": "13800000000"}
    mixed = await sent(order, {**order, "orderNo": "WO-3", "callTime": "soon"})
    assert (mixed.status_code, len(mixed.json()["accepted"])) == (202, 1)
    [bad] = mixed.json()["refused"]
    assert (bad["item"], bad["field"]) == (2, "callTime")
    none = await sent({**order, "callTime": "soon"})
    assert (none.status_code, none.json()["error"]["field"]) == (400, "callTime")
    other = await gateway.post("/v1/sources/demo", json={}, headers=bearer(key))
    assert (other.status_code, other.json()["error"]["code"]) == (403, "other_source")
    ours = await gateway.post("/v1/sources/demo", json={})
    assert (ours.status_code, ours.json()["error"]["code"]) == (422, "unusable_source")


async def test_a_short_message_is_taken_once_answered_as_its_gateway_expects_and_its_number_is_nowhere(
    duban: Run, system: System, gateway: httpx2.AsyncClient, name: str
) -> None:
    add = shlex.split(snippet("integrating.md", "sms source", {"add sms": f"add {name}", "mianyang": "smallville"}))
    add = [str(ROOT / word) if word.startswith("docs/") else word for word in add]
    key = (await duban(*add[1:])).stdout.strip()
    form = {"MessageSid": "SM1", "To": "12369", "From": "+8613800000000", "Body": "河水发臭"}

    async def taken() -> bool:
        return (await gateway.post(f"/v1/sources/{name}", data=form, headers=bearer(key))).status_code == 200

    await eventually(taken)
    answer = await gateway.post(f"/v1/sources/{name}", data=form, headers=bearer(key))
    assert (answer.text, answer.headers["content-type"]) == ("<Response/>", "text/xml; charset=utf-8")
    instead = {"127.0.0.1:8310/v1/sources/sms": f"{system.urls['gateway']}/v1/sources/{name}", "$KEY": key}
    assert (await shell(snippet("integrating.md", "sms", instead))).endswith("<Response/>")
    sent = [record async for record in records(Settings(kafka=system.kafka), [Report.TOPIC])]
    mine = [record for record in sent if dict(record.headers)["ce_source"] == name.encode()]
    [id_] = {dict(record.headers)["ce_id"] for record in mine}
    assert id_ != b"SM1"
    assert b"13800000000" not in b"".join((record.value or b"") + repr(record.headers).encode() for record in mine)
    refused = await gateway.post(f"/v1/sources/{name}", content=b"nothing", headers=bearer(key))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "not_a_form")


async def test_cloudevents_of_another_library_come_one_by_one_and_in_batches(
    duban: Run, gateway: httpx2.AsyncClient, name: str
) -> None:
    key = await added(duban, name)
    events = [
        CloudEvent(
            {"id": str(number), "source": name, "type": Report.TYPE, "datacontenttype": "application/json"}, REPORT
        )
        for number in range(3)
    ]
    for message in (to_binary_event(events[0]), to_structured_event(events[1], JSONFormat())):
        headers = {**message.headers, **bearer(key)}
        send = functools.partial(gateway.post, "/v1/reports", content=message.body, headers=headers)
        await answered(send, 202)
    batch = [json.loads(to_structured_event(event, JSONFormat()).body) for event in events]
    headers = {"content-type": "application/cloudevents-batch+json; charset=utf-8", **bearer(key)}
    answer = await gateway.post("/v1/reports", json=[*batch, {**batch[0], "source": "other"}], headers=headers)
    assert answer.status_code == 202
    assert [one["id"] for one in answer.json()["accepted"]] == ["0", "1", "2"]
    assert [(one["item"], one["field"]) for one in answer.json()["refused"]] == [(4, "source")]


async def test_a_sender_of_cloudevents_that_asks_first_is_told_how_much_it_may_send(
    duban: Run, system: System, gateway: httpx2.AsyncClient, name: str
) -> None:
    key = await added(duban, name, "--rate", 120)
    asks = {"webhook-request-origin": "events.example.org", "webhook-request-rate": "9000"}

    async def ask(path: str = "/v1/reports", **headers: str) -> httpx2.Response:
        return await gateway.request("OPTIONS", path, headers={**asks, **headers})

    await eventually(lambda: is_not(401, lambda: ask(**bearer(key))))
    consent = await ask(**bearer(key))
    assert consent.status_code == 200
    assert (consent.headers["webhook-allowed-origin"], consent.headers["webhook-allowed-rate"]) == (
        "events.example.org", "120",
    )  # fmt: skip
    assert consent.headers["allow"] == "POST"
    here = {"127.0.0.1:8310": system.urls["gateway"], "$KEY": key}
    told = (await shell(snippet("integrating.md", "handshake", here))).lower()
    assert "webhook-allowed-rate: 120" in told
    # Nobody else gets the consent: neither a stranger, nor a page in a browser that only asks for leave to post.
    page = gateway.request("OPTIONS", "/v1/reports", headers={"origin": "http://page.example"})
    for refused in (await ask(**bearer("wrong")), await ask(**{"webhook-request-origin": "https://x/"}), await page):
        assert not [header for header in refused.headers if "allowed-" in header or "access-control" in header]
    signs = ("--jurisdiction", "smallville", "--channel", "hotline", "--kind", "grafana", "--signature", "grafana")
    await duban("source", "add", f"{name}-s", *signs)
    path = f"/v1/sources/{name}-s"
    stranger = {**bearer("wrong")}
    await eventually(lambda: is_not(401, lambda: ask(path, **stranger)))
    assert (await ask(path, **stranger)).headers["webhook-allowed-rate"] == "*"
    await duban("source", "off", f"{name}-s")
    await eventually(lambda: is_not(200, lambda: ask(path)))


class BehindTls(httpx2.HTTPTransport):
    """Stands for the proxy that ends TLS before the gateway: this client of theirs insists on an address of https."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = request.url.copy_with(scheme="http")
        return super().handle_request(request)


ALERT: Any = {
    "status": "firing", "labels": {"alertname": "Ammonia"}, "annotations": {"summary": "氨氮超标"},
    "startsAt": "2026-03-01T08:00:00Z", "fingerprint": "c0ffee",
}  # fmt: skip


async def test_an_alert_told_again_is_noted_and_so_is_its_end(
    duban: Run, gateway: httpx2.AsyncClient, name: str
) -> None:
    key = await added(duban, name, "--kind", "alertmanager")

    async def told(**changed: Any) -> Any:
        group = {"alerts": [{**ALERT, **changed}]}
        return await answered(lambda: gateway.post(f"/v1/sources/{name}", json=group, headers=bearer(key)), 202)

    first = await told()
    [accepted] = first["accepted"]
    path = httpx2.URL(accepted["status_url"]).raw_path.decode()
    await answered(lambda: gateway.get(path, headers=bearer(key)), 200)
    again = await told(annotations={"summary": "still, and worse"})
    assert (again["accepted"], [one["what"] for one in again["noted"]]) == ([], ["goes on"])
    ended = await told(status="resolved")
    assert ended == {"accepted": [], "refused": [], "noted": [{"id": accepted["id"], "what": "ended"}]}
    assert (await answered(lambda: gateway.get(path, headers=bearer(key)), 200))["ended_at"]


async def test_a_manager_of_alerts_is_told_to_come_again_with_503_because_it_drops_what_is_429(
    duban: Run, gateway: httpx2.AsyncClient, name: str
) -> None:
    key = await added(duban, name, "--kind", "grafana", "--rate", 1)

    async def send() -> httpx2.Response:
        return await gateway.post(f"/v1/sources/{name}", json={"alerts": [ALERT]}, headers=bearer(key))

    await answered(send, 202)
    await answered(send, 503, "too_fast")


async def test_a_source_that_signs_needs_no_key_and_its_secret_is_the_gateways_alone(
    duban: Run, system: System, gateway: httpx2.AsyncClient, name: str
) -> None:
    options = ("--jurisdiction", "smallville", "--channel", "hotline", "--kind", "grafana", "--signature", "grafana")
    [done] = lines(await duban("source", "add", name, *options, "--json"))
    assert "key" not in done
    body = json.dumps({"alerts": [ALERT]}).encode()
    signature = hmac.new(b"a secret", body, "sha256").hexdigest()

    async def send(content: bytes = body) -> httpx2.Response:
        headers = {"x-grafana-alerting-signature": signature}
        return await gateway.post(f"/v1/sources/{name}", content=content, headers=headers)

    await answered(send, 503, "no_secret")
    (system.folder / SOURCE_SECRETS).write_text(f"{name}: a secret\n", "utf-8")
    assert len((await answered(send, 202))["accepted"]) == 1
    assert (await send(body + b" ")).json()["error"]["code"] == "bad_signature"


@pytest.mark.skipif(shutil.which("prometheus-alertmanager") is None, reason="prometheus-alertmanager is not installed")
async def test_a_real_alertmanager_reports_an_alert_once_however_often_it_tells_it(
    duban: Run, system: System, gateway: httpx2.AsyncClient, name: str, tmp_path: Path
) -> None:
    key = await added(duban, name, "--kind", "alertmanager")
    await answered(lambda: gateway.post(f"/v1/sources/{name}", json={"alerts": []}, headers=bearer(key)), 202)
    instead = {"http://127.0.0.1:8310": system.urls["gateway"], "/prometheus": f"/{name}", "KEY": key, "4h": "1s"}
    (tmp_path / "alertmanager.yml").write_text(snippet("integrating.md", "alertmanager", instead), "utf-8")
    port = free_port()

    async def reported() -> set[tuple[str, str]]:
        """The identities and titles of what has come of it, each once."""
        sent = [one async for one in records(Settings(kafka=system.kafka), [Report.TOPIC])]
        mine = [one for one in sent if dict(one.headers)["ce_source"] == name.encode()]
        return {(dict(one.headers)["ce_id"].decode(), json.loads(one.value or b"{}")["title"]) for one in mine}

    process = await asyncio.create_subprocess_exec(
        "prometheus-alertmanager", f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as manager:

            async def metric(which: str) -> float:
                text = (await manager.get("/metrics")).text
                [value] = re.findall(rf'^alertmanager_{which}{{integration="webhook"}} (\S+)', text, re.MULTILINE)
                return float(value)

            async def is_taken() -> bool:
                ids = {id_ for id_, _ in await reported()}
                paths = [f"/v1/reports/{name}/{quote(id_, safe='')}" for id_ in ids]
                found = [await gateway.get(path, headers=bearer(key)) for path in paths]
                return bool(found) and all(answer.status_code == 200 for answer in found)

            async def serves() -> bool:
                with suppress(httpx2.TransportError):
                    return (await manager.get("/-/ready")).status_code == 200
                return False

            await eventually(serves)
            for summary, resolved in (("氨氮超标", False), ("worse", False), ("over", True)):
                before = await metric("notifications_total")
                given = {"labels": {"alertname": "Ammonia"}, "annotations": {"summary": summary},
                         "startsAt": "2026-03-01T08:00:00Z"}  # fmt: skip
                ends = {"endsAt": "2026-03-01T09:00:00Z"} if resolved else {}
                assert (await manager.post("/api/v2/alerts", json=[{**given, **ends}])).status_code == 200

                async def notified(before: float = before) -> bool:
                    return await metric("notifications_total") > before

                await eventually(notified)
                await eventually(is_taken)  # until then, whatever is told is new
            assert await metric("notifications_failed_total") == 0
    finally:
        process.terminate()
        await process.wait()
    [(_, title)] = await reported()
    assert title == "氨氮超标"


async def test_the_client_of_pagerduty_triggers_and_resolves_and_a_trigger_after_that_is_another_report(
    duban: Run, system: System, gateway: httpx2.AsyncClient, name: str
) -> None:
    key = await added(duban, name, "--kind", "pagerduty")

    def send(routing_key: str = key, **event: Any) -> Awaitable[httpx2.Response]:
        return gateway.post("/v2/enqueue", json={"routing_key": routing_key, **event})

    bad = await answered(lambda: send(event_action="shout"), 400, "invalid")
    assert (bad["status"], bad["errors"][0][:13]) == ("invalid event", "event_action:")
    secure = system.urls["gateway"].replace("http:", "https:")
    client = EventsApiV2Client(key, base_url=secure, transport=BehindTls())

    async def trigger() -> str:
        return await asyncio.to_thread(client.trigger, "Disk full", "srv01", dedup_key="srv01/disk")

    async def became(of: str, ended: bool) -> bool:
        answer = await gateway.get(f"/v1/reports/{name}/{quote(of, safe='')}", headers=bearer(key))
        return (
            answer.status_code == 200
            and ("ended_at" in answer.json() and answer.json()["ended_at"] is not None) is ended
        )

    assert await trigger() == "srv01/disk"
    await eventually(lambda: became("srv01/disk", False))
    assert await trigger() == "srv01/disk"
    assert await asyncio.to_thread(client.resolve, "srv01/disk") == "srv01/disk"
    await eventually(lambda: became("srv01/disk", True))
    assert await trigger() == "srv01/disk"
    await eventually(lambda: became("srv01/disk/2", False))
    client.close()
    sent = [record async for record in records(Settings(kafka=system.kafka), [Report.TOPIC])]
    ids = [dict(record.headers)["ce_id"] for record in sent if dict(record.headers)["ce_source"] == name.encode()]
    assert sorted(ids) == [b"srv01/disk", b"srv01/disk/2"]
    wrong = await send("wrong", event_action="trigger")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "unknown_key")
    keyless = await gateway.post("/v2/enqueue", json={"event_action": "trigger"})
    assert (keyless.status_code, keyless.json()["error"]["field"]) == (401, "routing_key")


async def test_an_open311_client_reports_and_reads_what_has_become_of_it(
    duban: Run, system: System, gateway: httpx2.AsyncClient, name: str
) -> None:
    instead = {"city-app": name, "mianyang": "smallville", "mayor-hotline": "hotline"}
    add = shlex.split(snippet("integrating.md", "open311 source", instead))
    key = (await duban(*add[1:])).stdout.strip()
    form = {"content-type": "application/x-www-form-urlencoded"}
    fixmystreet = (ROOT / "tests/data/open311/fixmystreet.form").read_text("utf-8").strip()

    async def post(content: str, by: str = "xml", **headers: str) -> httpx2.Response:
        return await gateway.post(f"/open311/v2/requests.{by}", content=content, headers={**form, **headers})

    async def token_of(content: str) -> str:
        await eventually(lambda: is_not(403, lambda: post(content)))
        answer = await post(content)
        assert (answer.status_code, answer.headers["content-type"]) == (201, "text/xml; charset=utf-8")
        token = ElementTree.fromstring(answer.text).findtext("request/token")
        assert token is not None
        return token

    async def request_of(token: str) -> str:
        path = f"/open311/v2/tokens/{token}.xml"
        await eventually(lambda: is_not(404, lambda: gateway.get(path)))
        answer = await gateway.get(path)
        return ElementTree.fromstring(answer.text).findtext("request/service_request_id") or ""

    mine = fixmystreet.replace("api_key=KEY", f"api_key={key}")
    token = await token_of(mine)
    assert await token_of(mine) == token
    posted = await curled(snippet("integrating.md", "open311", {"127.0.0.1:8310": system.urls["gateway"],
                                                                "$KEY": key}))  # fmt: skip
    request = await request_of(token)
    await request_of(posted[0]["token"])

    # Their reading client, in both forms.
    secure = {"http://127.0.0.1:8310": system.urls["gateway"], "mianyang": "smallville"}
    code = snippet("integrating.md", "georeport", secure)
    read = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    lines_read = (await read.communicate())[0].decode()
    assert "Noise North county 20" in lines_read
    for output in ("json", "xml"):
        city = GeoReport(f"{system.urls['gateway']}/open311/v2", "smallville", output_format=output)
        listed = await asyncio.to_thread(city.get_service_list)
        assert [one["service_code"] for one in listed] == ["river", "noise", "other"]
        asked = await asyncio.to_thread(city.get_service_definition, "noise")
        assert asked["service_code"] == "noise"
        one = await asyncio.to_thread(city.get_service_request, request)
        assert (one["status"], one["agency_responsible"]) == ("open", "North county")
        assert one["expected_datetime"] > one["requested_datetime"]
        some = await asyncio.to_thread(city.get_service_requests, request)
        assert "test.user" not in json.dumps(some)
    discovery = (await gateway.get("/open311/discovery.json")).json()
    assert discovery["endpoints"][0]["url"] == f"{system.urls['gateway']}/open311/v2"
    # What came by another way is not shown, and the words of whoever reported it are not shown by a repetition.
    place = {"latitude": 31.4, "longitude": 104.7}
    other: Any = {"id": "1", "source": f"{name}/b", "jurisdiction": "smallville", "channel": "hotline", **REPORT}
    hidden = (await gateway.post("/v1/reports", json={**other, "location": place})).json()["problem_id"]
    await answered(lambda: gateway.get(f"/v1/reports/{quote(other['source'], safe='')}/1"), 200)
    for path, status, says in (
        (f"requests/{hidden}.json", 404, "no request of smallville"),
        (f"tokens/{hidden}.json", 404, "no request is known by this token"),
        ("services/unknown.json", 404, "service_code: is no service here; the list of services has: river"),
        ("services.json?jurisdiction_id=elsewhere", 404, "jurisdiction_id: is none of those served: smallville"),
        ("requests.json?start_date=2026-01-01", 400, "start_date: is no instant"),
    ):
        answer = await gateway.get(f"/open311/v2/{path}")
        [error] = answer.json()
        assert (answer.status_code, error["code"]) == (status, status), path
        assert says in error["description"]
    listed = (await gateway.get("/open311/v2/requests.json?jurisdiction_id=smallville")).json()
    assert request in {one["service_request_id"] for one in listed}
    assert hidden not in {one["service_request_id"] for one in listed}
    repeated = urlencode({"api_key": key, "service_code": "river", "description": "me too", "lat": 31.4, "long": 104.7})
    assert await request_of(await token_of(repeated)) == hidden

    async def shown() -> bool:
        return (await gateway.get(f"/open311/v2/requests/{hidden}.json")).status_code == 200

    await eventually(shown)
    [repetition] = (await gateway.get(f"/open311/v2/requests/{hidden}.json")).json()
    assert (repetition["description"], repetition["service_code"]) == ("River", "river")


async def test_what_an_open311_client_posts_in_vain_is_told_in_the_form_of_the_protocol(
    duban: Run, gateway: httpx2.AsyncClient, name: str
) -> None:
    key = await added(duban, name, "--kind", "open311")
    ours = await added(duban, f"{name}-b")
    good = {"api_key": key, "service_code": "noise", "address_string": "Main St 1"}

    async def post(**changed: str) -> tuple[int, str]:
        answer = await gateway.post("/open311/v2/requests.xml", data={**good, **changed})
        [error] = ElementTree.fromstring(answer.text) if answer.status_code != 201 else [ElementTree.Element("none")]
        assert error.findtext("code") in (None, str(answer.status_code))
        return answer.status_code, error.findtext("description") or ""

    async def knows() -> bool:
        return (await post())[0] == 201 and "no source of the kind" in (await post(api_key=ours))[1]

    await eventually(knows)
    for changed, status, says in (
        ({"api_key": ""}, 403, "api_key: is missing"),
        ({"api_key": "wrong"}, 403, "the key is no source's"),
        ({"service_code": ""}, 400, "service_code: is missing"),
        ({"service_code": "unknown"}, 404, "service_code: is no service here"),
        ({"jurisdiction_id": "elsewhere"}, 404, "jurisdiction_id: is none of those served"),
        ({"address_string": ""}, 400, "lat: no place is given"),
        ({"lat": "north", "long": "1"}, 400, "lat: should be a number"),
    ):
        answer = await post(**changed)
        assert (answer[0], answer[1][: len(says)]) == (status, says), changed
    as_json = await gateway.post("/open311/v2/requests.json", json=good)
    assert (as_json.status_code, as_json.json()[0]["code"]) == (415, 415)
    refused = await gateway.get("/open311/v2/services.pdf")
    assert (refused.status_code, refused.text[:5]) == (400, "<?xml")


async def test_a_source_is_given_a_secret_for_what_it_is_told_and_keeps_its_key(duban: Run, name: str) -> None:
    key = await added(duban, name)
    assert key
    given = shlex.split(snippet("integrating.md", "callback", {"set hotline": f"set {name}"}))
    [done] = lines(await duban(*given[1:], "--json"))
    assert done["action"] == "registered"
    assert done["callback_secret"].startswith("whsec_")
    [moved] = lines(await duban("source", "set", name, "--callback", "https://other.example/duban", "--json"))
    assert "callback_secret" not in moved
    [shown] = [source for source in lines(await duban("source", "ls", "--json")) if source["name"] == name]
    assert (shown["callback"], len(shown["keys"])) == ("https://other.example/duban", 1)
    assert "whsec_" not in json.dumps(shown)
    await duban("source", "set", name, "--no-callback")
    [shown] = [source for source in lines(await duban("source", "ls", "--json")) if source["name"] == name]
    assert "callback" not in shown
    for options in ((), ("--callback", "ftp://x"), ("--callback", "https://user@x/"), ("--callback", "x y")):
        await duban("source", "set", name, *options, code=2)


async def test_a_table_is_looked_at_first_and_then_taken_row_by_row_once(
    duban: Run, system: System, gateway: httpx2.AsyncClient, name: str, tmp_path: Path
) -> None:
    mapping = yaml.safe_load((ROOT / "docs/example-mapping.yaml").read_text("utf-8"))
    mapping |= {"source": name, "constants": {}, "values": {"category": {"*": "other"}, "area": {"*": ""}}}
    (tmp_path / "mapping.yaml").write_text(yaml.safe_dump(mapping), "utf-8")
    instead = {"desk": name, "linjiang ": "smallville ", "--as linjiang-hotline": "",
               "docs/example-mapping.yaml": str(tmp_path / "mapping.yaml")}  # fmt: skip
    key = (await duban(*shlex.split(snippet("integrating.md", "table source", instead))[1:])).stdout.strip()
    file = ROOT / "docs/example-reports.csv"
    here = {"127.0.0.1:8310": system.urls["gateway"], "desk": name, "$KEY": key, "docs/example-reports.csv": str(file)}
    command = snippet("integrating.md", "table", here)

    async def looked_at() -> Any:
        return json.loads(await shell(command))

    async def is_known() -> bool:
        return "error" not in await looked_at()

    await eventually(is_known)
    first = await looked_at()
    assert (first["new"], first["known"], first["refused"]) == (4, 0, 0)
    assert [row["report"]["title"] for row in first["rows"]][2] == "Rubble on the bank"

    async def upload(content: bytes, **asked: str) -> httpx2.Response:
        return await gateway.post(f"/v1/tables/{name}", content=content, params=asked, headers=bearer(key))

    content = file.read_bytes()
    other = await upload(content + b"5,soon,waste,,hotline,x\n", confirm=first["confirm"])
    assert (other.status_code, other.json()["error"]["code"]) == (409, "other_file")
    sent = [one async for one in records(Settings(kafka=system.kafka), [Report.TOPIC])]
    assert not [one for one in sent if dict(one.headers)["ce_source"] == name.encode()]
    taken = await upload(content, confirm=first["confirm"])
    assert (taken.status_code, [one["id"] for one in taken.json()["accepted"]]) == (202, ["1", "2", "3", "4"])

    async def all_known() -> bool:
        return bool((await looked_at())["known"] == 4)

    await eventually(all_known)
    mixed = content + b"5,soon,waste,,hotline,x\n6,2026-04-03 11:00,waste,,hotline,More\n"
    shown = (await upload(mixed)).json()
    again = (await upload(mixed, confirm=shown["confirm"])).json()
    assert [one["id"] for one in again["accepted"]] == ["6"]
    assert [(one["item"], one["field"]) for one in again["refused"]] == [(6, "seen")]
    assert [(one["id"], one["what"]) for one in again["noted"]] == [(id_, "taken before") for id_ in "1234"]
    sent = [one async for one in records(Settings(kafka=system.kafka), [Report.TOPIC])]
    mine = [dict(one.headers)["ce_id"] for one in sent if dict(one.headers)["ce_source"] == name.encode()]
    assert sorted(mine) == [b"1", b"2", b"3", b"4", b"6"]
    wrong = await upload(b"no table")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "not_a_table")
    # The same without a preview, as any source sends.
    plain = await gateway.post(f"/v1/sources/{name}", content=content, headers=bearer(key))
    assert (plain.status_code, len(plain.json()["accepted"])) == (202, 4)
    ours = await gateway.post("/v1/tables/demo", content=content)
    assert (ours.status_code, ours.json()["error"]["code"]) == (422, "unusable_source")


async def test_the_doctor_tells_what_was_refused_and_what_the_mapping_made_and_never_who_called(
    duban: Run, gateway: httpx2.AsyncClient, name: str
) -> None:
    assert "not registered" in (await duban("source", "doctor", f"{name}-b", code=3)).stderr
    mapping = ROOT / "docs/example-orders.yaml"
    key = await added(duban, name, "--kind", "orders", "--mapping", mapping)
    assert "never heard" in (await duban("source", "doctor", name)).stdout
    order = {"orderNo": "WO-1", "title": "河水发臭", "content": "请联系我,电话13800000000", "type": "水污染",
             "callTime": "2026-03-01 08:00:00", "caller": "王小明", "callerPhone": "13800000000"}  # fmt: skip

    async def sent(*orders: Any) -> httpx2.Response:
        return await gateway.post(f"/v1/sources/{name}", json={"data": {"orders": orders}}, headers=bearer(key))

    await answered(lambda: sent({**order, "callTime": "soon"}), 400, "invalid")
    await answered(lambda: sent(order), 202)

    async def written() -> bool:
        [shown] = lines(await duban("source", "doctor", name, "--json"))
        return (shown["activity"] or {}).get("accepted") == 1

    await eventually(written)
    [shown] = lines(await duban("source", "doctor", name, "--json"))
    activity = shown["activity"]
    assert activity["refusals"][0]["field"] == "callTime"
    assert activity["shape"]["data"]["orders"][0]["caller"] == "a text of 3"
    [made] = activity["made"]
    assert (made["id"], made["title"], made["category"]) == ("WO-1", "a text of 4", "river")
    for text in (json.dumps(shown, ensure_ascii=False), (await duban("source", "doctor", name)).stdout):
        assert "王小明" not in text
        assert "13800000000" not in text


async def is_not(status: int, call: Callable[[], Awaitable[httpx2.Response]]) -> bool:
    """Whether ``call`` is answered otherwise."""
    return (await call()).status_code != status


async def shell(command: str) -> str:
    """What ``command``, which calls curl, prints."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    process = await asyncio.create_subprocess_exec("bash", "-c", command, stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0].decode()


async def curled(command: str) -> Any:
    """What the ``curl`` of a snippet answers, once the gateway knows its source."""
    async with asyncio.timeout(60):
        while True:
            if "unknown_key" not in (answer := await shell(command)):
                return json.loads(answer.partition("\r\n\r\n")[2])
            await asyncio.sleep(0.05)
