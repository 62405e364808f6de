"""Every file with a key goes by one rule: who else may read it, and how several stand in it."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from duban.errors import SettingsError
from duban.io.anchor_key import AnchorKey
from duban.io.report_keys import ReportKeys
from duban_console.accounts.factor_seal import FactorSeal

KINDS: Final = (AnchorKey, ReportKeys, FactorSeal)
NEW, OLD = (b64encode(bytes([number]) * 32).decode() for number in (1, 2))


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to hand a file to a group")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("mode", "taken"), [(0o440, True), (0o640, True), (0o660, False), (0o444, False)])
def test_a_key_that_somebody_else_has_handed_to_our_group_may_be_read_by_it(
    tmp_path: Path, kind: Any, mode: int, taken: bool
) -> None:
    file = tmp_path / "key"
    kind.made(file)
    os.chown(file, 65532, -1)
    file.chmod(mode)
    with nullcontext() if taken else pytest.raises(SettingsError, match="may be read by others"):
        kind.load(file)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_of_our_own_may_be_read_by_nobody_else(tmp_path: Path, kind: Any, mode: int) -> None:
    file = tmp_path / "key"
    kind.made(file)
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(mode)
    with pytest.raises(SettingsError, match=f"chmod 600 {file}"):
        kind.load(file)


def of_reports(file: Path) -> str:
    return ReportKeys.load(file).fresh(UUID(int=1)).key_id


def of_accounts(file: Path) -> str:
    return FactorSeal.load(file).sealed("li.na", "secret").split(":")[1]


@pytest.mark.parametrize("first", [of_reports, of_accounts])
@pytest.mark.parametrize("between", [",", "\n", ", ", "\r\n", ",\n"])
def test_several_keys_are_parted_by_lines_or_by_commas_and_the_first_seals(
    tmp_path: Path, first: Callable[[Path], str], between: str
) -> None:
    one, both = tmp_path / "one", tmp_path / "both"
    one.write_text(NEW, "utf-8")
    both.write_text(f"{NEW}{between}{OLD}\n", "utf-8")
    for file in (one, both):
        file.chmod(0o600)
    assert first(both) == first(one)
    both.write_text(f"{NEW}{between}{NEW}\n", "utf-8")
    with pytest.raises(SettingsError, match="the same key stands there twice"):
        first(both)
