"""The look of pages: others' files are as published, catalogues are complete, a page says its policy."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from duban.errors import Fault, Unavailable
from duban.io.faults import BodyLimit
from duban.pages.look import POLICY, PageLook
from duban.pages.mishap_page import answer_of, show_mishaps
from duban.pages.words import LANGUAGES
from duban_console.pages.app import console_look
from duban_local import ROOT
from tests.tools.catalogues import ROOMS, catalogue_of, extracted, renewed

STATIC = ROOT / "shared/duban/pages/static"
NAMED = ("room", ROOMS)


def manifest() -> list[dict[str, str]]:
    files: list[dict[str, str]] = json.loads((STATIC / "manifest.json").read_text("utf-8"))["of_others"]
    return files


@pytest.mark.parametrize("entry", manifest(), ids=lambda entry: entry["file"])
def test_a_file_of_others_is_as_the_manifest_says_with_its_licence_beside_it(entry: dict[str, str]) -> None:
    assert sha256((STATIC / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    assert (STATIC / entry["licence_file"]).read_text("utf-8").strip()
    assert re.fullmatch(r"\d+\.\d+\.\d+", entry["version"])


def test_every_script_and_style_is_ours_or_in_the_manifest() -> None:
    files = {file.name for room in ROOMS for file in room.rglob("static/*") if file.suffix in (".js", ".mjs", ".css")}
    assert files == {"duban.css", "map.js", "place.js"} | {entry["file"] for entry in manifest()}


@pytest.mark.parametrize(*NAMED, ids=lambda room: room.parent.name)
def test_the_catalogue_has_all_that_the_room_says_in_chinese_and_nothing_else(room: Path) -> None:
    known = {str(message.id): str(message.string) for message in catalogue_of(room) if message.id}
    assert {message for message, words in known.items() if not words} == set()
    assert known.keys() == extracted(room).keys(), "run python -m tests.tools.catalogues"
    assert (room / "catalogues/zh.po").read_bytes() == renewed(room, known)


@pytest.mark.parametrize(*NAMED, ids=lambda room: room.parent.name)
def test_what_is_filled_in_has_the_same_places_in_both_languages(room: Path) -> None:
    for message in catalogue_of(room):
        assert sorted(re.findall(r"\{\w+\}", str(message.id))) == sorted(re.findall(r"\{\w+\}", str(message.string)))


@pytest.mark.parametrize(*NAMED, ids=lambda room: room.parent.name)
def test_no_template_has_a_script_or_a_style_that_the_policy_forbids(room: Path) -> None:
    for file in room.rglob("templates/**/*.html"):
        text = file.read_text("utf-8")
        assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:", text), file
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), file


@pytest.fixture
def app() -> FastAPI:
    app, look = FastAPI(), console_look()
    look.serve(app)
    show_mishaps(app, look, lambda _: BodyLimit(10), sign_in="/sign-in")

    @app.get("/fault/{status}")
    async def fault(status: int) -> None:
        raise Fault(status, "so_it_is", "because of <this>", retry=7 if status == 429 else None)

    @app.get("/away")
    async def away() -> None:
        raise Unavailable("the broker at 10.0.0.7 is away")

    @app.post("/body")
    async def body(text: dict[str, str]) -> None:
        """Takes anything."""

    return app


def browser(app: FastAPI, **headers: str) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=named)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 429, 500, 501, 503])
async def test_a_mishap_is_a_page_in_the_language_of_who_reads(app: FastAPI, status: int) -> None:
    async with browser(app) as reader:
        answer = await reader.get(f"/fault/{status}")
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert answer.headers["content-security-policy"] == POLICY
        assert '<html lang="zh-CN">' in answer.text
        assert "because of &lt;this&gt;" in answer.text
        assert answer.headers.get("retry-after") == ("7" if status == 429 else None)
        english = await reader.get(f"/fault/{status}", headers={"accept-language": "en-GB,en;q=0.9"})
        assert '<html lang="en">' in english.text


async def test_what_is_refused_before_any_page_is_a_page_to_who_reads_pages_and_json_to_a_program() -> None:
    fault = Fault(429, "too_fast", "go on in 7 s", retry=7)
    transport = httpx2.ASGITransport(answer_of(console_look(), fault))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as reader:
        page = await reader.get("/v1/sessions/oidc/callback", headers={"accept": "text/html,*/*;q=0.8"})
        program = await reader.get("/v1/sessions/oidc/callback")
    assert (page.status_code, page.headers["retry-after"]) == (429, "7")
    assert page.headers["content-security-policy"] == POLICY
    assert '<html lang="zh-CN">' in page.text
    assert (program.status_code, program.headers["retry-after"]) == (429, "7")
    assert program.json()["error"]["code"] == "too_fast"


async def test_whoever_is_known_by_nothing_goes_to_sign_in_and_comes_back(app: FastAPI) -> None:
    async with browser(app) as reader:
        answer = await reader.get("/fault/401?a=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?to=%2Ffault%2F401%3Fa%3D1")


async def test_nothing_of_where_a_dependency_is_stands_on_the_page_that_it_is_away(app: FastAPI) -> None:
    async with browser(app) as reader:
        answer = await reader.get("/away")
    assert answer.status_code == 503
    assert "10.0.0.7" not in answer.text


async def test_a_body_that_is_too_large_is_told_so_by_a_page(app: FastAPI) -> None:
    async with browser(app) as reader:
        answer = await reader.post("/body", content=b"x" * 11)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "text/html; charset=utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_language_is_kept_and_leads_back_to_a_page_of_ours_alone(app: FastAPI, language: str) -> None:
    async with browser(app) as reader:
        answer = await reader.get(f"/language/{language}?to=/fault/404")
        assert (answer.status_code, answer.headers["location"]) == (303, "/fault/404")
        tag = {"zh": "zh-CN", "en": "en"}[language]
        assert f'<html lang="{tag}">' in (await reader.get("/fault/404")).text
        assert (await reader.get(f"/language/{language}?to=//elsewhere.example")).headers["location"] == "/"


async def test_an_asset_may_be_kept_for_ever_under_its_own_digest_and_not_under_another(app: FastAPI) -> None:
    url = PageLook([]).assets.url("duban.css")
    async with browser(app) as reader:
        answer = await reader.get(url)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
        assert "immutable" in answer.headers["cache-control"]
        older = await reader.get("/assets/0000000000000000/duban.css")
        assert (older.status_code, older.headers["cache-control"]) == (200, "no-cache")
        assert (await reader.get("/assets/0/../look.py")).status_code == 404
        assert (await reader.get("/assets/0/manifest.json")).status_code == 404
