"""A release is made of a tag, twice the same, and says what grew since the one before; what is in it can be run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml

from duban.contracts.catalogue import schemas
from tests.deployed import DEPLOY
from tests.deployments.conftest import IMAGES, Podman, run
from tests.tools.charts import CHARTS
from tests.tools.helm import helm, rendered, said
from tests.tools.schema_breaks import RELEASED

_ROOT: Final = DEPLOY.parent
_GIT: Final = ("git", "-c", "user.name=li", "-c", "user.email=li@localhost", "-c", "commit.gpgsign=false")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone with two releases, of which the second has one field of reports more."""
    checkout = tmp_path_factory.mktemp("release") / "checkout"
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
    return checkout


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key to sign with; beside it ``signers``, for who receives what it signs."""
    key = tmp_path_factory.mktemp("key") / "key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key))
    key.with_name("signers").write_text(f"li@duban.example {key.with_suffix('.pub').read_text()}")
    return key


@pytest.fixture(scope="module")
def offline(wheels: Path) -> dict[str, str]:
    """What has pip find every package where it lies already."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}


def test_a_tag_makes_the_same_release_twice_and_whoever_receives_it_can_check_it(
    checkout: Path, key: Path, offline: dict[str, str], tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        run(sys.executable, checkout / "deploy/release", folder, "--sign", key, **offline)
    run(sys.executable, checkout / "deploy/release", "--check", first, "--signers", key.with_name("signers"))
    assert (first / "SHA256SUMS").read_text() == (second / "SHA256SUMS").read_text()
    notes = (first / "NOTES.md").read_text()
    assert notes.startswith("# Duban 1.2.0\n\n- More.")
    assert "- `Report.ended_at`" in notes
    charts = [yaml.safe_load(file.read_text()) for file in (first / "charts").glob("*/Chart.yaml")]
    told = {chart["version"] for chart in charts} | {
        one["version"] for chart in charts for one in chart.get("dependencies", ())
    }
    assert told == {"1.2.0"}
    assert "duban-router:${DUBAN_VERSION:-1.2.0}" in (first / "compose/compose.yaml").read_text()

    run(sys.executable, "-m", "venv", tmp_path / "venv")
    pip = (tmp_path / "venv/bin/pip", "install", "--quiet", "--no-index", "--find-links", first / "wheels")
    run(*pip, "duban-cli==1.2.0")
    shown = subprocess.run([tmp_path / "venv/bin/pip", "freeze"], capture_output=True, text=True, check=True).stdout
    ours = [line for line in shown.splitlines() if line.startswith("duban")]
    assert ours
    assert all(line.endswith("==1.2.0") for line in ours), ours


@pytest.mark.skipif(helm() is None, reason="helm is not here: python -m tests.tools.helm")
def test_the_charts_of_a_release_ask_for_its_images_which_are_of_its_wheels(
    checkout: Path, key: Path, offline: dict[str, str], podman: Podman, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    command = (sys.executable, checkout / "deploy/release", release, "--images", "--sign", key)
    run(*command, **offline, **podman.environment)
    run(sys.executable, checkout / "deploy/release", "--check", release, "--signers", key.with_name("signers"))
    signed = (release / "SHA256SUMS").read_text("utf-8")
    for target in IMAGES:
        for kind in ("oci.tar", "cdx.json", "licences.txt", "digest"):
            assert f"images/{target}.{kind}\n" in signed

    # As an office does, which has nothing but the folder.
    podman("rmi", "--force", *(f"localhost/duban-{target}:1.2.0" for target in IMAGES))
    for target in IMAGES:
        podman("load", "--quiet", "--input", release / f"images/{target}.oci.tar")
    version = "import importlib.metadata as m; print(m.version('duban-cli'), m.version('duban'))"
    words = ("--entrypoint=/opt/duban/bin/python3", "localhost/duban-cli:1.2.0", "-c", version)
    assert podman("run", "--rm", *words) == "1.2.0 1.2.0"

    charts = release / "charts"
    for name in (*CHARTS, "duban"):
        said("dependency", "build", "--skip-refresh", charts / name)
    objects = rendered(charts / "duban", "--values", charts / "duban/ci/smallest-values.yaml")
    specs = [one["spec"]["template"]["spec"] for one in objects if one["kind"] in ("Deployment", "Job")]
    asked = {spec["containers"][0]["image"] for spec in specs}
    there = set(podman("images", "--format={{.Repository}}:{{.Tag}}").splitlines())
    assert {f"localhost/{image}" for image in asked} <= there
