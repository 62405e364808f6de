"""What listens for others than HTTP clients speaks TLS where it has a certificate, and by the one in its file now."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

import pytest
import uvloop

from duban.errors import SettingsError
from duban.io.health import Health
from duban.io.settings import Settings
from duban.io.tls import client_tls, server_tls
from duban_intake.gateway.batcher import Batching
from duban_intake.hj212.door import Door
from duban_intake.hj212.registry import Registry
from duban_intake.hj212.settings import Hj212Settings
from duban_intake.mail.lmtp import MailServer
from duban_intake.mail.settings import MailSettings
from duban_local.certificates import Authority
from tests.conftest import eventually
from tests.unit.test_io_tls import seen, serial_in

Listener: TypeAlias = Callable[[Path | None], AbstractAsyncContextManager[int]]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


async def nothing(_: Any) -> None:
    """Has whatever it is given."""


@asynccontextmanager
async def run(part: Any) -> AsyncIterator[int]:
    """A part of a service that listens, by its port."""
    running = asyncio.create_task(part.run())
    await eventually(lambda: part.listening or running.done())
    try:
        yield part.port
    finally:
        part.stop()
        await running


@asynccontextmanager
async def health(file: Path | None) -> AsyncIterator[int]:
    settings = Settings(health_tls_certificate=file)
    served = Health("router")
    tls = server_tls(settings.health_tls_certificate, settings.health_tls_key, settings="DUBAN_HEALTH_TLS")
    try:
        yield await served.start("127.0.0.1", 0, tls=tls)
    finally:
        await served.stop()


def hj212(file: Path | None) -> AbstractAsyncContextManager[int]:
    settings = Hj212Settings(hj212_port=0, drain_timeout=2, hj212_tls_certificate=file)
    return run(Door(settings, lambda: Registry([]), nothing, nothing, beside=Batching(nothing, 5)))


class TakingDoor:
    """Takes every mail to ``report@city.example.org``."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def source(self, address: str) -> Any:
        return SimpleNamespace(is_off=False) if address.startswith("report@") else None

    def wait(self, _: Any) -> float:
        return 0.0

    async def take(self, _: Any, raw: bytes, sender: str | None = None) -> str:
        self.taken.append(raw)
        return "report"


def lmtp(file: Path | None, door: TakingDoor | None = None) -> AbstractAsyncContextManager[int]:
    settings = MailSettings(mail_lmtp_port=0, drain_timeout=2, mail_tls_certificate=file)
    return run(MailServer(settings, door or TakingDoor(), beside=Batching(nothing, 5)))  # type: ignore[arg-type]


async def probed(port: int, context: ssl.SSLContext | None) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


async def shows_the_certificate_that_is_in_its_file_now(listener: Listener, authority: Authority) -> None:
    file = authority.issue("server")
    client = client_tls(authority.file, settings="DUBAN_KAFKA")
    async with listener(file) as port:
        shown = [await seen(port, client)]
        expected = [serial_in(file)]
        authority.issue("server")
        shown.append(await seen(port, client))
        assert shown == [*expected, serial_in(file)]
        assert len(set(shown)) == 2
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")  # whoever speaks in plain is not heard
        with suppress(ConnectionError):
            assert not (await reader.read()).startswith(b"HTTP")
        writer.close()


@pytest.mark.parametrize("listener", [health, hj212])
@pytest.mark.parametrize("loop", [asyncio.run, uvloop.run])
def test_a_listener_shows_the_certificate_that_is_in_its_file_now(
    listener: Listener, loop: Callable[[Any], None], authority: Authority
) -> None:
    loop(shows_the_certificate_that_is_in_its_file_now(listener, authority))


async def test_health_answers_over_tls_and_without_a_certificate_in_plain(authority: Authority) -> None:
    async with health(authority.issue("server")) as port:
        assert b'"alive":true' in await probed(port, client_tls(authority.file, settings="DUBAN_KAFKA"))
    async with health(None) as port:
        assert b'"alive":true' in await probed(port, None)


def handed_over(port: int, context: ssl.SSLContext | None) -> dict[str, tuple[int, bytes]]:
    """What a mail server is told for those of its recipients that are refused."""
    with smtplib.LMTP("127.0.0.1", port) as client:
        if context is not None:
            client.starttls(context=context)
        addresses = ["report@city.example.org", "nobody@city.example.org"]
        return client.sendmail("wang@example.org", addresses, b"Subject: smell\r\n\r\nIt smells.\r\n")


async def takes_mails_after_starttls_alone(authority: Authority) -> None:
    door, file = TakingDoor(), authority.issue("server")
    client = client_tls(authority.file, settings="DUBAN_KAFKA")
    async with lmtp(file, door) as port:
        with pytest.raises(smtplib.SMTPSenderRefused, match="530"):
            await asyncio.to_thread(handed_over, port, None)
        assert door.taken == []
        for number in (1, 2):
            refused = await asyncio.to_thread(handed_over, port, client)
            assert [(address, code) for address, (code, _) in refused.items()] == [("nobody@city.example.org", 550)]
            assert len(door.taken) == number
            stranger = client_tls(Authority(authority.folder / f"another-{number}").file, settings="DUBAN_KAFKA")
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.to_thread(handed_over, port, stranger)
            authority.issue("server")
    async with lmtp(None, door) as port:
        await asyncio.to_thread(handed_over, port, None)
        assert len(door.taken) == 3


@pytest.mark.parametrize("loop", [asyncio.run, uvloop.run])
def test_a_mail_server_begins_with_starttls_where_there_is_a_certificate(
    loop: Callable[[Any], None], authority: Authority
) -> None:
    loop(takes_mails_after_starttls_alone(authority))


def test_a_certificate_that_cannot_be_used_is_named_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"DUBAN_HJ212_TLS_CERTIFICATE=.*none: cannot be used"):
        hj212(tmp_path / "none")
    with pytest.raises(SettingsError, match=r"DUBAN_MAIL_TLS_CERTIFICATE=.*none: cannot be used"):
        lmtp(tmp_path / "none")
