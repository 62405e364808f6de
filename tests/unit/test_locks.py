"""The locks hold what the workspace declares: every version with its hashes, and no host."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distributions
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from duban_local import ROOT

_PIN: Final = re.compile(r"^([\w.-]+)==(\S+)(?: ;[^\\]*)? \\\n(?:    --hash=sha256:\w{64}(?: \\)?\n)+", re.MULTILINE)


def declared(path: str = "pyproject.toml") -> dict[str, Any]:
    return tomllib.loads((ROOT / path).read_text("utf-8"))


def pins(lock: str) -> dict[str, Version]:
    text = (ROOT / lock).read_text("utf-8")
    return {name: Version(version) for name, version in _PIN.findall(text)}


def of_members() -> list[str]:
    """Everything that a member needs, its extras too, beside the other members."""
    found = []
    for pattern in declared()["tool"]["uv"]["workspace"]["members"]:
        for path in ROOT.glob(f"{pattern}/pyproject.toml"):
            project = declared(str(path.relative_to(ROOT)))["project"]
            extras = project.get("optional-dependencies", {}).values()
            found += [*project["dependencies"], *(one for extra in extras for one in extra)]
    return sorted({one for one in found if not one.startswith(("duban", "hj212"))})


RUNTIME: Final = [*of_members(), *declared()["dependency-groups"]["build"]]


@pytest.mark.parametrize(
    ("lock", "requirement"),
    [("requirements.lock", one) for one in RUNTIME]
    + [("requirements-dev.lock", one) for one in declared()["dependency-groups"]["dev"]],
)
def test_what_is_declared_is_locked_at_a_version_that_fits(lock: str, requirement: str) -> None:
    needed = Requirement(requirement)
    assert pins(lock)[needed.name.lower().replace("_", "-")] in needed.specifier, "run ./duban lock"


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_is_nothing_but_versions_with_their_hashes(lock: str) -> None:
    assert not _PIN.sub("", (ROOT / lock).read_text("utf-8")).strip()


def test_a_package_in_both_locks_has_one_version() -> None:
    runtime, developer = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: runtime[name] for name in runtime.keys() & developer.keys()} == {
        name: developer[name] for name in runtime.keys() & developer.keys()
    }


def test_what_runs_is_content_with_the_python_of_debian_12() -> None:
    """A machine as offices have it, and the ground of the images."""
    here = {found.name.lower().replace("_", "-"): found.metadata["Requires-Python"] or "" for found in distributions()}
    running = pins("requirements.lock").keys() & here.keys()
    assert [name for name in running if Version("3.11.2") not in SpecifierSet(here[name])] == []
