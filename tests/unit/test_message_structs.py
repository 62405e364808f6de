"""Structs: what is no message is told in a person's words, and what is at its default is not written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from duban.messages import commands as do
from duban.messages.changes import HandedBack, Registered
from duban.messages.envelope import Unheeded
from duban.messages.events import KINDS
from duban.messages.records import Problem, record_from_json
from duban.messages.report import Report
from duban.messages.struct import canonical_json, flaw_of, from_data, from_json, plain, schemas, to_json
from duban.moves import Status
from duban_intake.domain import digest
from tests.given import Case

REPORT: dict[str, Any] = {"jurisdiction": "smallville", "channel": "hotline", "title": "foul water"}
AT = datetime(2022, 4, 6, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"title": None}, "title: should be a text, and is null"),
        ({"title": ""}, "title: should have at least 1 character"),
        ({"title": "x" * 301}, "title: should have at most 300 characters"),
        ({"title": "a\0"}, "title: has a NUL character in it"),
        ({"area": "north\n"}, "area: has a line break"),
        ({"colour": "red"}, "colour: is no field that is known here; use one of jurisdiction, channel, "),
        ({"reporter": {"name": "Li"}}, "reporter.name: is no field that is known here; use one of identity, handle"),
        ({"reporter": {"identity": "Li"}}, "reporter.identity: is none of anonymous, insider, named"),
        ({"location": {"latitude": 91, "longitude": 1}}, "location.latitude: should be a number, at most 90.0"),
        ({"location": {"latitude": "1", "longitude": 1}}, "location.latitude: should be a number, and is a text"),
        ({"location": {"latitude": 1}}, "location.longitude: is missing"),
        ({"evidence": [{"uri": "a", "sha256": "0" * 64}, {"uri": "a"}]}, "evidence.1.sha256: is missing"),
        ({"evidence": [{"uri": "a", "sha256": "0" * 64}] * 51}, "evidence: should have at most 50 items"),
        ({"attributes": {"a": 1}}, "attributes: should be a text, and is a whole number"),
        ({"attributes": {"": "a"}}, "attributes: should have at least 1 character"),
        ({"observed_at": "2026-03-01T08:00:00"}, "observed_at: is an instant without a time zone"),
        ({"observed_at": "1899-12-31T00:00:00Z"}, "observed_at: is an instant outside the years 1900 to 2199"),
    ],
)
def test_what_is_no_report_is_told_with_the_field_and_what_is_wrong(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        from_json(to_json({**REPORT, **changed}), Report)
    assert str(flaw_of(caught.value, Report)).startswith(words)


@pytest.mark.parametrize("field", ["source", "id"])
@pytest.mark.parametrize("text", ["", "a\0", "x" * 301])
def test_what_no_index_of_a_database_could_hold_names_no_report(field: str, text: str) -> None:
    names = {"source": "hotline", "id": "42", field: text}
    filed = {**names, "received_at": AT, "report": REPORT}
    for model, data in ((do.Reply, {**names, "text": "done"}), (do.Attach, {"filed": filed})):
        with pytest.raises(msgspec.ValidationError, match=field):
            from_json(to_json({"actor": {"unit": "office"}, **data}), model)


def test_a_kind_that_is_none_is_told_with_those_that_there_are() -> None:
    event = plain(Case.in_status(Status.REGISTERED, AT).events[0])
    event["change"]["kind"] = "vanished"
    with pytest.raises(msgspec.ValidationError) as caught:
        from_json(to_json(event), type(Case.in_status(Status.REGISTERED, AT).events[0]))
    flaw = flaw_of(caught.value, type(Case.in_status(Status.REGISTERED, AT).events[0]))
    assert (flaw.place, flaw.sort) == (("change", "kind"), "choice")
    assert all(kind in flaw.what for kind in KINDS)


def test_what_nests_too_deep_is_no_json() -> None:
    with pytest.raises(RecursionError) as caught:
        from_json(b'{"a":' + b"[" * 100_000, Unheeded)
    assert flaw_of(caught.value).sort == "not_json"


def test_a_field_at_its_default_is_not_written_and_comes_back() -> None:
    problem = Case.in_status(Status.DISPATCHED, AT).problem
    assert (problem.reports, problem.handbacks, problem.flags, problem.checks) == (1, 0, (), {})
    assert plain(problem).keys().isdisjoint({"reports", "handbacks", "flags", "checks", "plan"})
    assert record_from_json(to_json(problem)) == problem
    assert from_json(to_json(problem), Problem) == problem


def test_one_content_has_one_form_however_it_is_spelled() -> None:
    spelled = {**REPORT, "text": "", "area": None, "reporter": {"identity": "anonymous"}, "evidence": []}
    one, other = from_data(REPORT, Report), from_json(to_json(spelled), Report)
    assert one == other
    assert to_json(one) == to_json(other)
    assert digest(one) == digest(other)


def test_the_kind_of_a_change_is_the_name_of_its_class() -> None:
    assert (Registered.kind, HandedBack.kind, plain(HandedBack(unit="water"))["kind"]) == (
        "registered", "handed_back", "handed_back",
    )  # fmt: skip


def test_the_canonical_form_has_its_keys_in_order() -> None:
    event = Case.in_status(Status.REGISTERED, AT).events[0]
    keys = list(msgspec.json.decode(canonical_json(event)))
    assert keys == sorted(keys)


def test_a_schema_says_its_patterns_as_schemas_do() -> None:
    _, parts = schemas((do.Dispatch,), "#/$defs/{name}")
    assert parts["Dispatch"]["properties"]["lead_unit"]["pattern"].endswith("*$")
