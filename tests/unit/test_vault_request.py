"""The laws of what is confided to the gateway: read in all three forms, told apart from the report, never repeated."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest

from duban.errors import Fault
from duban.messages import struct
from duban.messages.envelope import encode
from duban.messages.handle import handle_of
from duban.messages.report import Report
from duban.messages.struct import from_data
from duban_intake.body import JSON
from duban_intake.gateway.door import claimed
from duban_intake.gateway.request import STRUCTURED, Handed, read
from duban_intake.vault.contact import Contact
from duban_intake.vault.seal import Keyring

NOW = datetime(2026, 3, 1, tzinfo=UTC)
REPORT = {"jurisdiction": "smallville", "channel": "hotline", "title": "黑臭水体"}
CONTACT = {"name": "王小明", "phone": "13800138000"}
SECRET = "correct horse"
BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "hotline", "ce-type": Report.TYPE}
KEYRING = Keyring.parse(b64encode(b"k" * 32).decode())


def plain(**changed: Any) -> Handed:
    body = {"source": "hotline", "id": "1", **REPORT, **changed}
    return read({"content-type": JSON}, json.dumps(body).encode(), NOW)


def binary(headers: dict[str, str] | None = None, **changed: Any) -> Handed:
    body = json.dumps({**REPORT, **changed}).encode()
    return read({"content-type": JSON, **BINARY, **(headers or {})}, body, NOW)


def structured(attributes: dict[str, str] | None = None, **changed: Any) -> Handed:
    event = {name[3:]: value for name, value in BINARY.items()}
    body = json.dumps({**event, **(attributes or {}), "data": {**REPORT, **changed}}).encode()
    return read({"content-type": STRUCTURED}, body, NOW)


FORMS = pytest.mark.parametrize("form", [plain, binary, structured])


@FORMS
def test_a_contact_is_read_in_every_form_and_is_no_part_of_the_report_my_02b(form: Any) -> None:
    handed = form(contact=CONTACT, secret="correct horse")
    assert handed.contact == Contact.model_validate(CONTACT)
    assert type(handed.message.data) is Report
    assert handed.message.data == from_data(REPORT, Report)
    record = encode(handed.message)
    published = b"".join([record.key, record.value, *(value for _, value in record.headers)])
    assert "黑臭水体".encode() in published
    for part in (*CONTACT.values(), "correct horse", "contact", "secret"):
        assert part.encode() not in published
    assert not any(part in repr(handed) for part in (*CONTACT.values(), "correct horse"))


@FORMS
def test_a_report_without_contact_is_what_it_was(form: Any) -> None:
    assert (form().contact, form().message.data) == (None, from_data(REPORT, Report))


@FORMS
@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"contact": {"phone": "13800138000" * 9}}, "contact.phone"),
        ({"contact": {"email": "13800138000"}}, "contact.email"),
        ({"contact": {"phone": 13800138000}}, "contact.phone"),
        ({"contact": {"13800138000": "x"}}, "contact"),
        ({"contact": {"1380 013 8000": "x"}}, "contact"),
        ({"contact": "13800138000"}, "contact"),
        ({"contact": ["13800138000"]}, "contact"),
        ({"contact": {}}, "contact"),
        ({"secret": "1380"}, "secret"),
        ({"secret": "13800138000" * 30}, "secret"),
        ({"secret": {"13800138000": 1}}, "secret"),
    ],
)
def test_a_fault_in_what_was_confided_names_our_field_and_repeats_nothing(
    form: Any, changed: dict[str, Any], field: str
) -> None:
    with pytest.raises(Fault) as caught:
        form(**changed)
    assert (caught.value.status, caught.value.field) == (400, field)
    told = f"{caught.value} {caught.value.field} {caught.value!r}"
    assert not any(part in told for part in ("1380", "8000"))


@pytest.mark.parametrize("name", ["contact", "secret"])
def test_what_is_confided_as_an_attribute_of_an_event_is_refused_not_passed_over(name: str) -> None:
    forms: list[tuple[Any, dict[str, str]]] = [
        (binary, {f"ce-{name}": "13800138000"}),
        (structured, {name: "13800138000"}),
    ]
    for form, attributes in forms:
        with pytest.raises(Fault, match="put it into the data") as caught:
            form(attributes)
        assert caught.value.field == name


def test_the_same_request_gives_the_same_code_however_it_is_spelt_and_in_whatever_form() -> None:
    told: dict[str, Any] = {"contact": CONTACT, "secret": SECRET}
    codes = {claimed(form(**told), KEYRING)[1] for form in (plain, plain, binary, structured)}
    assert len(codes) == 1
    again = plain(**{**told, "contact": dict(reversed(CONTACT.items()))}, text="")
    assert claimed(again, KEYRING)[1] in codes


def test_without_a_secret_there_is_no_code_and_no_contact_is_taken() -> None:
    assert claimed(plain(), KEYRING) == (plain().message, None)
    with pytest.raises(Fault, match="goes with a secret"):
        plain(contact=CONTACT)


def test_another_body_another_contact_or_another_secret_gives_another_code() -> None:
    others = [
        plain(secret=SECRET, **said)
        for said in ({}, {"title": "other"}, {"contact": CONTACT}, {"contact": {"name": "王小明"}}, {"id": "2"},
                     {"source": "mail"})
    ] + [plain(secret="correct house")]  # fmt: skip
    assert len({claimed(one, KEYRING)[1] for one in others}) == len(others)


def test_the_report_travels_under_the_handle_of_its_code() -> None:
    message, code = claimed(plain(reporter={"identity": "insider"}, secret=SECRET), KEYRING)
    assert code is not None
    assert struct.plain(message.data.reporter) == {"identity": "insider", "handle": handle_of(code)}
    assert code not in encode(message).value.decode()


def test_a_handle_of_its_own_stands_and_then_there_is_no_code() -> None:
    handed = plain(reporter={"handle": "our own"}, secret=SECRET)
    assert claimed(handed, KEYRING) == (handed.message, None)


def test_without_a_key_a_report_goes_on_as_it_is() -> None:
    assert claimed(plain(secret=SECRET), None) == (plain().message, None)
