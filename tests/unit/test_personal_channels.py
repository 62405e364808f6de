"""The laws of the channels to people, against real receivers on this machine that check what comes as others do."""

from __future__ import annotations

import hmac
import json
import ssl
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from aiosmtpd import smtp

from duban.clock import DrivenClock, SystemClock
from duban.errors import SettingsError, Unavailable
from duban.messages.contacts import ChannelKind, ContactWay, RegisteredContact
from duban.messages.envelope import Message
from duban.messages.notices import Notice
from duban.messages.struct import replace
from duban_escalation.__main__ import channels
from duban_escalation.contacts import each_way
from duban_escalation.notices.channels_file import Channels, ChannelsFile, read_channels
from duban_escalation.notices.contacts import PersonalChannel
from duban_escalation.notices.mail import MailChannel, MailRelay
from duban_escalation.notices.message_text import subject_of, text_of, within_bytes
from duban_escalation.notices.paced_client import PacedClient
from duban_escalation.notices.robots import RobotChannel
from duban_escalation.notices.webhook import NoticeRefused, PutOff, client
from duban_escalation.settings import EscalationSettings
from duban_local.certificates import Authority
from tests.given import notice
from tests.http_stub import HttpStub, Post, http_stub
from tests.mail_stub import Inbox, mail_server

WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRET = "SECe5a7"


def robots(stub: HttpStub, kind: str, secret: str | None = SECRET, **more: object) -> Channels:
    robot = {"kind": kind, "url": f"{stub.url}/robot/send?access_token=t0ken", "secret": secret, **more}
    return Channels.model_validate({"robots": {"office": robot}})


def robot_channel(kind: Any, listed: Channels, seconds: Callable[[], float] = lambda: 0.0) -> RobotChannel:
    http = client(allow_private=True, timeout=60, connections=2)
    clock = SystemClock()
    return RobotChannel(kind, lambda: listed, PacedClient(kind, http, clock, seconds, 60), clock)


def is_recent(stamp: str, unit: float) -> bool:
    return abs(int(stamp) / unit - datetime.now(UTC).timestamp()) < 3600


def dingtalk(post: Post) -> tuple[int, object]:
    """As DingTalk does: the stamp in milliseconds and the signature are in the address, the secret is the key."""
    stamp = post.query["timestamp"]
    signature = b64encode(hmac.digest(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), sha256)).decode()
    if post.query.get("sign") != signature or not is_recent(stamp, 1000) or post.query["access_token"] != "t0ken":
        return 200, {"errcode": 310000, "errmsg": "sign not match"}
    assert post.json["msgtype"] == "text"
    return 200, {"errcode": 0, "errmsg": "ok"}


def feishu(post: Post) -> tuple[int, object]:
    """As Feishu does: stamp and signature are in the body, the key is both together, and nothing is what is signed."""
    stamp = post.json.get("timestamp", "0")
    signature = b64encode(hmac.digest(f"{stamp}\n{SECRET}".encode(), b"", sha256)).decode()
    if post.json.get("sign") != signature or not is_recent(stamp, 1):
        return 200, {"code": 19021, "msg": "sign match fail or timestamp is not within one hour from current time"}
    assert post.json["msg_type"] == "text"
    return 200, {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}


def wecom(post: Post) -> tuple[int, object]:
    """As WeCom does: the key in the address is all there is, and a text has 2,048 bytes."""
    if post.query.get("access_token") != "t0ken":
        return 200, {"errcode": 93000, "errmsg": "invalid webhook url"}
    if len(post.json["text"]["content"].encode()) > 2048:
        return 200, {"errcode": 40058, "errmsg": "text.content exceed max length"}
    return 200, {"errcode": 0, "errmsg": "ok"}


PLATFORMS: dict[str, Callable[[Post], tuple[int, object]]] = {"dingtalk": dingtalk, "feishu": feishu, "wecom": wecom}


def said(post: Post) -> str:
    """The text that somebody was told, in the form of any platform."""
    content = post.json.get("text") or post.json["content"]
    return str(content.get("content") or content["text"])


@pytest.mark.parametrize("kind", PLATFORMS)
async def test_a_platform_takes_what_its_robot_says_with_the_signature_that_it_asks_for(kind: str) -> None:
    with http_stub(PLATFORMS[kind]) as stub:
        await robot_channel(kind, robots(stub, kind, prefix="督办 ")).send(notice(1), "office")
    (post,) = stub.posts
    assert post.path == "/robot/send"
    assert said(post) == "督办 SV-1\n迟"


@pytest.mark.parametrize("kind", ["dingtalk", "feishu"])
async def test_what_is_signed_otherwise_is_refused_though_the_status_is_200_and_no_secret_is_told(kind: str) -> None:
    with http_stub(PLATFORMS[kind]) as stub, pytest.raises(NoticeRefused) as refused:
        await robot_channel(kind, robots(stub, kind, secret="SECother")).send(notice(1), "office")
    assert refused.value.status in (310000, 19021)
    assert not any(secret in str(refused.value) for secret in ("SECother", "t0ken"))


@pytest.mark.parametrize(
    ("kind", "status", "answer", "error"),
    [
        ("dingtalk", 200, {"errcode": 130101, "errmsg": "send too fast"}, PutOff),
        ("wecom", 200, {"errcode": 45009, "errmsg": "api freq out of limit"}, PutOff),
        ("feishu", 200, {"code": 11232, "msg": "frequency limited"}, PutOff),
        ("dingtalk", 200, {"errcode": 400101, "errmsg": "access_token not exist"}, NoticeRefused),
        ("wecom", 200, {"errcode": 93000, "errmsg": "invalid webhook url"}, NoticeRefused),
        ("feishu", 200, {"code": 19024, "msg": "Key Words Not Found"}, NoticeRefused),
        ("wecom", 200, b"<html>please sign in</html>", Unavailable),
        ("feishu", 200, {"StatusCode": 0}, Unavailable),
        ("dingtalk", 200, [], Unavailable),
        ("dingtalk", 503, {"errcode": 0}, PutOff),
        ("wecom", 404, {"errcode": 0}, NoticeRefused),
    ],
)
async def test_an_answer_means_what_its_code_says_and_not_its_status(
    kind: str, status: int, answer: object, error: type[Exception]
) -> None:
    with http_stub(lambda post: (status, answer)) as stub, pytest.raises(error):
        await robot_channel(kind, robots(stub, kind)).send(notice(1), "office")


async def test_a_robot_is_asked_no_more_often_than_its_platform_bears() -> None:
    now = 0.0
    with http_stub(wecom) as stub:
        channel = robot_channel("wecom", robots(stub, "wecom"), lambda: now)
        for number in range(20):
            await channel.send(notice(number), "office")
        with pytest.raises(PutOff) as put_off:
            await channel.send(notice(20), "office")
        assert len(stub.posts) == 20
        now += put_off.value.retry_after or 0.0
        await channel.send(notice(20), "office")
    assert put_off.value.retry_after == pytest.approx(3.0)


async def test_a_text_is_cut_to_what_the_platform_takes_and_no_character_is_broken() -> None:
    long = replace(notice(1), data=replace(notice(1).data, text="水" * 3000))
    with http_stub(wecom) as stub:
        await robot_channel("wecom", robots(stub, "wecom")).send(long, "office")
    assert said(stub.posts[0]).endswith("水…")


async def test_a_title_calls_nobody_in_a_chat_of_feishu() -> None:
    loud = replace(notice(1), data=replace(notice(1).data, text='<at user_id="all"></at> SV-1'))
    with http_stub(feishu) as stub:
        await robot_channel("feishu", robots(stub, "feishu")).send(loud, "office")
    assert "<at" not in said(stub.posts[0])


async def test_a_robot_that_is_not_in_the_file_or_is_away_is_waited_for_and_no_address_is_told() -> None:
    with http_stub(wecom) as stub:
        listed = robots(stub, "wecom")
    for name, kind in (("nobody", "wecom"), ("office", "feishu"), ("office", "wecom")):
        with pytest.raises(Unavailable) as away:
            await robot_channel(kind, listed).send(notice(1), name)
        assert "t0ken" not in str(away.value)


# Short messages


def settings_with(tmp_path: Path, listed: dict[str, Any], **more: Any) -> EscalationSettings:
    file = tmp_path / "channels.yaml"
    file.write_text(json.dumps(listed), "utf-8")
    return EscalationSettings(channels=file, webhook_allow_private=True, **more)


async def channel_of(kind: ChannelKind, settings: EscalationSettings) -> PersonalChannel:
    return channels(settings)[kind]


async def test_a_short_message_goes_out_as_the_file_describes_the_request(tmp_path: Path) -> None:
    sms = {
        "form": {"To": "{to}", "Body": "{text}", "Ref": "{id}"}, "user": "AC1", "password": "pw", "longest": 20,
        "headers": {"x-tenant": "duban"}, "success": {"status": "queued"},
    }  # fmt: skip
    long = replace(notice(1), data=replace(notice(1).data, text="SV-1 {to}\n" + "水" * 300))
    with http_stub(lambda post: (201, {"status": "queued"})) as stub:
        channel = await channel_of(ChannelKind.SMS, settings_with(tmp_path, {"sms": {**sms, "url": stub.url}}))
        await channel.send(long, "+8613800000000")
    (post,) = stub.posts
    assert (post.form["To"], post.form["Ref"]) == ("+8613800000000", long.id)
    assert post.form["Body"] == "SV-1 ｛to} " + "水" * 9 + "…"
    assert (post.headers["x-tenant"], post.headers["authorization"]) == ("duban", "Basic QUMxOnB3")


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (200, {"result": [{"code": "isv.BLACK"}]}, NoticeRefused), (200, b"", NoticeRefused), (400, {}, NoticeRefused),
        (500, {}, PutOff), (429, {}, PutOff),
    ],
)  # fmt: skip
async def test_a_gateway_that_says_no_under_a_status_of_success_has_refused(
    tmp_path: Path, status: int, answer: object, error: type[Exception]
) -> None:
    sms = {"json": {"phones": ["{to}"], "text": "{text}"}, "success": {"result.0.code": "OK"}}
    with http_stub(lambda post: (status, answer)) as stub:
        channel = await channel_of(ChannelKind.SMS, settings_with(tmp_path, {"sms": {**sms, "url": stub.url}}))
        with pytest.raises(error):
            await channel.send(notice(1), "10086")
    assert stub.posts[0].json == {"phones": ["10086"], "text": "SV-1 迟"}


# Webhooks of contacts


async def test_the_webhook_of_a_contact_is_signed_by_its_own_secret_and_one_without_waits(tmp_path: Path) -> None:
    listed = {"webhooks": {"smallville/water": WEBHOOK_SECRET}}
    with http_stub(lambda post: (204, b"")) as stub:
        way = ContactWay(by=ChannelKind.WEBHOOK, to=f"{stub.url}/in")
        channel = await channel_of(ChannelKind.WEBHOOK, settings_with(tmp_path, listed))
        for unit in ("water", "north"):
            (one,) = each_way(RegisteredContact(jurisdiction="smallville", unit=unit, ways=(way,)), notice(1))
            if unit == "north":
                with pytest.raises(Unavailable, match="no secret signs to smallville/north"):
                    await channel.send(one, way.to)
            else:
                await channel.send(one, way.to)
    (post,) = stub.posts
    assert standardwebhooks.Webhook(WEBHOOK_SECRET).verify(post.body, post.headers)["data"]["number"] == "SV-1"


async def test_no_contact_leads_into_the_house_unless_that_is_meant(tmp_path: Path) -> None:
    with http_stub(lambda post: (204, b"")) as stub:
        listed = {"sms": {"url": stub.url, "json": {}}, "robots": {"office": {"kind": "wecom", "url": stub.url}}}
        settings = settings_with(tmp_path, listed).model_copy(update={"webhook_allow_private": False})
        for kind, to in ((ChannelKind.SMS, "10086"), (ChannelKind.WECOM, "office")):
            with pytest.raises(Unavailable, match="private"):
                await (await channel_of(kind, settings)).send(notice(1), to)
    assert not stub.posts


# The file


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("robots: {a: {kind: pigeon, url: s3cret}}", "robots.a.kind"),
        ("robots: {a: {kind: wecom}}", "robots.a.url"),
        ("sms: {url: s3cret}", "sms.url"),
        ("mail: s3cret", "mail"),
    ],
)
def test_a_file_of_channels_that_means_nothing_is_refused_by_the_place_and_no_secret_is_told(
    text: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "channels.yaml"
    file.write_text(text, "utf-8")
    monkeypatch.setenv("DUBAN_CHANNELS", str(file))
    with pytest.raises(SettingsError, match=place) as refused:
        EscalationSettings.load()
    assert "s3cret" not in str(refused.value)


def test_a_file_that_changes_is_read_anew_and_what_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "channels.yaml"
    listed = ChannelsFile(file)
    assert listed() == Channels()
    file.write_text("robots: {a: {kind: wecom, url: 'https://x.example/1'}}", "utf-8")
    assert set(listed().robots) == {"a"}
    file.write_text("robots: [", "utf-8")
    assert set(listed().robots) == {"a"}
    file.write_text("webhooks: {m/w: [whsec_a, whsec_b]}", "utf-8")
    assert (set(listed().robots), len(listed().webhooks["m/w"])) == (set(), 2)
    assert "whsec_a" not in repr(listed())


# Mail


def signs_in(
    server: smtp.SMTP, session: smtp.Session, envelope: smtp.Envelope, mechanism: str, data: Any
) -> smtp.AuthResult:
    is_right = isinstance(data, smtp.LoginPassword) and data.password == b"right"
    return smtp.AuthResult(success=is_right, handled=is_right)


def relay(port: int, **more: Any) -> MailRelay:
    return MailRelay(**{"host": "127.0.0.1", "port": port, "security": "none", "sender": "duban@example.org", **more})


def mail_channel(port: int, **more: Any) -> MailChannel:
    return MailChannel(relay(port, **more), DrivenClock(datetime(2026, 11, 30, 2, tzinfo=UTC)), 60)


async def test_a_notice_arrives_as_a_mail_that_a_person_reads_in_chinese() -> None:
    text = "督办通知\n市水利局：\n应于今日前签收，至今未办。"
    sent = replace(notice(1), data=replace(notice(1).data, text=text, number="绵污防办〔2022〕7号"))
    async with mail_server(inbox := Inbox()) as port:
        await mail_channel(port).send(sent, "li@example.org")
    (mail,) = inbox.mails
    assert (mail["subject"], mail["from"], mail["to"]) == (
        "绵污防办〔2022〕7号 督办通知", "duban@example.org", "li@example.org",
    )  # fmt: skip
    assert mail.get_content().replace("\r\n", "\n") == f"绵污防办〔2022〕7号\n{text}\n"
    assert (mail["message-id"], mail["auto-submitted"]) == (f"<{sent.id}@example.org>", "auto-generated")
    assert inbox.recipients == ["li@example.org"]
    assert max(map(len, inbox.raw[0].split(b"\r\n"))) <= 998
    assert inbox.raw[0].isascii()


async def test_a_title_adds_no_header() -> None:
    text = "督办\r\nBcc: all@example.org\r\n\r\nhello"
    sent = replace(notice(1), data=replace(notice(1).data, text="\x0b" + text, number="SV-1\r\nBcc: x@example.org"))
    async with mail_server(inbox := Inbox()) as port:
        await mail_channel(port).send(sent, "li@example.org")
    assert inbox.mails[0]["bcc"] is None
    assert inbox.recipients == ["li@example.org"]


@pytest.mark.parametrize(
    ("recipient", "data", "error"),
    [
        ("550 no such user", "250 OK", NoticeRefused), ("450 busy", "250 OK", PutOff),
        ("250 OK", "554 looks like spam", NoticeRefused), ("250 OK", "451 later", PutOff),
    ],
)  # fmt: skip
async def test_what_a_server_refuses_for_good_is_refused_and_what_it_puts_off_is_put_off(
    recipient: str, data: str, error: type[Exception]
) -> None:
    async with mail_server(Inbox(recipient, data)) as port:
        with pytest.raises(error):
            await mail_channel(port).send(notice(1), "li@example.org")


async def test_a_server_that_is_away_is_waited_for() -> None:
    async with mail_server(Inbox()) as port:
        pass
    with pytest.raises(Unavailable, match="cannot be reached"):
        await mail_channel(port).send(notice(1), "li@example.org")


# The server of the test leaves the socket of a handshake that was broken off to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")
@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_line_is_secured_and_whoever_shows_another_certificate_gets_no_mail_and_no_password(
    security: str, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue("mail"))
    inbox = Inbox()
    secured: dict[str, Any] = (
        {"tls": context, "auth_require_tls": False}
        if security == "tls"
        else {"tls_context": context, "require_starttls": True}
    )
    async with mail_server(inbox, authenticator=signs_in, auth_required=True, **secured) as port:
        signed_in = {"security": security, "user": "duban", "password": "right", "host": "localhost"}
        await mail_channel(port, authority=str(authority.file), **signed_in).send(notice(1), "li@example.org")
        with pytest.raises(Unavailable):
            await mail_channel(port, **signed_in).send(notice(1), "li@example.org")
        wrong = {**signed_in, "password": "wr0ng"}
        with pytest.raises(Unavailable, match="535"):
            await mail_channel(port, authority=str(authority.file), **wrong).send(notice(1), "li@example.org")
    assert len(inbox.mails) == 1
    assert "right" not in repr(relay(1, password="right"))


async def test_a_mail_without_a_sender_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUBAN_SMTP_HOST", "mail.example.org")
    with pytest.raises(SettingsError, match="DUBAN_SMTP_HOST needs it"):
        EscalationSettings.load()
    assert ChannelKind.MAIL not in channels(EscalationSettings(smtp_host=None))


# What is said


def message(text: str) -> Message[Notice]:
    return replace(notice(1), data=replace(notice(1).data, text=text))


def test_a_subject_is_one_line_and_a_text_names_its_record_once() -> None:
    assert subject_of(message("\n  督办通知 \n…").data) == "SV-1 督办通知"
    assert subject_of(message("").data) == "SV-1 河水"
    assert len(subject_of(message("水" * 500).data)) == 100
    assert text_of(message("SV-1 迟").data) == "SV-1 迟"
    assert text_of(message("迟").data) == "SV-1\n迟"
    assert "\x1b" not in text_of(message("\x1b[2J").data)


@pytest.mark.parametrize("most", [3, 4, 5, 6, 7, 30])
def test_a_cut_is_within_its_bytes_and_whole_characters(most: int) -> None:
    assert len(within_bytes("水清岸绿", most).encode()) <= most


def test_channels_are_read_from_nothing_as_none() -> None:
    assert read_channels("") == Channels()
