"""The charts run without a cluster: podman plays what helm renders, on the embedded broker and database.

podman 4.3 knows Deployments and Pods, no Jobs, projected volumes or probes over HTTP: the Job is played as its pod,
Secrets lie in folders that are mounted where they would be, and it is the test that probes. All else is as rendered.
"""

from __future__ import annotations

import json
import ssl
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

import asyncpg
import httpx2
import pytest
import yaml

from duban_cli.system import SERVICES
from duban_local.children import free_port
from tests.conftest import Stack, fetchval
from tests.deployed import DEPLOY
from tests.deployments.conftest import Podman, run
from tests.tools.charts import HELM
from tests.tools.helm import assembled, helm, rendered

#: What the smallest values run, in the order in which they are started here.
RUN: Final = ("escalation", "router", "intake", "gateway", "api", "vault")
ROWS: Final = len((DEPLOY / "demo/boston-2015.csv").read_text("utf-8").splitlines()) - 1
REPORT: Final = {"id": "1", "channel": "Self Service", "category": "Catchbasin", "title": "A hole beside the drain"}

pytestmark = pytest.mark.skipif(helm() is None, reason="helm is not here: python -m tests.tools.helm")

Secrets = dict[str, dict[str, str]]


class Played:
    """A release in podman, by the names of its services."""

    def __init__(self, podman: Podman, folder: Path, objects: list[dict[str, Any]], secrets: Secrets) -> None:
        self._podman, self._folder = podman, folder
        self.ports: dict[str, dict[str, int]] = {}
        self.probes: dict[str, dict[str, Any]] = {}
        self.grace: dict[str, int] = {}
        self._files = {}
        self._lay(secrets)
        for one in objects:
            if one["kind"] in ("Deployment", "Job"):
                spec = one["spec"]["template"]["spec"]
                name = spec["containers"][0]["name"]
                self._adapt(name, spec)
                if one["kind"] == "Job":
                    one |= {"apiVersion": "v1", "kind": "Pod", "spec": spec}
                self._files[name] = folder / f"{name}.yaml"
                self._files[name].write_text(yaml.safe_dump(one))

    def _lay(self, secrets: Secrets) -> None:
        """Each Secret as files that the group of the pod may read, as the kubelet has them."""
        for secret, texts in secrets.items():
            place = self._folder / "secrets" / secret
            place.mkdir(parents=True)
            for key, text in texts.items():
                (place / key).write_text(text)

    def _adapt(self, name: str, spec: dict[str, Any]) -> None:
        (container,) = spec["containers"]
        spec["hostNetwork"] = True
        spec.pop("topologySpreadConstraints", None)
        container["imagePullPolicy"] = "Never"
        self.probes[name] = {
            kind: container.pop(f"{kind}Probe")["httpGet"]
            for kind in ("startup", "liveness", "readiness")
            if f"{kind}Probe" in container
        }
        self.grace[name] = spec.get("terminationGracePeriodSeconds", 30)
        # All are in one network here, which others use too: each is told free ports.
        self.ports[name] = {port["name"]: free_port() for port in container.pop("ports", ())}
        for kind, port in self.ports[name].items():
            variable = "DUBAN_HEALTH_PORT" if kind == "health" else SERVICES[name].variable
            container["env"].append({"name": variable, "value": str(port)})
        for volume in spec["volumes"]:
            if "projected" in volume:
                volume["hostPath"] = {"path": str(self._projected(name, volume.pop("name"), volume.pop("projected")))}
                volume["name"] = Path(volume["hostPath"]["path"]).name

    def _projected(self, name: str, volume: str, projected: dict[str, Any]) -> Path:
        place = self._folder / name / volume
        place.mkdir(parents=True)
        for source in projected["sources"]:
            for item in source["secret"]["items"]:
                text = (self._folder / "secrets" / source["secret"]["name"] / item["key"]).read_text()
                (place / item["path"]).write_text(text)
                run("chown", "root:65532", place / item["path"])
                (place / item["path"]).chmod(projected.get("defaultMode", 0o644))
        return place

    def play(self, *names: str) -> None:
        for name in names:
            self._podman("kube", "play", self._files[name])

    def remove(self, *names: str) -> None:
        for name in names:
            self._podman("kube", "down", self._files[name])

    def container(self, name: str) -> str:
        """The container of that service."""
        listed = self._podman("ps", "--all", "--format={{.Names}}").splitlines()
        (found,) = (one for one in listed if one.endswith(f"-{name}"))
        return found

    def inspected(self, name: str, what: str) -> str:
        return self._podman("inspect", f"--format={{{{{what}}}}}", self.container(name))

    def log(self, name: str) -> str:
        return self._podman("logs", self.container(name))[-2000:]

    def answers(self, name: str, probe: str) -> bool:
        """What the kubelet would find: it asks the pod at its port, and holds no certificate against any authority."""
        about = self.probes[name][probe]
        url = f"{about['scheme'].lower()}://127.0.0.1:{self.ports[name][about['port']]}{about['path']}"
        try:
            with urlopen(url, timeout=5, context=ssl._create_unverified_context()) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False


@pytest.fixture
def secrets(stack: Stack, database: str, tmp_path: Path) -> Secrets:
    """What a cluster has before the release is installed: the URL of each role, a certificate, a key of the vault."""
    name = database.rpartition("/")[2]
    at = stack.url_of("router", name).rpartition("@")[2]
    key, certificate = tmp_path / "tls.key", tmp_path / "tls.crt"
    run(
        "openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
    )  # fmt: skip
    roles = {f"duban-db-{role}": {"url": stack.url_of(role, name)} for role in ("console", "reader", *RUN[:4], "vault")}
    return {
        **roles,
        "duban-db-migrate": {"url": f"postgresql://deployer:by-hand@{at}?role=duban_owner"},
        "duban-tls": {"tls.crt": certificate.read_text(), "tls.key": key.read_text()},
        "duban-vault-key": {"key": b64encode(bytes(32)).decode()},
    }


def values(kafka: str, accounts: str) -> dict[str, Any]:
    """What is said beside the smallest values: TLS wherever somebody is asked, and the vault."""
    tls = {"existingSecret": "duban-tls", "key": "tls.crt"}, {"existingSecret": "duban-tls", "key": "tls.key"}
    vault = {"VAULT_KEY": {"existingSecret": "duban-vault-key", "key": "key"}}
    everywhere = {"HEALTH_TLS_CERTIFICATE": tls[0], "HEALTH_TLS_KEY": tls[1]}
    return {
        "global": {"duban": {"registry": "localhost", "settings": {"KAFKA": kafka}, "files": everywhere}},
        "duban-api": {"files": {"TLS_CERTIFICATE": tls[0], "TLS_KEY": tls[1]}},
        "duban-gateway": {"secrets": vault, "settings": {"EVIDENCE": "/tmp/evidence"}},
        "duban-vault": {"secrets": vault, "settings": {"VAULT_ACCOUNTS": accounts}, "trust": tls[0]},
    }


@pytest.fixture
def played(images: Path, podman: Podman, stack: Stack, secrets: Secrets, tmp_path: Path) -> Iterator[Played]:
    """The release, of which nothing runs yet."""
    assert images
    charts = assembled(tmp_path / "charts")
    own = tmp_path / "values.yaml"
    own.write_text(yaml.safe_dump(values(stack.kafka, "https://127.0.0.1:8320")))
    objects = rendered(charts / "duban", "--values", HELM / "duban/ci/smallest-values.yaml", "--values", own)
    tmp_path.chmod(0o755)
    release = Played(podman, tmp_path, objects, secrets)
    yield release
    podman("pod", "rm", "--all", "--force", "--time=5")


async def test_a_release_carries_reports_through_and_what_is_in_hand_when_it_is_ended_is_finished(
    played: Played,
    podman: Podman,
    stack: Stack,
    database: str,
    secrets: Secrets,
    eventually: Callable[..., Awaitable[None]],
) -> None:
    name = database.rpartition("/")[2]
    connection = await asyncpg.connect(database)
    await connection.execute("create role deployer login password 'by-hand' in role duban_owner")

    def cli(*command: str) -> str:
        told = {"DUBAN_KAFKA": stack.kafka, "DUBAN_DATABASE": stack.url_of("reader", name)}
        words = [f"--env={key}={value}" for key, value in told.items()]
        return podman(
            "run", "--rm", "--network=host", "--tmpfs=/tmp", f"--volume={DEPLOY}:/deploy:ro", *words,
            "localhost/duban-cli:0.1.0", *command,
        )  # fmt: skip

    async def done(count: int) -> bool:
        receipts = await connection.fetchval("select count(*) from intake.receipts where outcome <> 'refused'")
        return bool(receipts >= count)

    try:
        played.play("migrate")
        await eventually(lambda: played.inspected("migrate", ".State.Status") == "exited", within=60)
        assert played.inspected("migrate", ".State.ExitCode") == "0"
        cli("topics", "apply")
        cli("pack", "publish", "/deploy/packs/boston-311.yaml", "/deploy/calendars/boston.yaml")
        source = json.loads(cli("source", "add", "hotline", "--jurisdiction", "boston", "--json"))

        played.play(*RUN)
        for service in RUN:
            for probe in ("startup", "liveness", "readiness"):
                await eventually(lambda asked=(service, probe): played.answers(*asked), within=90)
            status = run("cat", f"/proc/{played.inspected(service, '.State.Pid')}/status")
            for line in ("Uid:\t65532", "Gid:\t65532", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"):
                assert line in status, service
            assert played.inspected(service, ".HostConfig.ReadonlyRootfs") == "true"

        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {source['key']}"}) as http:
            url = f"http://127.0.0.1:{played.ports['gateway']['http']}/v1/reports"
            assert (await http.post(url, json=REPORT)).status_code == 202

        async def registered() -> bool:
            return bool(await fetchval(database, "select count(*) from router.records"))

        await eventually(registered, within=60)

        table = ["/deploy/demo/boston-2015.csv", "--mapping", "/deploy/demo/boston-mapping.yaml"]
        cli("report", "import", *table)
        began = time.monotonic()
        grace = max(played.grace[service] for service in RUN)
        podman("stop", f"--time={grace}", *(played.container(service) for service in RUN))
        took = time.monotonic() - began
        print(f"ended within {took:.1f} s of SIGTERM, of {grace} s")
        assert took < grace
        for service in RUN:
            assert played.inspected(service, ".State.ExitCode") == "0", podman("logs", played.container(service))[
                -2000:
            ]

        played.remove(*RUN)
        played.play(*RUN)
        await eventually(lambda: done(ROWS + 1), within=120)
    finally:
        await connection.execute("drop role deployer")
        await connection.close()
