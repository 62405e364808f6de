"""Duban on a Debian machine under systemd, from a folder of wheels: installed, upgraded, rolled back.

The machine is a container with systemd in it and without network but for loopback, where broker and database are.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from duban_cli.system import SERVICES
from duban_local import ROOT
from tests.conftest import Stack
from tests.deployments.conftest import Podman, run

#: A machine as an office has it: Debian with Python, and nothing of ours.
_PACKAGES: Final = "systemd,systemd-sysv,python3,python3-venv"
_RUN: Final = ("escalation", "router", "intake", "gateway", "detector")
_DUBAN: Final = "/opt/duban/current/bin/duban"
_SHIPPED: Final = "/opt/duban/current/lib/python3*/site-packages/duban_local/deploy"


class Machine:
    """The machine: ``machine("systemctl", …)`` runs a command there as root."""

    def __init__(self, podman: Podman, name: str) -> None:
        self._podman, self._name = podman, name

    def __call__(self, *command: str) -> str:
        return self._podman("exec", self._name, *command)

    def write(self, path: str, text: str, owner: str = "root") -> None:
        self("sh", "-c", f"cat > {path} <<'TEXT'\n{text}\nTEXT\nchmod 640 {path}; chgrp {owner} {path}")

    def ready(self, service: str) -> bool:
        port = SERVICES[service].health_port
        ask = f"import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/readyz', timeout=5)"
        return self("sh", "-c", f'python3 -c "{ask}" 2>/dev/null && echo ready || true') == "ready"

    def release(self) -> str:
        return self("readlink", "/opt/duban/current")


@pytest.fixture(scope="module")
def machine(podman: Podman, wheels: Path, workshop: Path) -> Machine:
    """A machine that has just been started."""
    tar = workshop / "debian.tar"
    run("mmdebstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", tar)
    podman("import", tar, "debian")
    newer = workshop / "newer"
    shutil.copytree(wheels, newer)
    (newer / "NOTE").write_text("another release\n")
    digest = hashlib.sha256((newer / "NOTE").read_bytes()).hexdigest()
    with (newer / "SHA256SUMS").open("a") as sums:
        sums.write(f"{digest}  NOTE\n")
    podman(
        "run", "--detach", "--name", "machine", "--privileged", "--systemd=always", "--network=host",
        f"--volume={wheels}:/wheels:ro", f"--volume={newer}:/newer:ro", "debian", "/sbin/init",
    )  # fmt: skip
    return Machine(podman, "machine")


@pytest.fixture
async def deployer(stack: Stack, database: str) -> AsyncIterator[str]:
    """The URL by which an office's own role brings an empty database to what a release needs."""
    name = database.rpartition("/")[2]
    admin = await asyncpg.connect(database)
    await admin.execute("create role deployer login password 'by-hand' in role duban_owner")
    address = stack.url_of("router", name).rpartition("@")[2]
    yield f"postgresql://deployer:by-hand@{address}?role=duban_owner"
    await admin.execute("drop role deployer")
    await admin.close()


async def test_a_release_is_installed_runs_is_upgraded_and_rolled_back(
    stack: Stack, deployer: str, machine: Machine, eventually: Callable[..., Awaitable[None]]
) -> None:
    database = deployer.rpartition("/")[2].partition("?")[0]
    machine("/wheels/systemd/install", "/wheels")

    # What docs/deploying.md tells an administrator to write.
    machine.write("/etc/duban/duban.env", f"DUBAN_KAFKA={stack.kafka}")
    machine.write("/etc/duban/secrets/migrate/database", deployer, "duban-migrate")
    for name in ("escalation", "router", "intake", "gateway"):
        machine.write(f"/etc/duban/secrets/{name}/database", stack.url_of(name, database), f"duban-{name}")
        machine.write(f"/etc/duban/{name}.env", f"DUBAN_DATABASE_FILE=/etc/duban/secrets/{name}/database")
    machine.write("/etc/duban/detector.env", "")
    machine("systemctl", "start", "duban-migrate")

    duban = f"cd {_SHIPPED} && DUBAN_KAFKA={stack.kafka} DUBAN_DATABASE={stack.url_of('reader', database)} {_DUBAN}"
    machine("sh", "-c", f"{duban} topics apply")
    machine("sh", "-c", f"{duban} pack publish packs/golmud-2018.yaml calendars/cn.yaml")
    machine("systemctl", "enable", "--now", "duban.target", *(f"duban-{name}" for name in _RUN))
    for name in _RUN:
        await eventually(lambda name=name: machine.ready(name), within=60)

    first = machine.release()
    machine("/newer/systemd/install", "/newer")
    assert machine.release() != first
    for name in _RUN:
        assert machine.ready(name)
    machine("/newer/systemd/install", "--rollback")
    assert machine.release() == first
    for name in _RUN:
        assert machine.ready(name)

    # Nobody but root and the service itself looks into a service.
    for name in _RUN:
        pid = machine("systemctl", "show", "--property=MainPID", "--value", f"duban-{name}")
        assert machine("stat", "--format=%U", f"/proc/{pid}") == f"duban-{name}"


def test_a_checkout_is_run_from_the_folder_of_wheels_without_network(wheels: Path, workshop: Path) -> None:
    checkout = workshop / "checkout"
    run("git", "clone", "--quiet", "--no-hardlinks", ROOT, checkout)
    said = run("unshare", "--net", checkout / "duban", "--offline", wheels, "--help")
    assert "Usage" in said
