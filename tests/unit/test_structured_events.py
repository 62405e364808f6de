"""CloudEvents in structured mode, as their specification has them: attributes of every type, data as JSON or bytes."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from duban.errors import Undecodable
from duban.messages.envelope import Message, decode
from duban.messages.report import Report

REPORT = {"jurisdiction": "north", "channel": "hotline", "title": "dust"}
EVENT = {"specversion": "1.0", "id": "1", "source": "s", "type": Report.TYPE, "data": REPORT}


def read(event: dict[str, Any]) -> Message[Report]:
    headers = [("content-type", b"application/cloudevents+json; charset=utf-8")]
    return decode(b"k", json.dumps(event).encode(), headers, {Report.TYPE: Report})


@pytest.mark.parametrize(
    ("extension", "text"), [("north", "north"), (12, "12"), (-1, "-1"), (True, "true"), (False, "false"), (None, "")]
)
def test_an_extension_may_be_a_text_an_integer_or_a_boolean_and_null_is_absent(extension: object, text: str) -> None:
    assert (
        read({**EVENT, "jurisdiction": extension, "sampled": True, "partitionkey": None, "n": 3}).jurisdiction == text
    )


def test_a_null_among_the_attributes_of_the_specification_is_absent() -> None:
    message = read({**EVENT, "subject": None, "time": None, "dataschema": None})
    assert message.subject == "1"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"id": 1}, "attribute id of the CloudEvent is not a text"),
        ({"subject": True}, "attribute subject of the CloudEvent is not a text"),
        ({"id": None}, "no id"),
        ({"n": 1.5}, "attribute n of the CloudEvent is not a text, an integer or a boolean"),
        ({"n": {"a": 1}}, "attribute n"),
        ({"n": ["a"]}, "attribute n"),
        ({"data_base64": "%"}, "data_base64"),
        ({"data_base64": 7}, "data_base64"),
    ],
)
def test_what_no_attribute_can_be_is_refused_by_name(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(Undecodable) as caught:
        read({**EVENT, **changed})
    assert says in caught.value.detail


def test_data_may_come_as_bytes_in_base64() -> None:
    event = {name: item for name, item in EVENT.items() if name != "data"}
    encoded = b64encode(json.dumps(REPORT).encode()).decode()
    assert read({**event, "data_base64": encoded}).data == read(EVENT).data
