"""The laws of the deliverer: what is signed how, what the receiver's answers mean, who is told once."""

from __future__ import annotations

import asyncio
import json
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx2
import pytest
import standardwebhooks
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from duban.clock import DrivenClock
from duban.errors import SettingsError, Unavailable
from duban_escalation.notices.address_guard import Guard, is_public
from duban_escalation.notices.journal import Journal, NoticeOutcome, Outlet
from duban_escalation.notices.signature import Signer
from duban_escalation.notices.webhook import NoticeRefused, PutOff, Webhook, client
from duban_escalation.settings import EscalationSettings
from tests.given import notice

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + b64encode(bytes(range(32))).decode()


class Receiver:
    """A receiver inside the process: it gives the answers it is told to, one per request, then 204."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return httpx2.Response(self.answers.pop(0) if self.answers else 204, headers={"location": "http://10.0.0.1/"})

    @property
    def ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.requests]


def webhook(receiver: Callable[..., object], secrets: str = SECRET, instead: Outlet | None = None) -> Webhook:
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(receiver))  # type: ignore[arg-type]
    clock = DrivenClock(datetime.now(UTC))
    return Webhook(http, "https://receiver.example/notices", Signer.of(secrets), clock, instead or Journal())


def test_the_known_vector_of_standard_webhooks_is_reproduced() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = Signer.of(SECRET).headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("secret", [SECRET, OTHER])
async def test_while_secrets_change_receivers_verify_with_either(secret: str) -> None:
    receiver = Receiver()
    assert await webhook(receiver, f"{SECRET} {OTHER}").send(sent := notice(1)) == "posted"
    (request,) = receiver.requests
    body = standardwebhooks.Webhook(secret).verify(request.content, dict(request.headers))
    assert body["type"] == "duban.notice.issued"
    assert body["timestamp"] == AT.isoformat()
    assert body["data"]["text"] == "迟"
    assert request.headers["webhook-id"] == sent.id


async def test_a_body_that_was_tampered_with_does_not_verify() -> None:
    receiver = Receiver()
    await webhook(receiver).send(notice(1))
    (request,) = receiver.requests
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(request.content.replace(b"SV-1", b"SV-2"), dict(request.headers))


@pytest.mark.parametrize("secrets", ["", SECRET.removeprefix("whsec_"), "whsec_short", "whsec_%%%", f"{SECRET} whsec_"])
def test_a_secret_that_signs_nothing_is_refused_without_being_repeated(secrets: str) -> None:
    with pytest.raises(ValueError, match="secret") as refused:
        Signer.of(secrets)
    assert not any(part in str(refused.value) for part in secrets.split() if part != "whsec_")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
async def test_a_receiver_that_cannot_now_is_asked_again(status: int) -> None:
    hook = webhook(receiver := Receiver(status))
    with pytest.raises(Unavailable, match=str(status)):
        await hook.send(notice(1))
    assert await hook.send(notice(1)) == "posted"
    assert len(set(receiver.ids)) == 1


@pytest.mark.parametrize("error", [httpx2.ConnectError, httpx2.ReadTimeout, httpx2.RemoteProtocolError])
async def test_a_receiver_that_is_away_is_asked_again(error: type[httpx2.TransportError]) -> None:
    async def away(request: httpx2.Request) -> httpx2.Response:
        raise error("nobody there")

    with pytest.raises(Unavailable, match=error.__name__):
        await webhook(away).send(notice(1))


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413])
async def test_any_other_answer_refuses_the_notice_and_redirections_are_not_followed(status: int) -> None:
    hook = webhook(receiver := Receiver(status))
    with pytest.raises(NoticeRefused, match=str(status)) as refused:
        await hook.send(sent := notice(1))
    assert (refused.value.notice, refused.value.status) == (sent.id, status)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7.0), ("", None), ("soon", None), ("-3", None), ("٣", None), ("9" * 40, 999_999_999.0), ("date", 60.0)],
)
async def test_the_time_that_a_receiver_asks_for_is_read_as_a_number_or_a_date(
    said: str, seconds: float | None
) -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)

    async def busy(request: httpx2.Request) -> httpx2.Response:
        said_bytes = (in_a_minute if said == "date" else said).encode()
        return httpx2.Response(429, headers=[(b"retry-after", said_bytes)])

    with pytest.raises(PutOff, match="429") as put_off:
        await webhook(busy).send(notice(1))
    assert put_off.value.retry_after == (
        seconds if seconds is None else pytest.approx(seconds, abs=30 if said == "date" else 0)
    )


async def answered(lines: Callable[[asyncio.StreamWriter], Awaitable[None]], within: float = 60.0) -> NoticeOutcome:
    """What becomes of a notice that is posted to a server which answers with ``lines``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            await lines(writer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with client(allow_private=True, timeout=60, connections=1) as http:
            hook = Webhook(http, url, Signer.of(SECRET), DrivenClock(AT), Journal(), within)
            return await hook.send(notice(1))


async def test_an_answer_counts_though_its_body_is_cut_short() -> None:
    async def half(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        await writer.drain()

    assert await answered(half) == "posted"


async def test_an_answer_counts_though_its_body_never_ends() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n")
        while True:
            writer.write(bytes(65_536))
            await writer.drain()

    assert await answered(endless) == "posted"


async def test_an_answer_that_comes_drop_by_drop_is_not_waited_for_beyond_its_time() -> None:
    async def drops(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx: ")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    with pytest.raises(Unavailable, match="TimeoutError"):
        await answered(drops, within=0.2)


async def test_a_receiver_that_is_gone_is_never_asked_again_and_its_notices_are_logged(tmp_path: Path) -> None:
    hook = webhook(receiver := Receiver(410), instead=Journal(tmp_path / "notices.jsonl"))
    assert [await hook.send(notice(number)) for number in range(3)] == ["logged"] * 3
    assert len(receiver.requests) == 1
    lines = (tmp_path / "notices.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [notice(number).id for number in range(3)]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("127.0.0.1", False), ("10.1.2.3", False), ("0.0.0.0", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("224.0.0.1", False), ("::1", False), ("fe80::1", False),
        ("fd00::1", False), ("::ffff:127.0.0.1", False), ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False),
    ],
)  # fmt: skip
def test_only_addresses_of_the_open_internet_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


async def test_a_name_with_one_private_address_is_not_called() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["8.8.8.8", "10.0.0.1"]

    guard = Guard(httpx2.MockTransport(receiver := Receiver()), resolve)
    async with httpx2.AsyncClient(transport=guard) as http:
        with pytest.raises(Unavailable, match=r"10\.0\.0\.1.*DUBAN_WEBHOOK_ALLOW_PRIVATE"):
            await http.post("https://receiver.example/")
    assert receiver.requests == []


async def test_the_address_that_was_checked_is_the_one_that_is_called() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["8.8.8.8"]

    guard = Guard(httpx2.MockTransport(receiver := Receiver()), resolve)
    async with httpx2.AsyncClient(transport=guard) as http:
        await http.post("https://receiver.example/notices")
    (request,) = receiver.requests
    assert (request.url.host, request.headers["host"]) == ("8.8.8.8", "receiver.example")
    assert request.extensions["sni_hostname"] == "receiver.example"


def test_a_webhook_without_a_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUBAN_WEBHOOK_URL", "https://receiver.example/")
    with pytest.raises(SettingsError, match=r"DUBAN_WEBHOOK_SECRET: .*never posted unsigned"):
        EscalationSettings.load()
    monkeypatch.setenv("DUBAN_WEBHOOK_SECRET", "whsec_short")
    with pytest.raises(SettingsError, match=r"DUBAN_WEBHOOK_SECRET: .*24 to 64 bytes"):
        EscalationSettings.load()
    monkeypatch.setenv("DUBAN_WEBHOOK_SECRET", f"{SECRET} {OTHER}")
    assert EscalationSettings.load().webhook_url is not None


def own_authority(folder: Path) -> ssl.SSLContext:
    """A server's context whose certificate only itself vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem")
    return context


async def test_a_receiver_whose_certificate_the_system_does_not_trust_is_told_nothing_and_the_notice_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told.append(await reader.read(1))
        writer.close()

    # What the environment says counts for nothing: whoever sets it could else read every notice.
    context = own_authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "pem"))
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
        async with client(allow_private=True, timeout=60, connections=1) as http:
            untrusted = Webhook(http, url, Signer.of(SECRET), DrivenClock(AT), Journal())
            with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
                await untrusted.send(notice(1))
    assert told == []
