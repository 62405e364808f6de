"""The laws of short messages: whatever their gateway calls its fields, and nobody finds out whose number it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from duban.errors import Fault
from duban.messages import struct
from duban.messages.sources import RegisteredSource
from duban_intake.channels.columns import MappingError
from duban_intake.channels.items import Parsed
from duban_intake.channels.kinds import check, spoken
from duban_intake.sources import signatures
from duban_intake.vault.seal import Keyring, MasterKey
from tests.tools.document_tables import DOCS

AT = datetime(2026, 3, 1, tzinfo=UTC)


def source(example: str, **changed: Any) -> RegisteredSource:
    mapping = yaml.safe_load((DOCS / f"example-sms-{example}.yaml").read_text("utf-8"))
    return RegisteredSource(
        name="sms", kind="sms", jurisdiction="smallville", channel="hotline", mapping={**mapping, **changed}
    )


def parsed(of: RegisteredSource, body: bytes) -> Parsed:
    dialect, mapping = spoken(of) or pytest.fail("no dialect")
    return dialect.parse(body, mapping, AT)


@pytest.mark.parametrize(
    ("example", "body"),
    [
        (
            "twilio",
            urlencode({"MessageSid": "SM1", "From": "+8613800000000", "To": "12369", "Body": "河水发臭"}).encode(),
        ),
        (
            "tencent",
            json.dumps({"mobile": "+8613800000000", "text": "河水发臭", "time": 1772323200, "extend": "01"}).encode(),
        ),
        (
            "aliyun",
            json.dumps(
                [{"phone_number": "+8613800000000", "content": "河水发臭", "send_time": "2026-03-01 08:00:00"}]
            ).encode(),
        ),
    ],
)
def test_the_gateways_that_the_guide_names_are_understood(example: str, body: bytes) -> None:
    [entry] = parsed(source(example), body).entries
    assert entry.message.data.title == "河水发臭"
    assert entry.contact is not None
    assert entry.contact.phone == "+8613800000000"
    assert entry.message.data.observed_at in (None, AT)
    assert "13800000000" not in repr(entry.message)
    assert parsed(source(example), body).entries[0].message.id == entry.message.id


def test_two_people_who_write_the_same_at_once_are_two_reports() -> None:
    told = {"text": "河水发臭", "time": 1772323200}
    body = json.dumps([{**told, "mobile": number} for number in ("1", "2")]).encode()
    assert len({entry.message.id for entry in parsed(source("tencent"), body).entries}) == 2


def test_json_in_a_field_of_a_form_is_read_where_the_mapping_says_so() -> None:
    reply = json.dumps({"text": "河水发臭", "mobile": "1", "time": 1772323200})
    of = source("tencent", items="sms_reply")
    assert len(parsed(of, urlencode({"sms_reply": reply}).encode()).entries) == 1
    with pytest.raises(Fault) as caught:
        parsed(of, b"other=1")
    assert caught.value.field == "sms_reply"


@pytest.mark.parametrize("body", [b"", b"no form", b"\xff=1", b"{", b"a=1&" * 300])
def test_what_is_neither_json_nor_a_form_is_refused(body: bytes) -> None:
    with pytest.raises(Fault) as caught:
        parsed(source("twilio"), body)
    assert caught.value.status == 400


def test_an_answer_or_an_address_that_is_none_is_refused_with_the_source() -> None:
    check(source("twilio"))
    with pytest.raises(MappingError, match="answer"):
        check(source("twilio", answer={"type": "text/html"}))
    with pytest.raises(MappingError, match="url"):
        check(source("twilio", url="ftp://x"))
    with pytest.raises(MappingError, match="nothing fills title"):
        check(struct.replace(source("twilio"), mapping={}))


def test_an_alias_is_the_same_for_the_same_id_and_another_by_another_key() -> None:
    keyring, other = Keyring([MasterKey(b"k" * 32)]), Keyring([MasterKey(b"o" * 32)])
    assert keyring.alias("sms", "1") == keyring.alias("sms", "1")
    assert (
        len({keyring.alias("sms", "1"), keyring.alias("sms", "2"), keyring.alias("b", "1"), other.alias("sms", "1")})
        == 4
    )
    # A key that is put in front changes none.
    assert Keyring([MasterKey(b"n" * 32), MasterKey(b"k" * 32)]).alias("sms", "1") == keyring.alias("sms", "1")


#: The example of Twilio's own libraries.
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FIELDS = {
    "CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234", "From": "+14158675309",
    "To": "+18005551212",
}  # fmt: skip


@pytest.mark.parametrize(
    ("url", "fields", "signature", "is_right"),
    [
        (URL, FIELDS, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", True),
        (URL, FIELDS, "rsoydt4t1cutdk1pdd93/vvr8b8=", False),
        (URL[:-1], FIELDS, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", False),
        (URL, {**FIELDS, "Digits": "1235"}, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", False),
        (URL, FIELDS, "", False),
    ],
)
def test_twilio_signs_the_address_and_every_field(
    url: str, fields: dict[str, str], signature: str, is_right: bool
) -> None:
    body, headers = urlencode(fields).encode(), {"x-twilio-signature": signature}
    if is_right:
        signatures.check("twilio", ["other", "12345"], headers, body, AT, url)
        return
    with pytest.raises(Fault) as caught:
        signatures.check("twilio", ["12345"], headers, body, AT, url)
    assert caught.value.code == "bad_signature"
