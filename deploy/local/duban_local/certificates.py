"""An authority of our own, which issues certificates for this machine: for trying TLS, and for the tests of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from duban_local import children
from duban_local.children import LOOPBACK

_HOLDS: Final = timedelta(days=7)


class Authority:
    """Signs certificates of a week for names; files lie in ``folder``, readable by their owner alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = children.closed(folder)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("Duban authority for trying")
        #: The certificate of the authority, for whoever is to believe in it.
        self.file = folder / "ca.pem"
        own = self._certificate(self._name, self._key, x509.BasicConstraints(ca=True, path_length=0))
        self._write(self.file, own.public_bytes(Encoding.PEM))

    def issue(self, name: str, host: str = LOOPBACK) -> Path:
        """A file with a new key and the certificate of ``name``, as client and as a server at ``host``."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host)), x509.DNSName("localhost")])
        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        certificate = self._certificate(_named(name), key, names, usages)
        file = self.folder / f"{name}.pem"
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._write(file, secret + certificate.public_bytes(Encoding.PEM))
        return file

    def _certificate(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + _HOLDS)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self._key, SHA256())

    def _write(self, file: Path, content: bytes) -> None:
        draft = file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_bytes(content)
        draft.rename(file)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
