"""What these tests build with: a folder of wheels, Debian's packages as the ground, podman to run it.

They need root on Debian with mmdebstrap, buildah, podman and runc, and the package indexes; they take minutes. Where
``DUBAN_DEPLOYMENTS`` names a folder, what is built stays there and is not built again: remove it after a change.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from duban_cli.system import SERVICES
from tests.deployed import DEPLOY

PROGRAMS: Final = ("buildah", "mmdebstrap", "podman", "runc")

#: What podman is told where it runs in a container itself, as on the server of the tests.
_CONTAINERS_CONF: Final = """\
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
"""


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    reason = f"needs {', '.join(missing)}" if missing else "needs root" if os.getuid() else ""
    if not os.environ.get("DUBAN_DEPLOYMENTS"):
        reason = "builds for minutes, and is asked for by DUBAN_DEPLOYMENTS=1"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(0))
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


def run(*command: str | Path, **environment: str) -> str:
    """What a program says on stdout; fails with what it said where it ends otherwise than with 0."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    if done.returncode:
        what = f"{' '.join(map(str, command))} ended with {done.returncode}"
        pytest.fail(f"{what}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout.strip()


class Podman:
    """Containers and images in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._conf = folder / "containers.conf"
        self._conf.write_text(_CONTAINERS_CONF)
        self._storage = folder / "storage.conf"
        roots = f'graphroot = "{folder}/root"\nrunroot = "{folder}/run"'
        self._storage.write_text(f'[storage]\ndriver = "overlay"\n{roots}\n')

    @property
    def environment(self) -> dict[str, str]:
        """What podman, buildah and whoever calls them are told."""
        return {
            "CONTAINERS_CONF": str(self._conf),
            "CONTAINERS_STORAGE_CONF": str(self._storage),
            "BUILDAH_ISOLATION": "chroot",
        }

    def __call__(self, *command: str | Path) -> str:
        """``podman`` with that command."""
        return run("podman", *command, **self.environment)


@pytest.fixture(scope="session")
def workshop() -> Iterator[Path]:
    """A folder for what is built."""
    named = os.environ.get("DUBAN_DEPLOYMENTS", "")
    if named.startswith("/"):
        Path(named).mkdir(parents=True, exist_ok=True)
        yield Path(named)
        return
    with TemporaryDirectory(prefix="duban-deployments-") as folder:
        yield Path(folder)
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((mount for mount in mounts if mount.startswith(folder)), reverse=True):
            run("umount", "--lazy", mount)


@pytest.fixture(scope="session")
def podman(workshop: Path) -> Iterator[Podman]:
    """Podman with a store of its own, without containers before and after."""
    podman = Podman(workshop)
    podman("rm", "--all", "--force", "--time", "5")
    yield podman
    podman("rm", "--all", "--force", "--time", "5")


@pytest.fixture(scope="session")
def wheels(workshop: Path) -> Path:
    """The folder of wheels that this checkout makes."""
    folder = workshop / "wheels"
    if not (folder / "SHA256SUMS").exists():
        run(sys.executable, DEPLOY / "wheels", folder)
    return folder


#: Every image that is shipped.
IMAGES: Final = (*SERVICES, "api-papers", "cli")


@pytest.fixture(scope="session")
def images(wheels: Path, workshop: Path, podman: Podman) -> Path:
    """The folder with every image and its lists; podman has them as ``localhost/duban-TARGET:0.1.0``."""
    out = workshop / "images"
    if all((out / f"{target}.oci.tar").exists() for target in IMAGES):
        return out
    shutil.copytree(wheels, out / "wheels", dirs_exist_ok=True)
    run(DEPLOY / "images/build", out, **podman.environment)
    return out
