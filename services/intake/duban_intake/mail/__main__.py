"""The gateway of mail as a process: ``python -m duban_intake.mail``."""

from __future__ import annotations

from typing import Final

from duban.errors import SettingsError
from duban.io.evidence.reception import reception_of
from duban.io.secrets_file import SecretsFile
from duban.io.service import Shell, run_service
from duban.messages.report import Report
from duban_intake.gateway.batcher import Batching
from duban_intake.gateway.composition import report_door
from duban_intake.mail.door import MailDoor
from duban_intake.mail.lmtp import MailServer
from duban_intake.mail.poll import MailPoll
from duban_intake.mail.settings import MailSettings
from duban_intake.store import SCHEMA

HEALTH_PORT: Final = 8361
#: Seconds for one try to publish; a mail waits on where it is, and the same is tried again.
_PATIENCE: Final = 10.0


async def compose(shell: Shell[MailSettings]) -> None:
    """Wire the mailbox and the server to the sources and the broker."""
    settings = shell.settings
    keyring = settings.keyring()
    if keyring is None:
        raise SettingsError("DUBAN_VAULT_KEY is not set; who writes a mail is known, and goes into the vault alone")
    batching = Batching(shell.publisher.publish, _PATIENCE)
    reception = reception_of(settings)
    reports = await report_door(shell, batching.put, keyring, SecretsFile(None), reception=reception)
    door = MailDoor(reports, shell.publisher.publish, keyring, settings.max_record_bytes)
    server = MailServer(settings, door, beside=batching)
    shell.health.check("listening", lambda: server.listening)
    shell.run(server)
    if settings.mail_imap:
        poll = MailPoll(settings, door)
        shell.health.check("mailbox", lambda: poll.works)
        shell.health.fact("state of the mailbox", lambda: poll.state)
        shell.run(poll)


if __name__ == "__main__":
    run_service(
        "mail",
        MailSettings,
        compose,
        schema=SCHEMA,
        migrations="duban_intake.migrations",
        health_port=HEALTH_PORT,
        topics=[Report.TOPIC],
    )
