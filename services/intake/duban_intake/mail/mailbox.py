"""A mailbox over IMAP: one call after the other, each of which may block; a thread of its own makes them."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from imapclient import SEEN, IMAPClient, SocketTimeout

from duban.io.tls import client_tls
from duban_intake.mail.settings import MailSettings

_TIMEOUT: Final = SocketTimeout(connect=10, read=60)


class Mailbox:
    """The mails of a folder that wait. Opened by ``with``; what fails is an OSError or an IMAPClient.Error."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self._user, _ = settings.mailbox()
        self._password = settings.renewed("mail_password")
        self._client: IMAPClient | None = None

    def __enter__(self) -> Self:
        host, port, secure = self._settings.server
        context = client_tls(self._settings.mail_ca, settings="DUBAN_MAIL") if secure else None
        client = IMAPClient(host, port, ssl=secure, ssl_context=context, timeout=_TIMEOUT)  # type: ignore[arg-type]
        self._client = client
        try:
            client.login(self._user, self._password())
            done = self._settings.mail_done_folder
            if done and not client.folder_exists(done):
                client.create_folder(done)
            client.select_folder(self._settings.mail_folder)
        except BaseException:
            self._client = None
            client.shutdown()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        try:
            if error is None:
                client.logout()
            else:
                client.shutdown()
        except (OSError, IMAPClient.Error):
            pass  # it is gone already

    def waiting(self) -> list[tuple[int, int]]:
        """The mails that wait, the oldest first: each by its number in the folder, and its size in bytes."""
        client = self._opened()
        numbers = client.search("ALL" if self._settings.mail_done_folder else "UNSEEN")
        if not numbers:
            return []
        sizes = client.fetch(numbers[:1_000], ["RFC822.SIZE"])
        return sorted((number, int(size[b"RFC822.SIZE"])) for number, size in sizes.items() if b"RFC822.SIZE" in size)

    def read(self, number: int, most: int) -> bytes | None:
        """At most so many bytes of a mail, which stays unseen; None where it has gone meanwhile."""
        parts = self._opened().fetch([number], [f"BODY.PEEK[]<0.{most}>"]).get(number)
        return None if parts is None else next((part for key, part in parts.items() if key.startswith(b"BODY[]")), None)

    def done(self, number: int) -> None:
        """Move a mail, or mark it as seen: it does not wait any more."""
        client, folder = self._opened(), self._settings.mail_done_folder
        client.add_flags([number], [SEEN])
        if not folder:
            return
        if client.has_capability("MOVE"):
            client.move([number], folder)
        else:
            client.copy([number], folder)
            client.delete_messages([number])
            client.uid_expunge([number])

    def hang_up(self) -> None:
        """Break off what is going on, from another thread."""
        if (client := self._client) is not None:
            client.shutdown()

    def _opened(self) -> IMAPClient:
        assert self._client is not None, "the mailbox is not open"
        return self._client
