"""The command as a newcomer meets it: every command explains itself with an example, usage errors are told apart."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from duban.errors import PackError, SettingsError, Unavailable
from duban.io.settings import Settings
from duban.policy import PublishedCalendar, load_calendar, load_pack
from duban_cli import app
from duban_cli.catalogue import COMMANDS
from duban_cli.lean_help import UNUSED, import_help
from duban_cli.output import ExitCode, code_of, shown_at
from duban_cli.zones import common_zone, zones, zones_of
from duban_console.action import InvalidAction
from duban_console.packs.publication import Contradiction
from duban_local.children import StackError
from tests.given import ROOT, SMALL


def commands(command: object, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command below ``command`` by its words."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield words
        return
    for name, one in inner.items():
        yield from commands(one, (*words, name))


ALL = list(commands(get_command(app)))


def test_the_commands_are_those_that_the_handbook_names() -> None:
    assert set(ALL) == {
        ("up",), ("migrate",), ("demo",), ("bench",), ("chaos",), ("mcp",), ("act",),
        ("login",), ("logout",), ("whoami",), ("tail",), ("lag",), ("check",), ("test",),
        ("simulate",), ("replay",), ("detect",), ("bulletin",), ("draw",), ("pack", "explain"), ("pack", "diff"),
        ("report", "import"), ("report", "send"),
        ("ledger", "heads"), ("ledger", "anchors"), ("ledger", "key"), ("ledger", "verify"), ("duty", "ls"),
        ("duty", "pledge"),
        ("listing", "check"), ("listing", "ls"), ("listing", "put"), ("reward", "status"),
        ("reward", "ls"), ("reading", "put"), ("reading", "ls"),
        ("vault", "ask"), ("vault", "approve"), ("vault", "refuse"), ("vault", "open"), ("vault", "log"),
        ("vault", "verify"), ("vault", "forget"), ("vault", "erase"), ("vault", "requests"), ("vault", "reapply"),
        ("dlq", "ls"), ("dlq", "show"), ("dlq", "replay"), ("dlq", "audit"), ("problem", "show"), ("problem", "ls"),
        ("pack", "lint"), ("pack", "publish"), ("pack", "ls"), ("calendar", "make"),
        ("evidence", "put"), ("evidence", "get"), ("evidence", "ls"), ("evidence", "scan"),
        ("evidence", "verify"),
        ("source", "add"), ("source", "set"), ("source", "apply"), ("source", "key"), ("source", "ls"),
        ("source", "rotate"), ("source", "off"), ("source", "on"), ("source", "doctor"),
        ("contact", "set"), ("contact", "apply"), ("contact", "ls"), ("contact", "rm"), ("contact", "test"),
        ("contact", "rota"), ("contact", "relieve"), ("contact", "oncall"),
        ("account", "add"), ("account", "apply"), ("account", "ls"), ("account", "off"), ("account", "on"),
        ("account", "reset"), ("account", "factor"), ("account", "audit"),
        ("key", "add"), ("key", "ls"), ("key", "rotate"), ("key", "revoke"),
        ("desk", "rebuild"), ("kafka", "acl", "apply"), ("kafka", "users", "apply"),
        ("topics", "apply"), ("topics", "ls"), ("hj212", "check"), ("hj212", "decode"), ("sim", "hj212"),
    }  # fmt: skip


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_explains_itself_with_an_example(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    assert f"Example: duban {' '.join(words)}" in " ".join(result.stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_the_command_says_of_itself(name: str) -> None:
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    first, *_ = (command.help or "").split("\n\n")
    assert " ".join(first.split()) == COMMANDS[name].summary


@pytest.mark.parametrize(("command", "missing"), [("test", "pytest"), ("check", "lint-imports, mypy, pytest, ruff")])
def test_without_the_developers_tools_a_check_says_what_is_missing_and_what_brings_it(
    tmp_path: Path, command: str, missing: str
) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "1000", "NO_COLOR": "1"}
    result = subprocess.run(
        [str(python), "-m", "duban_cli", command], env=env, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"✗ not installed in {tmp_path}: {missing}. Run ./duban test or ./duban check: they install it, once\n"
    )


#: What takes long to import, and what only services need.
HEAVY = {"aiokafka", "asyncpg", "fastapi", "structlog", "psutil", "duban.policy", "duban.messages", "duban.io.settings"}
#: What typer's help would import and never use.
UNUSED_BY_HELP = {"rich.markdown", "markdown_it", "rich.traceback", "rich.syntax", "pygments"}
CALLED = """
import sys
from duban_cli import main
sys.argv = ["duban", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
print("\\n".join(sys.modules))
"""


#: Calls in one process: how each ended, and below it what all of them loaded.
CALLED_ALL = """
import contextlib, io, json, sys
from duban_cli import main
codes = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["duban", *arguments]
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as ended:
            codes.append(ended.code)
print(json.dumps(codes), *sys.modules, sep="\\n")
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], [], ["fly"], ["check", "--help"], ["vault", "ask", "--help"]], ids=str
)
def test_what_needs_no_engine_imports_no_client_and_no_pack(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", CALLED, *arguments], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines())
    assert "duban_cli.catalogue" in loaded
    assert not loaded & HEAVY
    assert arguments == ["fly"] or not loaded & UNUSED_BY_HELP
    called = {one for one in loaded if one.startswith("duban_cli.commands.")}
    assert len(called) == bool(arguments and arguments[0] in COMMANDS)


#: What speaks with a broker, a database or over HTTP, and what only services need.
CLIENTS = {
    "aiokafka", "asyncpg", "httpx2", "fastapi", "starlette", "uvicorn", "structlog", "prometheus_client", "psutil",
    "pydantic_settings", "duban.io.publisher",
}  # fmt: skip
#: The groups of commands that know what a policy is.
OF_POLICY = {"bulletin", "draw", "simulate", "replay", "reward", "report", "pack", "calendar"}
LOADS = {
    "the help of whoever knows no policy": (
        [[*words, "--help"] for words in ALL if words[0] not in OF_POLICY],
        CLIENTS | UNUSED_BY_HELP | {"duban.policy", "rich.live"},
    ),
    "the help of all others": (
        [[*words, "--help"] for words in ALL if words[0] in OF_POLICY],
        CLIENTS | UNUSED_BY_HELP,
    ),
    "lint, explain, diff": (
        [["pack", "lint", str(SMALL)], ["pack", "explain", str(SMALL)], ["pack", "diff", str(SMALL), str(SMALL)]],
        CLIENTS | UNUSED_BY_HELP | {"typer.rich_utils", "rich.live", "duban_cli.simulation", "duban_simulation"},
    ),
    "simulate": (
        [["simulate", str(SMALL), "--reports", "/dev/null", "--calendar", str(ROOT / "deploy/calendars/cn.yaml")]],
        CLIENTS | UNUSED_BY_HELP | {"typer.rich_utils"},
    ),
}


@pytest.mark.parametrize("case", LOADS)
def test_a_command_loads_what_it_needs_and_no_more(case: str) -> None:
    calls, others = LOADS[case]
    done = subprocess.run([sys.executable, "-c", CALLED_ALL, json.dumps(calls)], capture_output=True, text=True)
    codes, *loaded = done.stdout.splitlines()
    assert json.loads(codes) == [0] * len(calls)
    assert "duban_cli.catalogue" in loaded
    assert not set(loaded) & others


def test_what_help_leaves_out_is_there_for_whoever_imports_it_later() -> None:
    import_help()
    for name, held in UNUSED.items():
        assert getattr(import_module(name), held).__doc__


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unavailable("away"), ExitCode.UNAVAILABLE),
        (StackError("broken"), ExitCode.UNAVAILABLE),
        (ConnectionRefusedError("away"), ExitCode.UNAVAILABLE),
        (Contradiction("differs"), ExitCode.CONFLICT),
        (InvalidAction("invalid", "unit", "is missing"), ExitCode.USAGE),
        (SettingsError("unusable"), ExitCode.USAGE),
        (PackError("a.yaml", "units", "none"), ExitCode.FAILURE),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), ExitCode.FAILURE),
    ],
    ids=lambda one: type(one).__name__,
)
def test_each_error_of_ours_ends_a_command_with_its_code(error: Exception, code: ExitCode) -> None:
    assert code_of(error) is code


def test_an_error_of_nobody_is_raised_again() -> None:
    with pytest.raises(KeyError):
        code_of(KeyError("slip"))


def test_an_instant_is_shown_in_the_zone_of_the_city_with_its_offset_and_else_in_utc() -> None:
    at = datetime(2026, 7, 1, 1, 0, 30, 5, tzinfo=UTC)
    calendar = PublishedCalendar(notice=load_calendar((ROOT / "deploy/calendars/cn.yaml").read_text("utf-8"), "cn"))
    pack = load_pack(SMALL.read_text("utf-8"), str(SMALL))
    of = zones_of({pack.ref: pack, f"calendar:{calendar.notice.id}": calendar})
    assert shown_at(at, of.get(pack.jurisdiction)) == "2026-07-01 09:00 +08:00"
    assert shown_at(at, of.get(pack.jurisdiction), "seconds") == "2026-07-01 09:00:30 +08:00"
    assert shown_at(at, of.get("elsewhere")) == "2026-07-01 01:00Z"


async def test_without_a_broker_instants_are_in_utc_and_it_is_said_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert await zones(Settings(kafka="127.0.0.1:1"), utc=False) == {}
    assert "DUBAN_KAFKA" in capsys.readouterr().err
    assert await zones(Settings(kafka="127.0.0.1:1"), utc=True) == {}
    assert capsys.readouterr().err == ""


async def test_a_broker_that_never_answers_is_not_waited_for_to_show_instants(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # the kernel takes the connection, and nobody reads it
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        assert await zones(Settings(kafka=address), utc=False, within=0.2) == {}
    assert "within 0.2 s" in capsys.readouterr().err


def test_what_belongs_to_no_city_is_shown_in_the_zone_that_all_cities_keep() -> None:
    shanghai, boston = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
    assert common_zone({"golmud": shanghai, "linyi": shanghai}) is shanghai
    assert common_zone({"golmud": shanghai, "boston": boston}) is None
    assert common_zone({}) is None


@pytest.mark.parametrize("arguments", [["fly"], ["act"], ["dlq", "replay"], ["tail", "problems", "-n", "0"]])
def test_what_cannot_be_understood_is_usage(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout) == (2, "")


def test_without_an_engine_the_command_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DUBAN_KAFKA", raising=False)
    monkeypatch.delenv("DUBAN_DATABASE", raising=False)
    monkeypatch.setenv("DUBAN_FOLDER", str(tmp_path))
    result = CliRunner().invoke(app, ["lag"])
    assert (result.exit_code, result.stdout) == (5, "")
    assert "duban up" in result.stderr
    assert "DUBAN_KAFKA" in result.stderr


def test_an_unusable_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUBAN_BATCH_SIZE", "many")
    result = CliRunner().invoke(app, ["lag"])
    assert result.exit_code == 2
    assert "DUBAN_BATCH_SIZE" in result.stderr


def test_a_good_pack_passes_and_a_bad_one_is_named_with_the_law_it_breaks(tmp_path: Path) -> None:
    calendar = ROOT / "deploy/calendars/cn.yaml"
    good = CliRunner().invoke(app, ["pack", "lint", str(SMALL), str(calendar), "--json"])
    assert (good.exit_code, [json.loads(line)["ok"] for line in good.stdout.splitlines()]) == (0, [True, True])
    bad = tmp_path / "bad.yaml"
    bad.write_text(SMALL.read_text("utf-8").replace("lead: water", "lead: fire"))
    told = CliRunner().invoke(app, ["pack", "lint", str(bad), "--json"])
    assert told.exit_code == 1
    [line] = [json.loads(line) for line in told.stdout.splitlines()]
    assert line["file"] == str(bad)
    assert "fire" in line["law"]


def test_colour_is_left_out_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = CliRunner().invoke(app, ["pack", "lint", str(SMALL)])
    assert "\x1b[3" not in result.stdout


def test_a_mistyped_code_is_told_without_being_repeated() -> None:
    result = CliRunner().invoke(app, ["reward", "status"], input="7K3M-9XQ2-TR5A\n")
    assert result.exit_code == 2
    assert "16 letters and digits" in result.stderr
    assert "7K3M" not in result.output
