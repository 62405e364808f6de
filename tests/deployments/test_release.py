"""A release is made of a tag, twice the same, and says what grew since the one before."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from duban.contracts.catalogue import schemas
from tests.deployed import DEPLOY
from tests.deployments.conftest import run
from tests.tools.schema_breaks import RELEASED

_ROOT: Final = DEPLOY.parent
_GIT: Final = ("git", "-c", "user.name=li", "-c", "user.email=li@localhost", "-c", "commit.gpgsign=false")


def test_a_tag_makes_the_same_release_twice_and_whoever_receives_it_can_check_it(wheels: Path, tmp_path: Path) -> None:
    checkout, key = tmp_path / "checkout", tmp_path / "key"
    run("git", "clone", "--quiet", "--no-tags", str(_ROOT), str(checkout))
    held = checkout / RELEASED.relative_to(_ROOT)

    def tagged(version: str, contracts: Mapping[str, object]) -> None:
        held.write_text(json.dumps(contracts))
        changes = (checkout / "CHANGELOG.md").read_text()
        (checkout / "CHANGELOG.md").write_text(
            changes.replace("\n## ", f"\n## {version} — 2026-12-01\n\n- More.\n\n## ", 1)
        )
        run(*_GIT, "-C", str(checkout), "commit", "--all", "--quiet", "--message", version)
        run(*_GIT, "-C", str(checkout), "tag", f"v{version}")

    before = json.loads(json.dumps(schemas()))
    del before["Report"]["properties"]["ended_at"]
    tagged("1.1.0", before)
    tagged("1.2.0", schemas())
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key))
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        run(sys.executable, checkout / "deploy/release", folder, "--sign", key, **offline)
    (tmp_path / "signers").write_text(f"li@duban.example {(tmp_path / 'key.pub').read_text()}")
    run(sys.executable, checkout / "deploy/release", "--check", first, "--signers", tmp_path / "signers")
    assert (first / "SHA256SUMS").read_text() == (second / "SHA256SUMS").read_text()
    notes = (first / "NOTES.md").read_text()
    assert notes.startswith("# Duban 1.2.0\n\n- More.")
    assert "- `Report.ended_at`" in notes
    charts = [yaml.safe_load(file.read_text()) for file in (first / "charts").glob("*/Chart.yaml")]
    told = {chart["version"] for chart in charts} | {
        one["version"] for chart in charts for one in chart.get("dependencies", ())
    }
    assert told == {"1.2.0"}

    run(sys.executable, "-m", "venv", tmp_path / "venv")
    pip = (tmp_path / "venv/bin/pip", "install", "--quiet", "--no-index", "--find-links", first / "wheels")
    run(*pip, "duban-cli==1.2.0")
    shown = subprocess.run([tmp_path / "venv/bin/pip", "freeze"], capture_output=True, text=True, check=True).stdout
    ours = [line for line in shown.splitlines() if line.startswith("duban")]
    assert ours
    assert all(line.endswith("==1.2.0") for line in ours), ours
