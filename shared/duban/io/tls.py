"""TLS on both sides of a connection, by PEM files that are read anew when they have changed.

Certificates are short-lived where they are issued by a machine. A connection is made by what stands in the files then;
those that are open go on as they are.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import structlog
from cryptography.x509 import load_pem_x509_certificate

from duban.errors import SettingsError

_log = structlog.get_logger(__name__)


class _Renewed(ssl.SSLContext):
    """A context that stands for the one made from the files as they are now.

    Files that cannot be used, as while they are being written, leave the one before in force, with a warning.
    """

    def __new__(cls, purpose: ssl.Purpose, *_: Any) -> Self:
        ours = ssl.PROTOCOL_TLS_CLIENT if purpose is ssl.Purpose.SERVER_AUTH else ssl.PROTOCOL_TLS_SERVER
        return super().__new__(cls, ours)

    def __init__(self, purpose: ssl.Purpose, ca: Path | None, certificate: Path | None, key: Path | None) -> None:
        self._purpose = purpose
        self._ca = ca
        self._certificate = certificate
        self._key = key
        self._seen = self._look()
        self._context = self._read()
        # What a library asks of a context before it uses it.
        self.check_hostname = False
        self.verify_mode = self._context.verify_mode
        self.check_hostname = self._context.check_hostname

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        return self._current().wrap_bio(*args, **options)

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        return self._current().wrap_socket(*args, **options)

    def _current(self) -> ssl.SSLContext:
        seen = self._look()
        if seen != self._seen:
            try:
                self._context = self._read()
            except (OSError, SettingsError) as error:
                _log.warning("certificates cannot be read anew", files=self._files, error=str(error))
            else:
                self._seen = seen
                _log.info("certificates read anew", files=self._files)
        return self._context

    @property
    def _files(self) -> list[str]:
        return [str(file) for file in (self._ca, self._certificate, self._key) if file is not None]

    def _look(self) -> Sequence[tuple[int, int] | None]:
        """How each file looks from outside; where one is not there, nothing."""
        return [_outside(Path(file)) for file in self._files]

    def _read(self) -> ssl.SSLContext:
        context = ssl.create_default_context(self._purpose, cafile=self._ca)
        if self._certificate is not None:
            context.load_cert_chain(self._certificate, self._key, password=_no_pass_phrase)
        return context


def client_tls(
    ca: Path | None, certificate: Path | None = None, key: Path | None = None, *, settings: str
) -> ssl.SSLContext:
    """How a client knows its server, by ``ca`` or the system's authorities, and shows who it is, if ``certificate``.

    ``settings``: how the variables begin that name the files.

    Raises:
        SettingsError: a file cannot be used.
    """
    return _made(ssl.Purpose.SERVER_AUTH, ca, certificate, key, settings)


def server_tls(certificate: Path | None, key: Path | None, *, settings: str) -> ssl.SSLContext | None:
    """How a server shows who it is; None where it has no certificate, and speaks in plain.

    Raises:
        SettingsError: a file cannot be used.
    """
    return None if certificate is None else _made(ssl.Purpose.CLIENT_AUTH, None, certificate, key, settings)


def subject_of(certificate: Path) -> str:
    """The name that ``certificate`` bears, as Kafka writes it: ``CN=duban-router,O=…``."""
    return load_pem_x509_certificate(certificate.read_bytes()).subject.rfc4514_string()


def _made(
    purpose: ssl.Purpose, ca: Path | None, certificate: Path | None, key: Path | None, settings: str
) -> ssl.SSLContext:
    try:
        return _Renewed(purpose, ca, certificate, key)
    except (OSError, SettingsError) as error:
        named = {"CA": ca, "CERTIFICATE": certificate, "KEY": key}
        files = ", ".join(f"{settings}_{name}={file}" for name, file in named.items() if file is not None)
        raise SettingsError(f"{files}: cannot be used: {error}; give PEM files that belong together") from None


def _outside(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def _no_pass_phrase() -> str:
    """Asked by OpenSSL for a key that is locked; without it, it would ask at a terminal."""
    raise SettingsError("the key has a pass phrase, and nobody is here to give it")
