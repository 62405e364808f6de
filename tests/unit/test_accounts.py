"""The way of the database's account to its files, where root runs the stack: whichever class of a folder decides."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from duban_local.accounts import Account, let_home, let_pass, let_read

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")

ACCOUNT = pwd.getpwnam("nobody")
ELSE = 1  # an account, and a group, that is another


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not below pytest's own folder: each session closes that to other users.
    with TemporaryDirectory() as place:
        Path(place).chmod(0o711)
        yield Path(place)


def reaches(account: Account, place: Path, test: str = "-e") -> bool:
    who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": ()}
    return subprocess.run(["/usr/bin/test", test, place], **who).returncode == 0  # type: ignore[call-overload, no-any-return]


def mode(place: Path) -> int:
    return stat.S_IMODE(place.stat().st_mode)


@pytest.mark.parametrize(
    ("owner", "group", "before", "after"),
    [
        (ACCOUNT.pw_uid, ACCOUNT.pw_gid, 0o077, 0o177),
        (ACCOUNT.pw_uid, ELSE, 0o000, 0o100),
        (ELSE, ACCOUNT.pw_gid, 0o707, 0o717),
        (ELSE, ACCOUNT.pw_gid, 0o701, 0o711),
        (ELSE, ELSE, 0o770, 0o771),
        (ELSE, ELSE, 0o700, 0o701),
        (ELSE, ELSE, 0o755, 0o755),
    ],
)
def test_of_a_folder_on_the_way_the_class_that_decides_gains_the_right_to_pass_and_nothing_else_changes(
    folder: Path, owner: int, group: int, before: int, after: int
) -> None:
    way = folder / "way"
    place = way / "data"
    place.mkdir(parents=True)
    os.chown(way, owner, group)
    way.chmod(before)
    assert reaches(ACCOUNT, place) == (before == after)
    let_pass(place, ACCOUNT)
    assert reaches(ACCOUNT, place)
    assert (way.stat().st_uid, way.stat().st_gid, mode(way)) == (owner, group, after)


@pytest.mark.parametrize(("group", "before"), [(ACCOUNT.pw_gid, 0o700), (ELSE, 0o700)])
def test_what_was_installed_for_its_owner_alone_is_read_and_run(folder: Path, group: int, before: int) -> None:
    tree = folder / "tree"
    tree.mkdir()
    (tree / "program").write_text("")
    for place, bits in ((tree / "program", before), (tree, before)):
        os.chown(place, ELSE, group)
        place.chmod(bits)
    let_read(tree, ACCOUNT)
    assert all(reaches(ACCOUNT, tree / "program", test) for test in ("-r", "-x"))
    assert not reaches(ACCOUNT, tree / "program", "-w")


def test_a_home_that_was_closed_is_passed_by_the_account_and_nobody_else(folder: Path) -> None:
    home, other = folder / "home", pwd.getpwuid(ELSE)
    (home / "data").mkdir(parents=True)
    home.chmod(0o700)
    for _ in range(2):  # at every start
        let_home(home, ACCOUNT)
        let_pass(home / "data", ACCOUNT)
    assert mode(home) == 0o710
    assert reaches(ACCOUNT, home / "data")
    assert not reaches(other, home / "data")


def test_a_home_that_somebody_else_may_enter_keeps_its_group(folder: Path) -> None:
    home = folder / "home"
    (home / "data").mkdir(parents=True)
    os.chown(home, -1, ELSE)
    home.chmod(0o770)
    let_home(home, ACCOUNT)
    let_pass(home / "data", ACCOUNT)
    assert (home.stat().st_gid, mode(home)) == (ELSE, 0o771)
