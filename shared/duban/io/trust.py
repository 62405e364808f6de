"""Whom is believed of those who answer over TLS, but for Kafka and PostgreSQL, which have settings of their own."""

from __future__ import annotations

import ssl

import httpx2


def trust() -> ssl.SSLContext:
    """Those whom the system believes, and whom ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name besides.

    Left alone, a client reads these instead of the system's, and only the first of the two.
    """
    believed = httpx2.create_ssl_context(trust_env=False)
    believed.set_default_verify_paths()
    return believed
