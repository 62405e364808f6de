"""The images: the same digest twice, small, no shell; run read-only and without a right, they carry reports through."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

import asyncpg
import pytest

from duban_local.children import free_port
from tests.conftest import Stack, fetchval
from tests.deployed import DEPLOY
from tests.deployments.conftest import Podman, run

#: Those that are run; the others differ from one of them in their module alone.
BUILT: Final = ("router", "escalation", "intake", "gateway", "api", "cli")
#: As it is pulled, and what it takes of a disk: those that take files bring the libraries that look into them.
PULLED: Final = 75_000_000
UNPACKED: Final = {"router": 110_000_000, "escalation": 110_000_000}
READ_ONLY: Final = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--network=host")


def build(out: Path, store: Path, *targets: str) -> Path:
    """The images of ``targets`` in ``out``, made in a store of its own."""
    store.mkdir()
    (store / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{store}/root"\nrunroot = "{store}/run"\n'
    )
    run(
        DEPLOY / "images/build",
        out,
        *targets,
        CONTAINERS_STORAGE_CONF=str(store / "storage.conf"),
        BUILDAH_ISOLATION="chroot",
    )
    return out


@pytest.fixture(scope="module")
def images(wheels: Path, workshop: Path, podman: Podman) -> Path:
    """The folder with the images, which podman has too, and their lists."""
    out = workshop / "images"
    out.mkdir()
    shutil.copytree(wheels, out / "wheels")
    build(out, workshop / "store", *BUILT)
    for target in BUILT:
        podman("load", "--quiet", "--input", out / f"{target}.oci.tar")
    return out


def test_built_again_it_has_the_same_digest(images: Path, workshop: Path) -> None:
    again = workshop / "again"
    again.mkdir()
    shutil.copytree(images / "wheels", again / "wheels")
    for name in ("ground.tar", "builder.tar", "ground.packages"):
        shutil.copy(images / name, again)
    build(again, workshop / "other-store", "router")
    assert (again / "router.digest").read_text() == (images / "router.digest").read_text()
    assert (again / "router.cdx.json").read_text() == (images / "router.cdx.json").read_text()


@pytest.mark.parametrize("target", BUILT)
def test_an_image_is_small_and_says_what_is_in_it(images: Path, target: str, podman: Podman) -> None:
    assert (images / f"{target}.oci.tar").stat().st_size < PULLED
    size = int(podman("image", "inspect", "--format={{.Size}}", f"localhost/duban-{target}:0.1.0"))
    assert size < UNPACKED.get(target, 210_000_000)
    bill = json.loads((images / f"{target}.cdx.json").read_text("utf-8"))
    named = {part["name"]: part for part in bill["components"]}
    assert {"duban", "aiokafka", "asyncpg", "libc6", "libssl3"} <= named.keys()
    assert "duban-local" not in named or target == "cli"
    assert "aiokafka" in (images / f"{target}.licences.txt").read_text("utf-8")


def test_no_image_has_a_shell_or_a_package_manager(images: Path) -> None:
    with tarfile.open(images / "ground.tar") as ground:
        programs = {Path(name).name for name in ground.getnames() if Path(name).parent.name in ("bin", "sbin")}
    assert programs == {"python3", "python3.11"}


@contextmanager
def running(podman: Podman, name: str, environment: dict[str, str]) -> Iterator[str]:
    """The service of that name in its container; where it answers health."""
    port = free_port()
    told = {"DUBAN_HEALTH_HOST": "127.0.0.1", "DUBAN_BIND": "127.0.0.1", "DUBAN_HEALTH_PORT": str(port), **environment}
    words = [f"--env={key}={value}" for key, value in told.items()]
    podman("run", "--detach", f"--name={name}", "--tmpfs=/tmp", *READ_ONLY, *words, f"localhost/duban-{name}:0.1.0")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        logged = podman("logs", name)
        podman("stop", "--time=30", name)
        code = podman("inspect", "--format={{.State.ExitCode}}", name)
        podman("rm", name)
        assert code == "0", logged[-2000:]


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


async def test_one_problem_goes_from_report_to_register_through_containers_that_may_do_nothing_else(
    images: Path,
    podman: Podman,
    stack: Stack,
    database: str,
    eventually: Callable[..., Awaitable[None]],
    workshop: Path,
) -> None:
    name = database.rpartition("/")[2]

    def told(service: str) -> dict[str, str]:
        return {"DUBAN_KAFKA": stack.kafka, "DUBAN_DATABASE": stack.url_of(service, name)}

    def cli(*command: str, url: str, **more: str) -> str:
        told = {"DUBAN_KAFKA": stack.kafka, "DUBAN_DATABASE": url, **more}
        words = [f"--env={key}={value}" for key, value in told.items()]
        volumes = [f"--volume={DEPLOY}:/deploy:ro", f"--volume={workshop}:/work:ro"]
        return podman(
            "run", "--rm", "--tmpfs=/tmp", *READ_ONLY, *words, *volumes, "localhost/duban-cli:0.1.0", *command
        )

    connection = await asyncpg.connect(database)
    await connection.execute("create role deployer login password 'by-hand' in role duban_owner")
    try:
        at = stack.url_of("router", name).rpartition("@")[2]
        cli("migrate", url=f"postgresql://deployer:by-hand@{at}?role=duban_owner")
        reader = stack.url_of("reader", name)
        cli("topics", "apply", url=reader)
        cli("pack", "publish", "/deploy/packs/boston-311.yaml", "/deploy/calendars/boston.yaml", url=reader)
        with (
            running(podman, "router", told("router")) as router,
            running(podman, "escalation", told("escalation")) as escalation,
            running(podman, "intake", told("intake")) as intake,
        ):
            for url in (router, escalation, intake):
                await eventually(lambda url=url: answers(f"{url}/readyz"), within=90)
            pid = podman("inspect", "--format={{.State.Pid}}", "router")
            status = run("cat", f"/proc/{pid}/status")
            assert "Uid:\t65532" in status
            assert "CapEff:\t0000000000000000" in status
            assert "NoNewPrivs:\t1" in status
            table = ["/deploy/demo/boston-2015.csv", "--mapping", "/deploy/demo/boston-mapping.yaml"]
            cli("report", "import", *table, url=reader)

            async def registered() -> bool:
                return bool(await fetchval(database, "select count(*) from router.records"))

            await eventually(registered, within=60)
    finally:
        await connection.execute("drop role deployer")
        await connection.close()
