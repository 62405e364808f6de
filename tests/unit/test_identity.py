"""Who the command line is to the servers: named, kept or made here, and never from a file that others may read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
import typer

from duban.errors import DubanError, Unavailable
from duban_cli.identity import LOCAL_KEY, BadAddress, Credential, NotSignedIn, Server, api_address, credential
from duban_cli.output import ExitCode
from duban_cli.sign_in_file import KeptSession, Untrusted, forget, keep, kept

HERE, ELSEWHERE = "http://127.0.0.1:8320", "https://duban.example"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is named, kept or running."""
    for name in ("DUBAN_API", "DUBAN_TOKEN_FILE", "DUBAN_KAFKA", "DUBAN_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("DUBAN_FOLDER", str(tmp_path / "folder"))
    return tmp_path


def written(file: Path, text: str, mode: int = 0o600) -> Path:
    file.write_text(text, "utf-8")
    file.chmod(mode)
    return file


def test_a_session_is_kept_for_each_api_where_nobody_else_reads_it() -> None:
    for api, account in ((HERE, "li.na"), (ELSEWHERE, "wang")):
        place = keep(KeptSession(api, account, f"duban_session_{account}"))
        assert (place.stat().st_mode & 0o777, place.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert kept(HERE) == KeptSession(HERE, "li.na", "duban_session_li.na")
    assert credential(ELSEWHERE).token == "duban_session_wang"
    assert "duban_session" not in f"{kept(HERE)!r} {credential(HERE)!r}"
    with pytest.raises(Unavailable, match="DUBAN_API"):
        api_address()
    forget(HERE)
    assert (api_address(), kept(HERE)) == (ELSEWHERE, None)
    forget(HERE)
    with pytest.raises(NotSignedIn, match="duban login"):
        credential(HERE)


def test_a_file_that_others_may_read_is_no_secret(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(KeptSession(HERE, "li.na", "t")).chmod(0o640)
    with pytest.raises(Untrusted, match="duban logout"):
        credential(HERE)
    monkeypatch.setenv("DUBAN_TOKEN_FILE", str(written(home / "key", "duban_key_x\n", 0o604)))
    with pytest.raises(NotSignedIn, match="chmod 600"):
        credential(HERE)
    (home / "key").chmod(0o600)
    assert (credential(HERE).token, credential(HERE).person) == ("duban_key_x", None)
    written(home / "key", "\n")
    with pytest.raises(NotSignedIn, match="is empty"):
        credential(HERE)
    monkeypatch.setenv("DUBAN_TOKEN_FILE", str(home / "none"))
    with pytest.raises(NotSignedIn, match="No such file"):
        credential(HERE)


def test_what_is_named_goes_before_what_is_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(KeptSession(ELSEWHERE, "wang", "t"))
    monkeypatch.setenv("DUBAN_API", f"{HERE}/")
    monkeypatch.setenv("DUBAN_TOKEN_FILE", str(written(home / "key", "duban_key_x")))
    assert (api_address(), credential().token, api_address(ELSEWHERE)) == (HERE, "duban_key_x", ELSEWHERE)
    assert "duban key rotate" in credential().cure


def test_the_key_of_this_machine_says_who_acts_also_where_it_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "folder").mkdir()
    key = written(home / "folder" / LOCAL_KEY, "duban_key_x")
    monkeypatch.setenv("DUBAN_TOKEN_FILE", str(key))
    person = credential(HERE).person
    assert person is not None
    assert person.startswith("local:")


@pytest.mark.parametrize("url", ["ftp://x", "duban.example", "http://", "http://x:y", "http://x?y", "http://x#y"])
def test_what_is_no_url_is_told(url: str) -> None:
    with pytest.raises(BadAddress, match="no URL of an API"):
        api_address(url)
    with pytest.raises(BadAddress, match="no name and no password"):
        api_address("http://li:secret@x")


@pytest.mark.parametrize("text", ["", "{}", "[]", '"x"'])
def test_a_file_that_login_has_not_written_is_told(text: str) -> None:
    keep(KeptSession(HERE, "li.na", "t")).write_text(text, "utf-8")
    with pytest.raises(DubanError, match="is no session"):
        credential(HERE)


def server(status: int, body: bytes | None = None, **error: str) -> Server:
    content = json.dumps({"error": error}).encode() if body is None else body
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, content=content))
    who = Credential(HERE, "t", "`duban login` begins a new session")
    return Server("the API", who, httpx2.AsyncClient(base_url=HERE, transport=transport))


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 2), (401, 4), (403, 4), (404, 3), (409, 4), (410, 4), (413, 2), (418, 1), (429, 5), (500, 1), (503, 5)],
)
async def test_each_refusal_ends_the_command_with_its_code_and_the_words_of_the_server(
    status: int, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        await server(status, code="no_role", message="for others", field="actor").asked("GET", "/v1/me")
    assert ended.value.exit_code == ExitCode(code)
    words = capsys.readouterr().err
    assert "actor: for others (no_role)" in words
    assert ("`duban login` begins a new session" in words) is (status == 401)


async def test_an_answer_is_its_status_and_its_document() -> None:
    done = await server(200, b'{"account": "li"}').asked("GET", "/v1/me")
    gone = await server(204, b"").asked("DELETE", "/v1/sessions/current")
    refused = await server(409, code="x", message="y").asked("POST", "/v1/pledges", also=(409,))
    documents: list[Any] = [done.document, gone.document, refused.document["error"]["code"]]
    assert documents == [{"account": "li"}, None, "x"]


async def test_who_is_no_server_of_ours_and_who_is_away_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    for status, body in ((200, b"<html>"), (404, b"<html>"), (404, b'{"error": "no"}')):
        with pytest.raises(typer.Exit):
            await server(status, body).asked("GET", "/v1/me")
        assert f"no server of ours: {HERE}/v1/me answers {status}" in capsys.readouterr().err

    def away(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    nobody = Server("the vault", server(200).who, httpx2.AsyncClient(transport=httpx2.MockTransport(away)))
    with pytest.raises(Unavailable, match="the vault does not answer"):
        await nobody.asked("GET", f"{HERE}/v1/me")
