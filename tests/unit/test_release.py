"""A release is made of one tagged commit, and who receives it can tell whose it is and that it is whole."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from duban.contracts.catalogue import schemas
from tests.deployed import DEPLOY
from tests.tools.schema_breaks import RELEASED

_ROOT: Final = DEPLOY.parent
_RELEASED: Final = RELEASED.relative_to(_ROOT)
_HEADING: Final = "## 1.2.0 — 2026-12-01\n\n- Wells are looked after.\n\n"
_GIT: Final = ("-c", "user.name=li", "-c", "user.email=li@localhost", "-c", "commit.gpgsign=false")

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")


def git(checkout: Path, *command: str) -> None:
    subprocess.run(["git", *_GIT, "-C", checkout, *command], check=True, capture_output=True)


def release(script: Path, *arguments: str | Path) -> tuple[int, str]:
    """How ``deploy/release`` ends, and what it says."""
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small checkout, fit for a release: what the command looks at before it makes anything."""
    folder = tmp_path / "checkout"
    contracts, held = folder / "shared/duban/contracts", folder / _RELEASED
    for place in (contracts, held.parent, folder / "deploy"):
        place.mkdir(parents=True)
    for name in ("Report", "Notice"):
        shutil.copy(_ROOT / f"shared/duban/contracts/{name}.json", contracts)
    held.write_text(json.dumps({name: schemas()[name] for name in ("Report", "Notice")}))
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n{_HEADING}## 1.1.0 — 2026-10-01\n\n- Begun.\n")
    shutil.copy(DEPLOY / "release", folder / "deploy")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all")
    return folder


def edited(file: Path, change: Callable[[Any], Any]) -> None:
    file.write_text(json.dumps(change(json.loads(file.read_text()))))


@pytest.mark.parametrize(
    ("tags", "spoil", "told"),
    [
        ((), None, "it has none: git tag"),
        (("v1.2.0", "v1.2.1"), None, "it has v1.2.0, v1.2.1"),
        (("v1.2.0",), lambda place: (place / "note.txt").write_text("mine"), "?? note.txt"),
        (("v1.3.0",), None, "CHANGELOG.md has no heading `## 1.3.0 — DATE`"),
    ],
)
def test_a_checkout_that_is_not_fit_makes_no_release(
    checkout: Path, tags: tuple[str, ...], spoil: Callable[[Path], Any] | None, told: str
) -> None:
    for tag in tags:
        git(checkout, "tag", tag)
    if spoil is not None:
        spoil(checkout)
    code, words = release(checkout / "deploy/release", checkout.parent / "out")
    assert (code, told in words) == (1, True), words


def test_contracts_that_are_not_held_make_no_release(checkout: Path) -> None:
    edited(checkout / _RELEASED, lambda held: {"Report": held["Report"]})
    git(checkout, "commit", "--all", "--quiet", "--message", "forgotten")
    git(checkout, "tag", "v1.2.0")
    code, words = release(checkout / "deploy/release", checkout.parent / "out")
    assert code == 1
    assert "does not hold the contracts of this release" in words


@pytest.fixture
def signed(tmp_path: Path) -> tuple[Path, Path]:
    """A folder as a release is, signed by li; and the file of whose signature counts."""
    folder, key = tmp_path / "release", tmp_path / "key"
    (folder / "wheels").mkdir(parents=True)
    (folder / "wheels/duban-1.2.0-py3-none-any.whl").write_bytes(b"wheel")
    sums = subprocess.run(
        ["sha256sum", "wheels/duban-1.2.0-py3-none-any.whl"], cwd=folder, capture_output=True, text=True, check=True
    )
    (folder / "SHA256SUMS").write_text(sums.stdout)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    command: list[str | Path] = [
        "ssh-keygen",
        "-Y",
        "sign",
        "-q",
        "-n",
        "duban-release",
        "-f",
        key,
        folder / "SHA256SUMS",
    ]
    subprocess.run(command, check=True, capture_output=True)
    signers = tmp_path / "signers"
    signers.write_text(f"li@duban.example {key.with_suffix('.pub').read_text()}")
    return folder, signers


def test_a_release_that_is_whole_is_told_with_who_signed_it(signed: tuple[Path, Path]) -> None:
    folder, signers = signed
    code, words = release(DEPLOY / "release", "--check", folder, "--signers", signers)
    assert (code, "1 files, signed by li@duban.example" in words) == (0, True), words


def _other_sums(folder: Path) -> None:
    wheel = next(folder.glob("wheels/*.whl"))
    wheel.write_bytes(b"other")
    sums = subprocess.run(["sha256sum", f"wheels/{wheel.name}"], cwd=folder, capture_output=True, text=True, check=True)
    (folder / "SHA256SUMS").write_text(sums.stdout)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: next(folder.glob("wheels/*.whl")).write_bytes(b"other"), "not as it was signed: wheels/duban"),
        (lambda folder: next(folder.glob("wheels/*.whl")).unlink(), "not as it was signed: wheels/duban"),
        (lambda folder: (folder / "wheels/more.whl").write_bytes(b"more"), "not as it was signed: wheels/more.whl"),
        (lambda folder: (folder / "SHA256SUMS.sig").unlink(), "is not signed"),
        (_other_sums, "the signature does not hold"),
    ],
)
def test_a_release_that_is_not_whole_is_told(
    signed: tuple[Path, Path], spoil: Callable[[Path], Any], told: str
) -> None:
    folder, signers = signed
    spoil(folder)
    code, words = release(DEPLOY / "release", "--check", folder, "--signers", signers)
    assert (code, told in words) == (1, True), words


def test_a_signature_of_somebody_else_does_not_count(signed: tuple[Path, Path], tmp_path: Path) -> None:
    folder, signers = signed
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", tmp_path / "other"], check=True)
    signers.write_text(f"li@duban.example {(tmp_path / 'other.pub').read_text()}")
    code, words = release(DEPLOY / "release", "--check", folder, "--signers", signers)
    assert (code, "the signature does not hold" in words) == (1, True), words
