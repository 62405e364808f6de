"""A server of others that a gateway goes to: its address."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from duban.io.settings import variable


def with_port(url: str, ports: Mapping[str, int], form: str, of: str) -> str:
    """``url`` with the port that its scheme has among ``ports``, where it names none.

    ``form``: how such an address is written; ``of``: how the settings of this server begin.

    Raises:
        ValueError: it is no such address, or tells a name or a password.
    """
    parts = urlsplit(url)
    if parts.scheme not in ports or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(f"should be {form}")
    if parts.username or parts.password:
        names = f"{variable(f'{of}_user')}, and {variable(f'{of}_password')}"
        raise ValueError(f"holds a name or a password; set {names}")
    return url if parts.port is not None else f"{parts.scheme}://{parts.hostname}:{ports[parts.scheme]}"
