"""What goes wrong on purpose goes wrong when asked to, at once, and nowhere but on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ASKED = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from duban.errors import DubanError
from duban.io import mishaps

place, lines, brokers = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
place.write_text(lines)
try:
    mishaps.refuse_elsewhere(brokers)
    mishaps.misreport("writing")
except DubanError as error:
    print(type(error).__name__, error)
print(round((mishaps.clock().now() - datetime.now(UTC)) / timedelta(minutes=1)))
sys.stdout.flush()
mishaps.crash_point("after_publish")
place.unlink(missing_ok=True)
mishaps.misreport("writing")
print(round((mishaps.clock().now() - datetime.now(UTC)) / timedelta(minutes=1)))
"""


def asked(tmp_path: Path, lines: str, brokers: str = "127.0.0.1:1", *, named: bool = True) -> tuple[int, list[str]]:
    """How a process ends, and what it says, whose file of mishaps holds ``lines`` and is taken away half-way."""
    place = tmp_path / "mishaps"
    env = {name: value for name, value in os.environ.items() if not name.startswith("DUBAN_")}
    process = subprocess.run(
        [sys.executable, "-c", ASKED, str(place), lines, brokers],
        env=env | ({"DUBAN_MISHAPS": str(place)} if named else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert not process.stderr
    return process.returncode, process.stdout.splitlines()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("", (0, ["0", "0"]), id="nothing is planned"),
        pytest.param("clock=-3600\n", (0, ["-60", "0"]), id="a clock that is put right again"),
        pytest.param("crash_at=after_publish\n", (137, ["0"]), id="a crash"),
        pytest.param("crash_at=after_handle\n", (0, ["0", "0"]), id="a crash at another point"),
    ],
)
def test_a_mishap_comes_and_goes_with_its_line(tmp_path: Path, lines: str, expected: tuple[int, list[str]]) -> None:
    assert asked(tmp_path, lines) == expected


def test_what_is_misreported_is_a_dependency_that_is_away(tmp_path: Path) -> None:
    code, words = asked(tmp_path, "misreport=1\n")
    assert code == 0
    assert words[0].startswith("Unavailable writing was done, and is reported as not done")


def test_nothing_goes_wrong_where_no_file_is_named(tmp_path: Path) -> None:
    assert asked(tmp_path, "clock=3600\nmisreport=1\ncrash_at=after_publish\n", named=False) == (0, ["0", "0"])


def test_mishaps_are_refused_for_brokers_elsewhere(tmp_path: Path) -> None:
    _, words = asked(tmp_path, "", "127.0.0.1:1,kafka.example:9092")
    assert words[0].startswith("SettingsError DUBAN_MISHAPS makes things go wrong on purpose")
    assert asked(tmp_path, "", "kafka.example:9092", named=False) == (0, ["0", "0"])
