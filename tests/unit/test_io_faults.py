"""Whatever a server does not take is answered in one shape, always as JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Body, Depends, FastAPI, Query, Request

from duban.errors import Fault, RecordTooLarge, Unavailable
from duban.io.faults import FAULTS, answer_faults, only_json

MOST = 1_000


def server() -> FastAPI:
    app = FastAPI(responses=FAULTS)
    answer_faults(app, MOST)

    @app.get("/page")
    async def page(limit: Annotated[int, Query(ge=1)]) -> int:
        return limit

    @app.post("/typed", dependencies=[Depends(only_json)])
    async def typed(names: Annotated[dict[str, int], Body()]) -> int:
        return len(names)

    @app.post("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    @app.post("/unread")
    async def unread() -> None:
        raise Fault(409, "taken", "the id is taken; choose another", "id")

    @app.get("/breaks/{how}")
    async def breaks(how: str) -> None:
        raise {"away": Unavailable("the broker is away"), "lost": ConnectionError("reset"),
               "large": RecordTooLarge("no topic takes it"), "broken": KeyError(how)}[how]  # fmt: skip

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=server(), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://server") as found:
        yield found


async def chunks() -> AsyncIterator[bytes]:
    """A body that does not say its length, larger than may be."""
    for _ in range(5):
        yield b" " * (MOST // 4)


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "code", "field"),
    [
        ("GET", "/nowhere", {}, 404, "unknown_path", None),
        ("PUT", "/typed", {}, 405, "wrong_method", None),
        ("GET", "/page?limit=0", {}, 400, "invalid", "limit"),
        ("POST", "/typed", {"json": {"a": "b"}}, 400, "invalid", "a"),
        ("POST", "/typed", {"json": []}, 400, "invalid", None),
        ("POST", "/typed", {"content": b"{", "headers": JSON}, 400, "not_json", None),
        ("POST", "/typed", {"content": b'{"\xff": 1}', "headers": JSON}, 400, "not_json", None),
        ("POST", "/typed", {"data": {"a": "1"}}, 415, "unsupported_type", "content-type"),
        ("POST", "/typed", {"content": b"{}"}, 415, "unsupported_type", "content-type"),
        ("POST", "/typed", {"content": b"{", "headers": {"content-type": "text/plain"}}, 415, "unsupported_type",
         "content-type"),
        ("POST", "/unread", {}, 409, "taken", "id"),
        # Whether it says its length or not, and whether or not anybody reads it.
        ("POST", "/typed", {"content": b" " * (MOST + 1), "headers": JSON}, 413, "too_large", None),
        ("POST", "/raw", {"content": b" " * (MOST + 1)}, 413, "too_large", None),
        ("POST", "/unread", {"content": b" " * (MOST + 1)}, 413, "too_large", None),
        ("POST", "/nowhere", {"content": b" " * (MOST + 1)}, 413, "too_large", None),
        ("POST", "/typed", {"content": chunks, "headers": JSON}, 413, "too_large", None),
        ("POST", "/raw", {"content": chunks}, 413, "too_large", None),
        ("POST", "/unread", {"content": chunks}, 409, "taken", "id"),
        ("GET", "/breaks/large", {}, 413, "too_large", None),
        ("GET", "/breaks/away", {}, 503, "unavailable", None),
        ("GET", "/breaks/lost", {}, 503, "unavailable", None),
        ("GET", "/breaks/broken", {}, 500, "internal", None),
    ],
)  # fmt: skip
async def test_every_fault_has_the_one_shape(
    client: httpx2.AsyncClient, method: str, path: str, sent: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    sent = {name: value() if callable(value) else value for name, value in sent.items()}
    answer = await client.request(method, path, **sent)
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error.get("field")) == (status, code, field)
    assert error["message"]
    assert ("retry-after" in answer.headers) == (status == 503)
    assert ("allow" in answer.headers) == (status == 405)


async def test_a_body_as_large_as_may_be_is_taken(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/raw", content=b" " * MOST)).json() == MOST


def test_the_documentation_tells_of_no_other_shape() -> None:
    told = server().openapi()
    assert "Faulty" in told["components"]["schemas"]
    assert "HTTPValidationError" not in told["components"]["schemas"]
