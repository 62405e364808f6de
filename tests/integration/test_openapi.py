"""The gateway, the vault and the API keep what their OpenAPI documents promise, whatever they are asked.

Every operation is asked some dozen things made from its own document, sensible and not; its answers are held against
the document too.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.result import Ok
from schemathesis.schemas import BaseSchema

from duban_cli.system import System
from duban_console.accounts.account import Appointment, Role
from duban_local.children import until
from tests.accounts import signed_in

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
#: The same questions each time: a fault that is found is found again.
ASKING: Final = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
async def present(system: System) -> dict[str, dict[str, str]]:
    """By the beginning of a path, parameters that lead to something: a report, and the problem that came of it."""
    report = {"jurisdiction": "smallville", "channel": "hotline", "title": "smoke", "source": "asked", "id": "1"}
    async with httpx2.AsyncClient(timeout=60) as client:
        accepted = (await client.post(f"{system.urls['gateway']}/v1/reports", json=report)).json()
        problem = f"{system.urls['api']}/v1/problems/{accepted['problem_id']}"

        async def registered() -> bool:
            return (await client.get(problem, headers=system.bearer)).status_code == 200

        await until(registered, "the report was not registered")
    return {"/v1/reports": {"source": "asked", "id": "1"}, "/v1/problems": {"id": accepted["problem_id"]}}


@pytest.fixture(params=["gateway", "vault", "api"])
def server(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def document(system: System, server: str) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{system.urls[server]}/openapi.json")


def test_every_reference_leads_somewhere(document: BaseSchema) -> None:
    references = list(referred(document.raw_schema))
    assert len(references) > 20
    lost = []
    for reference in references:
        place: Any = document.raw_schema
        for step in reference.removeprefix("#/").split("/"):
            place = place.get(step, {})
        if not place:
            lost.append(reference)
    assert lost == []


def referred(part: Any) -> Iterator[str]:
    """Every ``$ref`` in a part of a document."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from referred(inner)


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
def test_every_operation_answers_as_its_document_says(
    document: BaseSchema, mode: GenerationMode, present: dict[str, dict[str, str]], system: System, server: str
) -> None:
    known = system.bearer if server == "api" else {}
    asked: list[str] = []
    operations: set[str] = set()
    answers: Counter[tuple[str, bool]] = Counter()
    for result in document.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        operations.add(operation.label)

        @ASKING
        @given(case=operation.as_strategy(generation_mode=mode))
        def keeps_its_word(case: Any) -> None:
            asked.append(case.operation.label)
            there = next((of for path, of in present.items() if case.path.startswith(f"{path}/{{")), None)
            if there is not None and len(asked) % 2:
                case.path_parameters = dict(there)
            answer = case.call_and_validate(checks=CHECKS, timeout=60, headers=known)
            if there is not None:
                answers[case.operation.label, answer.status_code != 404] += 1

        with suppress(Unsatisfiable):  # nothing that could be asked of this one is against its document
            keeps_its_word()
    # What takes nothing but one path cannot be asked anything that its document forbids.
    assert set(asked) == operations if mode is GenerationMode.POSITIVE else asked
    assert {label for label, _ in answers} == {label for label, led in answers if led}


@pytest.mark.parametrize("role", [Role.CLERK, Role.OFFICE, Role.SOCIAL_SUPERVISOR])
async def test_with_a_session_every_operation_answers_as_its_document_says(system: System, role: Role) -> None:
    """As a browser asks, which is known by its cookie: whatever is asked, what is not for that role is refused."""
    unit = {Role.CLERK: "water", Role.OFFICE: "office"}.get(role)
    name, url = f"asks-{role.value.replace('_', '-')}", system.urls["api"]
    token = await signed_in(system, name, Appointment(role=role, jurisdiction="smallville", unit=unit))
    answers = await asyncio.to_thread(asked_with_sessions, url, token)  # schemathesis waits for each answer
    assert answers[200] > 10
    assert answers[403] > 0
    assert answers[401] == 0


def asked_with_sessions(url: str, token: str) -> Counter[int]:
    """How often which status was answered to the session of ``token``."""
    document = schemathesis.openapi.from_url(f"{url}/openapi.json")
    answers: Counter[int] = Counter()
    for result in document.get_all_operations():
        assert isinstance(result, Ok)
        if result.ok().definition.raw.get("security"):
            answers += answered(result.ok(), {"authorization": "", "cookie": f"duban={token}", "origin": url})
    return answers


def answered(operation: Any, headers: dict[str, str]) -> Counter[int]:
    """How often which status was answered to who asks ``operation`` with ``headers``; each as its document says."""
    answers: Counter[int] = Counter()

    @settings(ASKING, max_examples=3)
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def keeps_its_word(case: Any) -> None:
        answers[case.call_and_validate(checks=CHECKS, timeout=60, headers=headers).status_code] += 1

    keeps_its_word()
    return answers


def test_who_is_not_signed_in_is_shown_nothing_whatever_is_asked(system: System) -> None:
    document = schemathesis.openapi.from_url(f"{system.urls['api']}/openapi.json")
    answers: Counter[int] = Counter()
    for result in document.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if not operation.definition.raw.get("security"):
            continue

        @settings(ASKING, max_examples=3)
        @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        def shows_nothing(case: Any) -> None:
            answer = case.call_and_validate(checks=CHECKS, timeout=60, headers={"authorization": ""})
            answers[answer.status_code] += 1
            assert answer.status_code in (401, 415)

        shows_nothing()
    assert answers[401] > 50
