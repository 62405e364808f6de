"""The gateway of mail beside a mail server of others: what it is done with is on our broker, who wrote in the vault."""

from __future__ import annotations

import asyncio
import imaplib
import json
import os
import shlex
import shutil
import smtplib
import ssl
import sys
from asyncio.subprocess import DEVNULL, Process
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from duban.io.settings import Settings
from duban.messages.report import Report
from duban_cli.connection import EVIDENCE
from duban_cli.system import System
from duban_console.kafka.topic_reader import records
from duban_intake.channels.mail import read_mail
from duban_local.children import free_port
from tests.commanding import Run, command_on
from tests.conftest import eventually
from tests.evidence import photo, seal
from tests.given import ROOT
from tests.snippets import snippet
from tests.unit.test_escalation_notices import own_authority

DOVECOT = shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(DOVECOT is None or os.getuid() != 0, reason="dovecot is not installed, or this is not root"),
]
KEY = {"DUBAN_VAULT_KEY": b64encode(bytes(32)).decode()}
MAILS = 30
PHOTO = photo()
DEAD = "duban.mail.v1.duban-mail.dlq"


@pytest.fixture
def duban(system: System, monkeypatch: pytest.MonkeyPatch) -> Run:
    return command_on(system, monkeypatch)


@dataclass(frozen=True)
class Dovecot:
    """A mail server with the mailbox ``report``."""

    port: int
    folder: Path

    def open(self) -> imaplib.IMAP4_SSL:
        context = ssl.create_default_context(cafile=self.folder / "pem")
        client = imaplib.IMAP4_SSL("localhost", self.port, ssl_context=context)
        try:
            client.login("report", "secret")
        except BaseException:
            client.shutdown()
            raise
        return client

    def put(self, mails: Iterable[bytes]) -> None:
        with self.open() as client:
            for mail in mails:
                client.append("INBOX", "", "", mail)

    def count(self, folder: str) -> int:
        with self.open() as client:
            state, found = client.select(folder, readonly=True)
            return int(found[0] or b"0") if state == "OK" else 0


@pytest.fixture
async def dovecot() -> AsyncIterator[Dovecot]:
    with TemporaryDirectory(prefix="duban-mail-") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)  # noqa: ASYNC240 nothing else runs here
        (folder / "mail").mkdir()
        shutil.chown(folder / "mail", "nobody", "nogroup")
        own_authority(folder)
        (folder / "password").write_text("secret\n", "utf-8")
        (folder / "dovecot.conf").write_text(
            f"""
            protocols = imap
            base_dir = {folder}/run
            log_path = {folder}/log
            listen = 127.0.0.1
            ssl = required
            ssl_cert = <{folder}/pem
            ssl_key = <{folder}/pem
            mail_location = maildir:{folder}/mail/%u
            first_valid_uid = 1
            service imap-login {{
              inet_listener imap {{
                port = 0
              }}
              inet_listener imaps {{
                port = {port}
              }}
            }}
            passdb {{
              driver = static
              args = password=secret
            }}
            userdb {{
              driver = static
              args = uid=nobody gid=nogroup home={folder}/mail/%u
            }}
            """,
            "utf-8",
        )
        process = await asyncio.create_subprocess_exec(
            str(DOVECOT), "-F", "-c", folder / "dovecot.conf", stdout=DEVNULL, stderr=DEVNULL
        )
        server = Dovecot(port, folder)

        async def listens() -> bool:
            assert process.returncode is None, (folder / "log").read_text("utf-8")
            try:
                await asyncio.to_thread(server.count, "INBOX")
            except OSError:
                return False
            return True

        try:
            await eventually(listens)
            yield server
        finally:
            process.terminate()
            await process.wait()


@asynccontextmanager
async def gateway(
    system: System, dovecot: Dovecot, address: str, once: Callable[[], bool] | None = None
) -> AsyncIterator[tuple[int, Process]]:
    """The port of LMTP and the process, ``once`` that holds, else once it has looked into the mailbox."""
    health, port = free_port(), free_port()
    instead = {
        "mail.example.org:993": f"localhost:{dovecot.port}",
        "/run/secrets/mailbox": f"{dovecot.folder}/password",
        "report@city.example.org": address,
    }
    mailbox = dict(line.split("=", 1) for line in snippet("integrating.md", "mailbox", instead).splitlines())
    environment = {
        **KEY,
        **mailbox,
        "DUBAN_KAFKA": system.kafka,
        "DUBAN_DATABASE": system.stack.database_of("gateway"),
        "DUBAN_HEALTH_PORT": str(health),
        "DUBAN_MAIL_CA": f"{dovecot.folder}/pem",
        "DUBAN_MAIL_LMTP_PORT": str(port),
        "DUBAN_MAIL_POLL": "0.1",
        "DUBAN_EVIDENCE": str(system.folder / EVIDENCE),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "duban_intake.mail", env={**os.environ, **environment}, stdout=DEVNULL
    )

    async def ready() -> bool:
        assert process.returncode is None
        if once is not None:
            return await asyncio.to_thread(once)
        try:
            async with httpx2.AsyncClient(timeout=60) as client:
                return (await client.get(f"http://127.0.0.1:{health}/readyz")).status_code == 200
        except httpx2.TransportError:
            return False

    try:
        await eventually(ready)
        yield port, process
    finally:
        if process.returncode is None:
            process.terminate()
        code = await process.wait()
    assert code in (0, -9)


def letter(number: int, **headers: str) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = "王小明 <wang@example.org>"
    mail["To"] = "river@city.example.org"
    mail["Subject"] = f"河水发臭 {number}"
    mail["Message-ID"] = f"<{number}@pc-of-wang>"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("桥下河水发黑发臭", charset="gb18030")
    return mail


async def test_mails_come_in_once_from_a_mailbox_and_by_lmtp_though_the_gateway_is_killed_in_the_middle(
    duban: Run, system: System, dovecot: Dovecot, tmp_path: Path
) -> None:
    name = f"mailbox-{uuid4().hex[:8]}"
    address = f"{name}@city.example.org"
    mapping = tmp_path / "mail.yaml"
    mapping.write_text((ROOT / "docs/example-mail.yaml").read_text("utf-8").replace("report@city.example.org", address))
    instead = {"add mailbox": f"add {name}", "mianyang": "smallville", "docs/example-mail.yaml": str(mapping)}
    add = shlex.split(snippet("integrating.md", "mail source", instead))
    assert (await duban(*add[1:])).stdout == ""

    mails = [letter(number).as_bytes() for number in range(MAILS)]
    await asyncio.to_thread(dovecot.put, mails[: MAILS // 2])
    with_file = letter(MAILS)
    with_file.add_attachment(PHOTO, maintype="image", subtype="jpeg", filename="现场.jpg")
    away = letter(MAILS + 1, Auto_Submitted="auto-replied")
    async with gateway(system, dovecot, address, once=lambda: dovecot.count("Reports") > 0) as (_, process):
        process.kill()
        await process.wait()
    await asyncio.to_thread(dovecot.put, mails[MAILS // 2 :])  # however fast it was, it had not come to these
    async with gateway(system, dovecot, address) as (port, _):
        await eventually(lambda: asyncio.to_thread(lambda: dovecot.count("Reports") >= MAILS))
        (tmp_path / "mail.eml").write_bytes(with_file.as_bytes())
        by_hand = snippet("integrating.md", "mail", {"8360": str(port), "report@city.example.org": address})
        process = await asyncio.create_subprocess_exec(*shlex.split(by_hand), cwd=tmp_path)
        assert await process.wait() == 0
        with smtplib.LMTP("127.0.0.1", port) as client:
            for sender, mail in (("wang@example.org", with_file), ("", away), ("", letter(MAILS + 2))):
                assert client.sendmail(sender, [address], mail.as_bytes()) == {}
            with pytest.raises(smtplib.SMTPRecipientsRefused, match="550"):
                client.sendmail("wang@example.org", ["nobody@city.example.org"], with_file.as_bytes())
        await duban("source", "off", name)

        def refused() -> bool:
            with smtplib.LMTP("127.0.0.1", port) as client:
                try:
                    client.sendmail("wang@example.org", [address], with_file.as_bytes())
                except smtplib.SMTPRecipientsRefused as error:
                    return error.recipients[address][0] == 450
            return False

        await eventually(lambda: asyncio.to_thread(refused))

    found = [one async for one in records(Settings(kafka=system.kafka), [Report.TOPIC])]
    mine = [one for one in found if dict(one.headers)["ce_source"] == name.encode()]
    reports: dict[str, Any] = {}
    for one in mine:
        id_, data = dict(one.headers)["ce_id"].decode(), json.loads(one.value or b"")
        assert reports.setdefault(id_, data) == data
    assert reports.keys() == {read_mail(letter(number).as_bytes()).id for number in range(MAILS + 1)}
    shown = reports[read_mail(with_file.as_bytes()).id]
    assert (shown["title"], shown["text"], shown["category"]) == (f"河水发臭 {MAILS}", "桥下河水发黑发臭", "river")
    assert [(piece["title"], piece["uri"].removeprefix("evidence:")) for piece in shown["evidence"]] == [
        ("现场.jpg", seal(PHOTO))
    ]
    assert b"wang" not in b"".join((one.value or b"") + repr(one.headers).encode() for one in mine)
    dead = [one async for one in records(Settings(kafka=system.kafka), [DEAD])]
    assert [dict(one.headers)["duban.dlq.code"] for one in dead] == [b"auto_reply", b"bounce"]
    assert b"wang" not in (dead[0].value or b"")
    assert await opened(dead[0].value or b"") == away.as_bytes()


async def opened(sealed: bytes) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "duban_intake.mail.letter", env={**os.environ, **KEY}, stdin=-1, stdout=-1
    )
    out, _ = await process.communicate(sealed)
    assert process.returncode == 0
    return out
