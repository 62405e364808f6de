"""The images: the same digest twice, small, no shell; run read-only and without a right, they carry reports through."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

import asyncpg
import pikepdf
import pytest
from PIL import Image

from duban_local.children import free_port
from tests.conftest import Stack, fetchval
from tests.deployed import DEPLOY
from tests.deployments.conftest import IMAGES, Podman, run
from tests.evidence import photo

#: What an image takes, as it is pulled and on disk.
PULLED: Final = 65_000_000
UNPACKED: Final = 150_000_000
#: The same with what sets documents, and its fonts.
WITH_PAPERS: Final = (110_000_000, 240_000_000)
READ_ONLY: Final = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--network=host")
PYTHON: Final = "/opt/duban/bin/python3"

#: Prints what cannot be loaded of the standard library and of our members, and with these of all that they use.
LOAD: Final = """
import importlib, pathlib, pkgutil, sysconfig
folder = pathlib.Path(sysconfig.get_path("platstdlib"), "lib-dynload")
names = [file.name.partition(".")[0] for file in folder.glob("*.so")]
for package in (module.name for module in pkgutil.iter_modules() if module.name.startswith("duban_")):
    names.append(package)
    names += [module.name for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + ".")]
for name in names:
    try:
        name.endswith("__main__") or importlib.import_module(name)
    except ImportError as error:
        print(f"{name}: {error}")
"""
#: Makes a copy of each file in /given, and prints what it is without, or why there is none.
COPY: Final = """
import pathlib
from duban.io.evidence.file_type import file_type
from duban.io.evidence.published_copy import publish
for file in sorted(pathlib.Path("/given").iterdir()):
    why = publish(file, file_type(file), pathlib.Path("/tmp", file.name))
    said = why or b"Li Si" in pathlib.Path("/tmp", file.name).read_bytes()
    print(file.name, said)
"""
#: Sets a line in the fonts that come along, and prints what kind of file came of it, and in which fonts.
SET: Final = """
import pathlib, pylopdf_fonts_zh_cn, typst
fonts = typst.Fonts(include_system_fonts=False, font_paths=[pathlib.Path(pylopdf_fonts_zh_cn.__file__).parent])
line = '#set text(font: "Noto Serif SC"); 督办通报'.encode()
paper = typst.compile(line, format="pdf", pdf_standards=["a-2b"], font_paths=fonts)
print(paper[:4].decode(), b"NotoSerifSC" in paper)
"""


def test_built_again_it_has_the_same_digest(images: Path, workshop: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    shutil.copytree(images / "wheels", again / "wheels")
    for name in ("ground.tar", "builder.tar", "ground.packages"):
        shutil.copy(images / name, again)
    with TemporaryDirectory(dir=workshop) as store:
        run(DEPLOY / "images/build", again, "router", **Podman(Path(store)).environment)
    assert (again / "router.digest").read_text() == (images / "router.digest").read_text()
    assert (again / "router.cdx.json").read_text() == (images / "router.cdx.json").read_text()


@pytest.mark.parametrize("target", IMAGES)
def test_an_image_is_small_and_says_what_is_in_it(images: Path, target: str, podman: Podman) -> None:
    pulled, unpacked = WITH_PAPERS if target == "api-papers" else (PULLED, UNPACKED)
    assert (images / f"{target}.oci.tar").stat().st_size < pulled
    assert int(podman("image", "inspect", "--format={{.Size}}", f"localhost/duban-{target}:0.1.0")) < unpacked
    bill = json.loads((images / f"{target}.cdx.json").read_text("utf-8"))
    named = {part["name"]: part for part in bill["components"]}
    assert {"duban", "aiokafka", "asyncpg", "libc6", "libssl3"} <= named.keys()
    assert "duban-local" not in named or target == "cli"
    assert "aiokafka" in (images / f"{target}.licences.txt").read_text("utf-8")


def test_no_image_has_a_shell_or_a_package_manager(images: Path) -> None:
    with tarfile.open(images / "ground.tar") as ground:
        programs = {Path(name).name for name in ground.getnames() if Path(name).parent.name in ("bin", "sbin")}
    assert programs == {"python3", "python3.11"}


def python(podman: Podman, target: str, program: str, *options: str) -> str:
    """What ``program`` prints in the image, which may do nothing else."""
    words = [f"--entrypoint={PYTHON}", "--tmpfs=/tmp", *READ_ONLY, *options, f"localhost/duban-{target}:0.1.0"]
    return podman("run", "--rm", *words, "-c", program)


#: Of whoever has `duban mcp`, by an extra.
ASSISTANTS: Final = {
    f"duban_cli.assistants.{name}"
    for name in ("action_tools", "api", "door", "pack_tools", "record_tools", "server", "tools")
}
#: Of whoever serves pages, and with them pictures of codes.
OF_PAGES: Final = {"duban_console.pages.app", "duban_console.pages.routes.credentials"}
#: An image of each member, as the others have the same layers; with what it does not load, for commands or a laptop.
LOADED: Final[dict[str, set[str]]] = {
    "router": set(), "escalation": set(), "detector": set(), "gateway": set(),
    "api": set(), "api-papers": set(),
    "cli": {"duban_cli.bench.detection", "duban_local.jars", *ASSISTANTS, *OF_PAGES},
}  # fmt: skip


@pytest.mark.parametrize(("target", "without"), LOADED.items(), ids=list(LOADED))
def test_all_that_an_image_has_of_ours_and_of_python_can_be_loaded(
    images: Path, target: str, without: set[str], podman: Podman
) -> None:
    assert {line.partition(":")[0] for line in python(podman, target, LOAD).splitlines()} == without


@pytest.mark.parametrize("target", ["gateway", "api", "mail", "cli"])
def test_where_evidence_comes_in_a_copy_is_made_without_what_it_says_of_its_maker(
    images: Path, target: str, podman: Podman, tmp_path: Path
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "a.jpg").write_bytes(photo(32))
    for name, format_ in (("b.png", "PNG"), ("c.webp", "WEBP")):
        exif = Image.Exif()
        exif[0x013B] = "Li Si"
        Image.new("RGB", (9, 8)).save(given / name, format_, exif=exif)
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.docinfo["/Author"] = "Li Si"
        pdf.save(given / "d.pdf")
    given.chmod(0o755)
    copies = python(podman, target, COPY, f"--volume={given}:/given:ro")
    assert copies.splitlines() == [f"{file.name} False" for file in sorted(given.iterdir())]


def test_the_image_with_papers_sets_them(images: Path, podman: Podman) -> None:
    assert python(podman, "api-papers", SET) == "%PDF True"


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
