"""A file that nobody means well by is refused with one line that says where and why, in bounded memory and time.

The corpus is read by a process of its own, whose memory and time the kernel bounds.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.testing import CliRunner

from duban.errors import DubanError
from duban.policy import load_calendar, load_pack
from duban.policy.plain_data import MOST_CHARACTERS
from duban_cli import app
from duban_cli.demo.story import load_story
from duban_cli.yaml_file import read_yaml
from duban_intake.channels.columns import load_mapping
from tests.given import ROOT, SMALL

CORPUS: Final[dict[str, dict[str, Any]]] = yaml.safe_load((ROOT / "tests/data/abuse/corpus.yaml").read_text("utf-8"))
READERS: Final[dict[str, Callable[[str, str], object]]] = {
    "pack": load_pack,
    "calendar": load_calendar,
    "story": load_story,
    "mapping": load_mapping,
}
FILE: Final = "given.yaml"
MOST_MEMORY: Final = 700_000_000
MOST_SECONDS: Final = 4.0


def text_of(entry: dict[str, Any]) -> str:
    again = entry.get("again", "")
    middle = "".join(again.replace("{n}", str(n)).replace("{next}", str(n + 1)) for n in range(entry.get("times", 0)))
    after = entry.get("after", "") * (entry["times"] if entry.get("closed") else 1)
    return str(entry.get("before", "") + middle + after)


def main() -> None:
    """Read everything with every reader, within the limits; one line of JSON for each."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    for name, entry in CORPUS.items():
        text = text_of(entry)
        for reader, read in READERS.items():
            began = time.process_time()
            try:
                outcome = f"read as {read(text, FILE)}"
            except DubanError as error:
                outcome = str(error)
            except BaseException as error:
                outcome = f"broke by {type(error).__name__}: {error}"
            line = {"name": name, "reader": reader, "outcome": outcome[:2_000], "seconds": time.process_time() - began}
            print(json.dumps(line), flush=True)


@pytest.fixture(scope="module")
def outcomes() -> dict[tuple[str, str], dict[str, Any]]:
    """What came of each entry by each reader."""
    code = "from tests.unit.test_abused_files import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {(line["name"], line["reader"]): line for line in lines}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", CORPUS)
def test_a_file_that_is_too_much_or_no_sense_is_refused_in_one_line(
    outcomes: dict[tuple[str, str], dict[str, Any]], name: str, reader: str
) -> None:
    line = outcomes[name, reader]
    assert line["outcome"].startswith(f"{FILE}: ")
    assert CORPUS[name]["error"] in line["outcome"]
    assert line["outcome"].isprintable()
    assert len(line["outcome"]) < 1_200
    assert line["seconds"] < MOST_SECONDS


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"a: " + b"[" * 100_000, "line 1, column 53: is no YAML: nests deeper than 50 levels"),
        (b"a: \xff", "(root): cannot be read: "),
        (SMALL.read_bytes().replace(b"{year}", b"{year:999999999}"), "number: formats {year:999999999}; "),
    ],
    ids=["nested", "no UTF-8", "wide"],
)
def test_lint_says_so_and_ends_with_1(tmp_path: Path, content: bytes, error: str) -> None:
    path = tmp_path / FILE
    path.write_bytes(content)
    result = CliRunner().invoke(app, ["pack", "lint", str(path), "--json"])
    assert result.exit_code == 1
    [line] = [json.loads(line) for line in result.stdout.splitlines()]
    assert f"{line['path'] or '(root)'}: {line['law']}".startswith(error)


def test_a_file_without_an_end_is_read_no_further_than_it_may_be_long() -> None:
    assert len(read_yaml(Path("/dev/zero"))) == MOST_CHARACTERS + 1
    result = CliRunner().invoke(app, ["pack", "lint", "/dev/zero", "--json"])
    assert "has more than 2000000 characters" in result.stdout
