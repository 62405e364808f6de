"""What each route of the gateway asks of who comes: without a key, or as another source, nobody comes in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from duban.clock import DrivenClock
from duban.io.evidence.desk import EvidenceDesk
from duban.io.evidence.folder import FolderStore
from duban.io.evidence.reception import Reception
from duban.io.evidence.settings import EvidenceSettings
from duban.io.evidence.uploads import Uploads
from duban.io.secrets_file import SecretsFile
from duban.messages.sources import RegisteredSource, SourceKey
from duban_intake.gateway.access import ROUTES, Asks
from duban_intake.gateway.app import create_app
from duban_intake.gateway.door import ReportDoor
from duban_intake.gateway.open311.routes import PublicFace
from duban_intake.source_journal import SourceJournal
from duban_intake.sources.registry import SourceRegistry
from duban_intake.vault.desk import DeskSettings, Vault
from duban_intake.vault.memory import MemoryVault
from tests.accounts import AT
from tests.given import small_library

OURS, THEIRS = "key of ours", "key of theirs"
REPORT: Final = {"id": "1", "jurisdiction": "smallville", "channel": "hotline", "title": "t"}
#: What else a request of a route has to say before who comes matters.
SAYING: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("OPTIONS", "/v1/reports"): {"headers": {"webhook-request-origin": "city.example"}},
    ("OPTIONS", "/v1/sources/{name}"): {"headers": {"webhook-request-origin": "city.example"}},
    ("POST", "/open311/v2/requests.{form}"): {"data": {"service_code": "noise"}},
}


def source(name: str, key: str) -> RegisteredSource:
    held = SourceKey(sha256=sha256(key.encode()).hexdigest(), since=AT)
    return RegisteredSource(name=name, jurisdiction="smallville", keys=(held,))


@pytest.fixture
async def far(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """The gateway, asked from another machine."""
    registry, clock, nothing = SourceRegistry(), DrivenClock(AT), _NOTHING
    for known in (source("ours", OURS), source("theirs", THEIRS), RegisteredSource(name="demo", is_open=True)):
        registry.put(known)
    reception = Reception(
        EvidenceDesk(FolderStore(tmp_path / "store"), EvidenceSettings().types, 100_000), Uploads(tmp_path / "up", 24)
    )
    door = ReportDoor(
        nothing, lambda _: None, clock, Vault(MemoryVault(), clock, DeskSettings(None)), registry, lambda: 0.0,
        nothing, SecretsFile(None), SourceJournal(None, clock), reception,
    )  # fmt: skip
    app = create_app(door, PublicFace(small_library(), nothing), 100_000)
    transport = httpx2.ASGITransport(app, client=("203.0.113.7", 4711))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


_NOTHING: Any = None


def test_every_route_of_the_gateway_stands_in_the_table() -> None:
    door: Any = type("Door", (), {"reception": None, "uploads": None, "receipts": None, "clock": None})()
    app = create_app(door, PublicFace(small_library(), _NOTHING), 1024)
    paths = app.openapi()["paths"]
    served = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert served == ROUTES.keys()


@pytest.mark.parametrize(("method", "path"), [route for route, asks in ROUTES.items() if asks is not Asks.NOTHING])
@pytest.mark.parametrize("key", [None, "guessed"])
async def test_without_a_key_that_is_known_nobody_from_elsewhere_comes_in(
    far: httpx2.AsyncClient, method: str, path: str, key: str | None
) -> None:
    asked = SAYING.get((method, path), {"json": {"routing_key": key}} if path == "/v2/enqueue" else {})
    headers = {"tus-resumable": "1.0.0", "upload-length": "1", **asked.get("headers", {})}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    way = path.format(name="ours", source="ours", id="1", form="json")
    answer = await far.request(method, way, **{**asked, "headers": headers})
    if ROUTES[method, path] is Asks.CODE:
        assert answer.status_code == 400, answer.text  # its code is missing, and a key stands for none
        return
    # GeoReport says 403 of it, in a form of its own.
    expected = (403, "key") if path.startswith("/open311") else (401, "" if method == "HEAD" else "key")
    assert (answer.status_code, expected[1] in answer.text) == (expected[0], True), answer.text


async def test_nobody_speaks_as_another_source_whatever_body_or_path_says(far: httpx2.AsyncClient) -> None:
    ours = {"authorization": f"Bearer {OURS}"}
    for method, path, sent in (
        ("POST", "/v1/reports", {"json": {**REPORT, "source": "theirs"}}),
        ("POST", "/v1/sources/theirs", {"json": {}}),
        ("POST", "/v1/tables/theirs", {"content": b"a,b"}),
        ("GET", "/v1/reports/theirs/1", {}),
    ):
        answer = await far.request(method, path, headers=ours, **sent)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "other_source"), path
    acting = {**REPORT, "source": "ours", "actor": {"unit": "office"}}
    answer = await far.post("/v1/reports", headers=ours, json=acting)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")


async def test_an_upload_is_of_the_source_whose_key_began_it(far: httpx2.AsyncClient) -> None:
    ours, theirs = ({"authorization": f"Bearer {key}", "tus-resumable": "1.0.0"} for key in (OURS, THEIRS))
    begun = await far.post("/v1/evidence/uploads", headers={**ours, "upload-length": "10"})
    assert begun.status_code == 201, begun.text
    for method in ("HEAD", "GET", "DELETE"):
        assert (await far.request(method, begun.headers["location"], headers=theirs)).status_code == 404
    assert (await far.head(begun.headers["location"], headers=ours)).status_code == 200


async def test_no_answer_runs_anything_in_a_browser(far: httpx2.AsyncClient) -> None:
    for path in ("/v1/nothing", "/open311/discovery.json", "/open311/discovery.xml"):
        headers = (await far.get(path)).headers
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["x-content-type-options"] == "nosniff"
