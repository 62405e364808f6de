"""TLS of our own servers and clients: certificates are those in the files now, and what cannot be used is told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from fastapi import FastAPI

from duban.errors import SettingsError
from duban.io.http import Http
from duban.io.settings import ServerSettings
from duban.io.tls import client_tls, server_tls, subject_of
from duban_local.certificates import Authority
from duban_local.children import free_port
from tests.conftest import eventually


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


async def seen(port: int, context: ssl.SSLContext) -> int:
    """The serial number of the certificate that a server shows."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(shown).serial_number


def serial_in(file: Path) -> int:
    return x509.load_pem_x509_certificate(file.read_bytes()).serial_number


@asynccontextmanager
async def serving(settings: ServerSettings) -> AsyncIterator[int]:
    """A server of ours, by its port."""
    app, port = FastAPI(), free_port()
    app.get("/")(lambda: "here")
    http = Http(app, settings, port, "DUBAN_PORT")
    running = asyncio.create_task(http.run())
    await eventually(lambda: http.listening or running.done())
    yield port
    http.stop()
    await running


async def test_a_server_shows_the_certificate_that_is_in_its_file_now(authority: Authority) -> None:
    file = authority.issue("gateway")
    client = client_tls(authority.file, settings="DUBAN_KAFKA")
    async with serving(ServerSettings(tls_certificate=file)) as port:
        assert await seen(port, client) == serial_in(file)
        authority.issue("gateway")  # anew, in its place
        assert await seen(port, client) == serial_in(file)
        good, file_before = serial_in(file), file.read_bytes()
        file.write_bytes(file_before[:300])  # half of it, as while it is written
        assert await seen(port, client) == good
        authority.issue("gateway")
        assert await seen(port, client) == serial_in(file) != good
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b'"here"')
        writer.close()


def test_under_the_loop_of_the_services_it_is_the_same(authority: Authority) -> None:
    uvloop.run(test_a_server_shows_the_certificate_that_is_in_its_file_now(authority))


async def test_a_client_knows_its_server_and_shows_who_it_is_now(authority: Authority, tmp_path: Path) -> None:
    shown: list[int] = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        shown.append(x509.load_der_x509_certificate(certificate).serial_number)
        writer.write(b"!")
        writer.close()

    asks = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.file)
    asks.load_cert_chain(authority.issue("broker"))
    asks.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=asks)
    port = server.sockets[0].getsockname()[1]
    file = authority.issue("duban-router")
    client = client_tls(authority.file, file, settings="DUBAN_KAFKA")
    expected = []
    for _ in range(2):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
        await reader.read()
        writer.close()
        expected.append(serial_in(file))
        authority.issue("duban-router")
    assert shown == expected
    stranger = client_tls(Authority(tmp_path / "another").file, file, settings="DUBAN_KAFKA")
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection("127.0.0.1", port, ssl=stranger)
    server.close()


def test_files_that_cannot_be_used_are_named_with_their_variables(authority: Authority, tmp_path: Path) -> None:
    file, other = authority.issue("a"), authority.issue("b")
    locked = tmp_path / "locked.pem"
    key = load_pem_private_key(file.read_bytes(), None)
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hush")))
    with pytest.raises(SettingsError, match=f"DUBAN_KAFKA_CA={tmp_path}/none: cannot be used: .*No such file"):
        client_tls(tmp_path / "none", settings="DUBAN_KAFKA")
    with pytest.raises(SettingsError, match=f"DUBAN_TLS_CERTIFICATE={file}, DUBAN_TLS_KEY={other}: cannot be used: .*"):
        server_tls(file, other, settings="DUBAN_TLS")
    with pytest.raises(SettingsError, match="the key has a pass phrase"):
        server_tls(file, locked, settings="DUBAN_TLS")


def test_a_certificate_says_its_name_as_a_broker_reads_it(authority: Authority) -> None:
    assert subject_of(authority.issue("duban-router")) == "CN=duban-router"


@pytest.mark.parametrize(("bind", "reached"), [("0.0.0.0", "127.0.0.2"), ("127.0.0.2", "127.0.0.2")])
async def test_a_server_listens_where_it_is_told(bind: str, reached: str) -> None:
    async with serving(ServerSettings(bind=bind)) as port:
        reader, writer = await asyncio.open_connection(reached, port)
        writer.write(f"GET / HTTP/1.1\r\nHost: {reached}:{port}\r\nConnection: close\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_an_address_that_is_none_of_this_machine_is_told() -> None:
    with pytest.raises(SettingsError, match=r"cannot listen on 192\.0\.2\.1:\d+; .* or DUBAN_BIND"):
        async with serving(ServerSettings(bind="192.0.2.1")):
            pass
