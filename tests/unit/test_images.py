"""The images: how they are made, as far as nothing has to be built for it (tests/deployments builds and runs them)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from duban_cli.system import SERVICES
from tests.deployed import DEPLOY

CONTAINERFILE: Final = DEPLOY / "images/Containerfile"


def stages() -> dict[str, tuple[str, str]]:
    """What each stage is made from, and what it says."""
    text = CONTAINERFILE.read_text("utf-8")
    return {
        name: (made_of, rest)
        for made_of, name, rest in re.findall(r"^FROM (\S+) AS (\S+)\n((?:(?!FROM ).*\n)*)", text, re.MULTILINE)
    }


def test_every_service_has_an_image_that_runs_it_and_says_its_ports() -> None:
    made = stages()
    for name, process in SERVICES.items():
        said = made[name][1]
        assert f'ENTRYPOINT ["/opt/duban/bin/python3", "-m", "{process.module}"]' in said
        ports = " ".join(str(port) for port in (process.port, process.health_port) if port)
        assert f"EXPOSE {ports}\n" in said


def test_what_runs_comes_from_the_ground_without_a_shell_and_as_nobody() -> None:
    made = stages()
    assert made["service"][0] == "${GROUND}"
    assert "USER 65532:65532" in made["service"][1]
    for name in (*SERVICES, "cli"):
        on = made[name][0]
        assert on == "service" or made[on][0] == "service"
        assert "USER" not in made[name][1]
        assert "RUN" not in made[name][1]


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, CONTAINERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
