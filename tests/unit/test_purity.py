"""Every module that calls itself pure stands in the contract that holds it to that."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from duban_local import ROOT

#: The folder above each member's package.
MEMBERS: Final = [path.parent for path in ROOT.rglob("pyproject.toml") if path.parent != ROOT]


def held() -> tuple[str, ...]:
    """What the contract names; a package stands for all that is in it."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = {one["name"]: one for one in told["tool"]["importlinter"]["contracts"]}
    return tuple(contracts["what is pure"]["source_modules"])


def pure() -> list[str]:
    """Every module whose docstring says so, by its dotted name."""
    named = []
    for member in MEMBERS:
        for path in member.rglob("duban*/**/*.py"):
            words = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
            if re.search(r"\bPure\.", words):
                named.append(_dotted(path.relative_to(member)))
    return sorted(set(named))


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_many_modules_call_themselves_pure() -> None:
    assert len(pure()) > 60


@pytest.mark.parametrize("module", pure())
def test_a_module_that_calls_itself_pure_is_held_to_it(module: str) -> None:
    assert any(f"{module}.".startswith(f"{name}.") for name in held())
