"""Accounts of the system: who we are, whom the database runs as when we are root, and that one's way to its files."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path
from typing import TypeAlias

from duban_local.children import StackError

Account: TypeAlias = pwd.struct_passwd


def our_name() -> str:
    """The name of the account that we run as.

    Raises:
        StackError: it has none.
    """
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise StackError(
            f"the account {os.geteuid()} has no name on this machine, and PostgreSQL takes nobody without one: "
            "run ./duban as another user, or set DUBAN_DATABASE=postgresql://…"
        ) from None


def server_account(name: str) -> Account:
    """The account ``name``, made if there is none; needs root.

    Raises:
        StackError: it cannot be made.
    """
    try:
        return pwd.getpwnam(name)
    except KeyError:
        pass
    useradd = shutil.which("useradd") or "/usr/sbin/useradd"
    try:
        subprocess.run([useradd, "--system", "--no-create-home", name], check=True, capture_output=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        raise StackError(
            f"PostgreSQL does not run as root, and the account {name!r} cannot be made ({error}): "
            "run ./duban as an ordinary user, or set DUBAN_DATABASE=postgresql://…"
        ) from None
    return pwd.getpwnam(name)


def let_home(home: Path, account: Account) -> None:
    """Where ``home``, a folder of ours, is closed to everybody else, make its group that of ``account``.

    So whoever lets that account pass need not let others pass.
    """
    if not home.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        os.chown(home, -1, account.pw_gid)


def let_pass(place: Path, account: Account) -> None:
    """Let ``account`` walk through to ``place``; it still cannot list what is on the way."""
    for folder in place.parents:
        _let(folder, account, stat.S_IXOTH)


def let_read(tree: Path, account: Account) -> None:
    """Let ``account`` read and run what is in ``tree``, also where it was installed for its owner alone."""
    let_pass(tree, account)
    for place in (tree, *tree.rglob("*")):
        runs = place.stat().st_mode & stat.S_IXUSR
        _let(place, account, stat.S_IROTH | (stat.S_IXOTH if runs else 0))


def _let(place: Path, account: Account, may: int) -> None:
    """Add the rights ``may``, written as those of others, to the class of ``place`` that decides for ``account``.

    That is one alone: whom a folder shuts out as its group does not come in as one of the others.
    """
    status = place.stat()
    if status.st_uid == account.pw_uid:
        may <<= 6
    elif status.st_gid == account.pw_gid:
        may <<= 3
    if status.st_mode & may != may:
        place.chmod(stat.S_IMODE(status.st_mode) | may)
