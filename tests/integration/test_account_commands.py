"""The commands that keep accounts and keys, on the real database, as the role that keeps them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from duban_console.accounts.factor_seal import FactorSeal
from tests.commanding import Run, command_on, lines
from tests.conftest import Migrated, Stack

pytestmark = pytest.mark.stack

ROSTER = """\
accounts:
  - {name: wang, full_name: 王强, appointments: [{role: administrator}]}
  - name: Li.Na
    full_name: 李娜
    appointments: [{role: unit_clerk, jurisdiction: linyi, unit: 市生态环境局}]
  - {name: city-app, full_name: The city's app, system: true, appointments: []}
"""


@pytest.fixture
def duban(stack: Stack, migrated: Migrated, monkeypatch: pytest.MonkeyPatch) -> Run:
    return command_on(Stack(stack.kafka, migrated.url_of("console")), monkeypatch)


async def test_accounts_of_a_file_are_added_once_with_passwords_shown_once(duban: Run, tmp_path: Path) -> None:
    file = tmp_path / "accounts.yaml"
    file.write_text(ROSTER, "utf-8")
    planned = lines(await duban("account", "apply", file, "--dry-run", "--json"))
    assert [(one["account"], one["action"]) for one in planned] == [
        ("wang", "would be added"), ("li.na", "would be added"), ("city-app", "would be added"),
    ]  # fmt: skip
    assert lines(await duban("account", "ls", "--json")) == []
    applied = lines(await duban("account", "apply", file, "--json"))
    assert [len(one.get("password", "")) for one in applied] == [24, 24, 0]
    again = await duban("account", "apply", file)
    assert again.stdout == ""
    assert again.stderr.count("stands as it is") == 3
    [app, li, wang] = lines(await duban("account", "ls", "--json"))
    assert (app["system"], li["full_name"], li["appointments"], wang["off_at"]) == (
        True, "李娜", [{"role": "unit_clerk", "jurisdiction": "linyi", "unit": "市生态环境局"}], None,
    )  # fmt: skip
    file.write_text(ROSTER.replace("unit_clerk", "unit_head"), "utf-8")
    assert "li.na given its appointments" in (await duban("account", "apply", file)).stderr
    file.write_text(ROSTER.replace("system: true, ", ""), "utf-8")
    assert "does not change" in (await duban("account", "apply", file, code=4)).stderr
    shown = (await duban("account", "ls")).stdout
    assert "unit_head:linyi:市生态环境局" in shown
    table, passwords = tmp_path / "accounts.csv", tmp_path / "passwords.csv"
    table.write_text("name,full_name,role,jurisdiction,unit\nzhao,赵,office,linyi,督办室\nsun,孙,auditor,,\n", "utf-8")
    written = await duban("account", "apply", table, "--passwords", passwords)
    assert "no pack of linyi is published" in written.stderr
    assert written.stdout == ""
    rows = passwords.read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["name", "zhao", "sun"]
    assert passwords.stat().st_mode & 0o777 == 0o600
    assert rows[1].partition(",")[2] not in written.stderr
    assert "is there already" in (await duban("account", "apply", table, "--passwords", passwords, code=2)).stderr
    table.write_text("name,full_name,role\nx,X,king\ny,Y,queen\n", "utf-8")
    flawed = (await duban("account", "apply", table, code=2)).stderr
    assert "line 2, column role" in flawed
    assert "line 3, column role" in flawed
    file.write_text("accounts: [{name: x}]", "utf-8")
    assert "accounts.yaml: accounts.0.full_name: is missing" in (await duban("account", "apply", file, code=2)).stderr


async def test_an_account_goes_through_its_life_and_every_step_stands_in_the_log(
    duban: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FactorSeal.made(tmp_path / "accounts.key")
    monkeypatch.setenv("DUBAN_ACCOUNTS_KEY", str(tmp_path / "accounts.key"))
    added = await duban("account", "add", "wang", "--as", "administrator", "--ask", stdin="a word from the office\n")
    assert added.stdout == ""
    assert (await duban("account", "add", "wang", code=4)).stderr.startswith("✗ wang is there already")
    assert "jurisdiction: is missing" in (await duban("account", "add", "li", "--as", "office", code=2)).stderr
    assert "weak" not in (await duban("account", "add", "li", "--ask", code=2, stdin="short\n")).stdout
    assert "last administrator" in (await duban("account", "off", "wang", code=4)).stderr
    await duban("account", "off", "nobody", code=3)
    password = (await duban("account", "add", "li", "--as", "office:linyi:督办室")).stdout.strip()
    anew = (await duban("account", "reset", "li")).stdout.strip()
    assert len(password) == len(anew) == 24
    assert password != anew
    [uri] = lines(await duban("account", "factor", "li", "--json"))
    assert uri["uri"].startswith("otpauth://totp/Duban:li?secret=")
    assert "wrong" in (await duban("account", "factor", "li", "--confirm", code=4, stdin="000000\n")).stderr
    await duban("account", "reset", "li", "--factor")
    await duban("account", "off", "li")
    await duban("account", "on", "li", "--json")
    log = lines(await duban("account", "audit", "--json"))
    assert [(line["kind"], line["account"]) for line in log] == [
        ("account_added", "wang"), ("account_added", "li"), ("password_set", "li"), ("factor_begun", "li"),
        ("factor_taken", "li"), ("turned_off", "li"), ("turned_on", "li"),
    ]  # fmt: skip
    assert all(line["by"].startswith("local:") for line in log)
    assert password not in json.dumps(log)
    head = (await duban("account", "audit", "--verify")).stdout.strip()
    assert head == log[-1]["hash"]
    assert (await duban("account", "audit", "--head", head)).stdout.strip() == head
    assert "was cut off" in (await duban("account", "audit", "--verify", "--head", "0" * 63 + "1", code=1)).stderr
    assert "turned_on" in (await duban("account", "audit")).stdout


async def test_keys_are_made_rotated_and_revoked(duban: Run) -> None:
    await duban("account", "add", "city-app", "--system", "--full-name", "The city's app")
    assert "--ask" in (await duban("account", "add", "x", "--system", "--ask", code=2)).stderr
    [made] = lines(await duban("key", "add", "city-app", "--scope", "act", "--days", 90, "--json"))
    assert made["token"].startswith("duban_key_")
    assert (await duban("key", "rotate", "city-app")).stdout.startswith("duban_key_")
    assert "is none of read, act" in (await duban("key", "add", "city-app", "--scope", "all", code=2)).stderr
    assert "2 keys that hold" in (await duban("key", "add", "city-app", code=4)).stderr
    held = lines(await duban("key", "ls", "--json"))
    assert [(one["account"], one["scope"], one["used_at"]) for one in held] == [("city-app", "act", None)] * 2
    await duban("key", "revoke", made["key"])
    await duban("key", "revoke", made["key"], code=3)
    shown = (await duban("key", "ls")).stdout
    assert held[1]["key"] in shown
    assert made["token"] not in shown


async def test_whoever_only_reads_the_ledger_keeps_no_accounts(
    stack: Stack, migrated: Migrated, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stack.server is None:
        pytest.skip("the database runs elsewhere: its roles are not ours")
    duban = command_on(Stack(stack.kafka, migrated.url_of("reader")), monkeypatch)
    assert "permission denied for schema console" in (await duban("account", "ls", code=1)).stderr
