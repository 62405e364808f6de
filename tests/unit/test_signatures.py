"""The laws of signed requests: what others sign is taken, and nothing that is changed, old, or signed by another."""

from __future__ import annotations

import hmac
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from standardwebhooks import Webhook

from duban.errors import Fault
from duban.io.secrets_file import SecretsFile
from duban.messages.sources import RegisteredSource
from duban_intake.sources.signatures import SCHEMES, check

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BODY = '{"title": "河水发臭"}'.encode()
SECRET, OTHER = "whsec_" + b64encode(b"k" * 24).decode(), "whsec_" + b64encode(b"o" * 24).decode()


def standard(secret: str, at: datetime = NOW, body: bytes = BODY) -> dict[str, str]:
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", at, body.decode()),
    }


def github(secret: str, body: bytes = BODY) -> dict[str, str]:
    return {"x-hub-signature-256": f"sha256={hmac.new(secret.encode(), body, sha256).hexdigest()}"}


def grafana(secret: str, at: datetime | None = None, body: bytes = BODY) -> dict[str, str]:
    stamp = {} if at is None else {"x-grafana-alerting-timestamp": str(int(at.timestamp()))}
    signed = body if at is None else f"{int(at.timestamp())}:".encode() + body
    return {**stamp, "x-grafana-alerting-signature": hmac.new(secret.encode(), signed, sha256).hexdigest()}


SIGNED = [("standard", standard), ("github", github), ("grafana", grafana)]
each = pytest.mark.parametrize(("scheme", "sign"), SIGNED)


def refusal(scheme: str, headers: dict[str, str], body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,)) -> str:
    with pytest.raises(Fault) as caught:
        check(scheme, secrets, headers, body, NOW)
    assert caught.value.status == 401
    return str(caught.value)


@each
def test_what_is_signed_by_the_secret_or_by_the_one_before_it_is_taken(scheme: str, sign: object) -> None:
    check(scheme, (SECRET,), sign(SECRET), BODY, NOW)  # type: ignore[operator]
    check(scheme, (OTHER, SECRET), sign(SECRET), BODY, NOW)  # type: ignore[operator]


@each
def test_what_is_changed_or_signed_by_another_or_not_at_all_is_401(scheme: str, sign: object) -> None:
    headers = sign(SECRET)  # type: ignore[operator]
    assert "compare the secrets" in refusal(scheme, headers, BODY + b" ")
    assert "compare the secrets" in refusal(scheme, headers, secrets=(OTHER,))
    refusal(scheme, {})
    refusal(scheme, dict.fromkeys(headers, ""))


def test_the_published_example_of_standard_webhooks_holds() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1a,bm9uZQ== v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    at = datetime.fromtimestamp(1614265330, UTC)
    check("standard", ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",), headers, b'{"test": 2432232314}', at)


@pytest.mark.parametrize("off", [timedelta(minutes=5, seconds=1), -timedelta(minutes=5, seconds=1)])
def test_a_signature_that_says_when_is_taken_for_five_minutes(off: timedelta) -> None:
    for scheme, headers in (("standard", standard(SECRET, NOW + off)), ("grafana", grafana(SECRET, NOW + off))):
        assert "set the clocks" in refusal(scheme, headers)
    near = NOW + off * 0.99
    check("standard", (SECRET,), standard(SECRET, near), BODY, NOW)
    check("grafana", (SECRET,), grafana(SECRET, near), BODY, NOW)


@pytest.mark.parametrize("stamp", ["", "soon", "-1", "9" * 30, "99999999999", "1.5", "²"])
def test_an_instant_that_is_none_is_401(stamp: str) -> None:
    refusal("standard", {**standard(SECRET), "webhook-timestamp": stamp})
    refusal("grafana", {**grafana(SECRET, NOW), "x-grafana-alerting-timestamp": stamp})


def test_a_signature_that_is_no_ascii_is_401() -> None:
    for scheme, (header, _) in SCHEMES.items():
        refusal(scheme, {**standard(SECRET), header: "v1,ünï \udcff"})


def test_without_a_secret_here_the_sender_is_told_to_come_again() -> None:
    with pytest.raises(Fault) as caught:
        check("github", (), github(SECRET), BODY, NOW)
    assert (caught.value.status, caught.value.code) == (503, "no_secret")


def test_every_scheme_that_a_source_may_have_is_there() -> None:
    known = {value for part in get_args(get_type_hints(RegisteredSource)["signature"]) for value in get_args(part)}
    assert known == SCHEMES.keys()


def test_the_file_of_secrets_is_read_anew_when_it_changes_and_holds_on_while_it_is_none(tmp_path: Path) -> None:
    file = tmp_path / "secrets.yaml"
    secrets = SecretsFile(file)
    assert secrets.of("a") == ()
    file.write_text("a: one\nb: [new, old]\n", "utf-8")
    assert (secrets.of("a"), secrets.of("b"), secrets.of("c")) == (("one",), ("new", "old"), ())
    file.write_text("a: {", "utf-8")
    assert secrets.of("a") == ("one",)
    file.write_text("a: another\n", "utf-8")
    assert (secrets.of("a"), secrets.of("b")) == (("another",), ())
    assert SecretsFile(None).of("a") == ()
