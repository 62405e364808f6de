"""Whether a request is signed by who knows the secret of its source. Pure: the secrets come from elsewhere."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from typing import Final
from urllib.parse import parse_qsl

from duban.errors import Fault

#: How old, or how far ahead, a signature may be that says when it was made.
TOLERANCE: Final = timedelta(minutes=5)
_MOST_FIELDS: Final = 200
#: Schemes whose signatures are Base64, where capitals count; the others are hexadecimal.
_OF_BASE64: Final = ("standard", "twilio")
_STANDARD_PREFIX: Final = "whsec_"
_GRAFANA_TIMESTAMP: Final = "x-grafana-alerting-timestamp"


def check(
    scheme: str, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime, url: str = ""
) -> None:
    """Let a request to ``url`` through that is signed by ``scheme`` with one of ``secrets``.

    ``headers``: by lower-case name.

    Raises:
        Fault: 401, it is not, or too long ago to be told from one that is sent again; 503, no secret is known here.
    """
    if not secrets:
        say = "the secret of this source is not known here; it stands in the file of DUBAN_SOURCE_SECRETS"
        raise Fault(503, "no_secret", say)
    header, claims = SCHEMES[scheme]
    claimed = list(claims(secrets, headers, body, now, url))
    sent = headers.get(header, "").split()
    if scheme not in _OF_BASE64:
        sent = [text.lower() for text in sent]
    candidates = [given.encode(errors="replace") for given in sent]
    if not any(hmac.compare_digest(expected.encode(), given) for expected in claimed for given in candidates):
        say = f"the signature in {header} is not that of this body by its secret; compare the secrets on both sides"
        raise Fault(401, "bad_signature", say, header)


def _standard(
    secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime, url: str
) -> Iterator[str]:
    """Standard Webhooks, https://www.standardwebhooks.com."""
    id_, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    _fresh("webhook-timestamp", timestamp, now)
    for secret in secrets:
        try:
            key = b64decode(secret.removeprefix(_STANDARD_PREFIX), validate=True)
        except ValueError:
            key = secret.encode()
        signed = hmac.digest(key, b".".join((id_.encode(), timestamp.encode(), body)), sha256)
        yield f"v1,{b64encode(signed).decode()}"


def _github(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime, url: str) -> Iterator[str]:
    """As GitHub and many after it sign, without a time."""
    for secret in secrets:
        yield f"sha256={hmac.new(secret.encode(), body, sha256).hexdigest()}"


def _grafana(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime, url: str) -> Iterator[str]:
    """As a webhook of Grafana signs: the body, or the timestamp of its header and the body."""
    timestamp = headers.get(_GRAFANA_TIMESTAMP)
    if timestamp is not None:
        _fresh(_GRAFANA_TIMESTAMP, timestamp, now)
        body = f"{timestamp}:".encode() + body
    for secret in secrets:
        yield hmac.new(secret.encode(), body, sha256).hexdigest()


def _twilio(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime, url: str) -> Iterator[str]:
    """As Twilio signs: the address that it calls, and the fields of its form in the order of their names; no time."""
    try:
        fields = sorted(set(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)))
    except ValueError:
        return
    signed = url + "".join(f"{name}{text}" for name, text in fields)
    for secret in secrets:
        yield b64encode(hmac.digest(secret.encode(), signed.encode(), sha1)).decode()


def _fresh(header: str, timestamp: str, now: datetime) -> None:
    """Refuse what was signed too long ago, or ahead of the clock."""
    if not timestamp.isdecimal() or len(timestamp) > 11:
        raise Fault(401, "bad_signature", "should be the seconds since 1970 at which the request was signed", header)
    if abs(now - datetime.fromtimestamp(int(timestamp), UTC)) > TOLERANCE:
        say = f"the request was signed more than {TOLERANCE.seconds // 60} minutes from now; set the clocks, sign again"
        raise Fault(401, "bad_signature", say, header)


_Claims = Callable[[Sequence[str], Mapping[str, str], bytes, datetime, str], Iterator[str]]
#: In which header the signature of each scheme stands, and what stands there if it is right.
SCHEMES: Final[dict[str, tuple[str, _Claims]]] = {
    "standard": ("webhook-signature", _standard),
    "github": ("x-hub-signature-256", _github),
    "grafana": ("x-grafana-alerting-signature", _grafana),
    "twilio": ("x-twilio-signature", _twilio),
}
