"""Scanners: a real clamd with one signature of its own, and commands that end as clamscan does."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import pytest

from duban.errors import SettingsError, Unavailable
from duban.io.evidence.scanner import Clamd, scanner_of
from tests.evidence import written

ILL, WELL = b"what the signature names", b"something else" * 40_000


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    program = shutil.which("clamd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        pytest.skip("clamd is not installed here")
    folder = tmp_path_factory.mktemp("clamd")
    (folder / "ours.hdb").write_text(f"{md5(ILL).hexdigest()}:{len(ILL)}:Ours.Ill\n")
    address = folder / "clamd.sock"
    settings = f"""
        LocalSocket {address}
        DatabaseDirectory {folder}
        Foreground yes
        StreamMaxLength 1M
        LogFile {folder}/clamd.log
    """
    (folder / "clamd.conf").write_text(settings)
    process = subprocess.Popen([program, "--config-file", str(folder / "clamd.conf")], stdout=subprocess.DEVNULL)
    try:
        until = monotonic() + 120
        while not address.exists() and process.poll() is None and monotonic() < until:
            sleep(0.02)
        yield Clamd(str(address), 60)
    finally:
        process.kill()
        process.wait()


def test_clamd_tells_what_is_infected_and_what_is_not(clamd: Clamd, tmp_path: Path) -> None:
    assert clamd.scan(written(tmp_path, ILL)) == "Ours.Ill.UNOFFICIAL"
    assert clamd.scan(written(tmp_path, WELL)) is None


def test_what_is_too_large_for_clamd_is_held_and_not_called_good(clamd: Clamd, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"size limit exceeded|larger than its StreamMaxLength"):
        clamd.scan(written(tmp_path, bytes(3_000_000)))


def test_a_clamd_that_is_away_or_breaks_off_says_nothing_of_a_file(tmp_path: Path) -> None:
    file = written(tmp_path, WELL)
    with pytest.raises(Unavailable, match="does not answer"):
        Clamd(str(tmp_path / "nobody.sock"), 5).scan(file)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def hang_up() -> None:
            server.accept()[0].close()

        thread = Thread(target=hang_up)
        thread.start()
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
            Clamd(f"127.0.0.1:{port}", 5).scan(file)
        thread.join()


def command(program: str) -> str:
    return f"{sys.executable} -c '{program}'"


@pytest.mark.parametrize(
    ("program", "found"),
    [("raise SystemExit(0)", None), ('import sys; print(sys.argv[1], "FOUND"); sys.exit(1)', "the file FOUND")],
)
def test_a_command_says_by_its_exit_code_what_a_file_is(program: str, found: str | None, tmp_path: Path) -> None:
    scanner = scanner_of(command(program), 60)
    assert scanner is not None
    assert scanner.scan(written(tmp_path, WELL)) == found


@pytest.mark.parametrize(
    ("setting", "seconds", "said"),
    [
        (command('import sys; print("no database", file=sys.stderr); sys.exit(2)'), 60, "ended with 2: no database"),
        ("/no/such/scanner --quiet", 20, "cannot be run: No such file"),
        (command("import time; time.sleep(60)"), 0.1, "has not said within 0.1 s"),
    ],
)
def test_a_command_that_cannot_say_says_nothing_of_a_file(
    setting: str, seconds: float, said: str, tmp_path: Path
) -> None:
    scanner = scanner_of(setting, seconds)
    assert scanner is not None
    with pytest.raises(Unavailable, match=said):
        scanner.scan(written(tmp_path, WELL))


@pytest.mark.parametrize("setting", ["clamd:", "clamd:localhost", "scan 'the file"])
def test_a_scanner_that_is_none_is_refused_by_its_setting(setting: str) -> None:
    with pytest.raises(SettingsError, match="DUBAN_EVIDENCE_SCANNER"):
        scanner_of(setting, 5)


def test_no_scanner_is_asked_where_none_is_set() -> None:
    assert scanner_of("", 5) is None
