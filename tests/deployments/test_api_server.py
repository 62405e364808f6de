"""The charts on a real API server, which admits what it knows: without nodes or controllers, so nothing of them runs.

It is run by hand: ``DUBAN_API_SERVER`` names kube-apiserver, ``DUBAN_CRDS`` a folder with definitions of others' kinds
(KEDA, Prometheus); etcd stands in the path. Kinds that are not defined there are left out, and named.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import yaml

from duban_local.children import free_port, spawn, until
from tests.deployments.conftest import run
from tests.tools.charts import HELM, VERSION
from tests.tools.helm import assembled, helm, rendered

PROGRAM: Final = os.environ.get("DUBAN_API_SERVER", "")
FILES: Final = sorted(Path(os.environ.get("DUBAN_CRDS", "/nowhere")).glob("*.yaml"))
COMBINATIONS: Final = sorted((HELM / "duban/ci").glob("*-values.yaml"))
SMALLEST: Final = HELM / "duban/ci/smallest-values.yaml"
NEWER: Final = "9.9.9"
RUN: Final = ("escalation", "router", "intake", "gateway", "api", "vault")
#: Whose kinds need not be defined here.
OTHERS: Final = {"kafka.strimzi.io", "postgresql.cnpg.io", "keda.sh", "monitoring.coreos.com"}
#: What the namespace holds every pod to, and what it warns of.
RESTRICTED: Final = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}

pytestmark = pytest.mark.skipif(
    not PROGRAM or helm() is None or shutil.which("etcd") is None,
    reason="is run by hand: DUBAN_API_SERVER names kube-apiserver, etcd is in the path, and python -m tests.tools.helm",
)


class Server:
    """An API server: asked as its administrator, of the namespace ``duban`` unless somebody says otherwise."""

    def __init__(self, url: str, token: str, kubeconfig: Path) -> None:
        self._http = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            verify=False,
            timeout=60,
        )
        self._kubeconfig = kubeconfig

    def close(self) -> None:
        self._http.close()

    async def ready(self) -> bool:
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    def kinds(self) -> dict[tuple[str, str], str]:
        """Where each kind is made, by its version and name."""
        groups = [group["preferredVersion"]["groupVersion"] for group in self.get("/apis")["groups"]]
        places = {}
        for version, path in [("v1", "/api/v1"), *((version, f"/apis/{version}") for version in groups)]:
            for one in self.get(path)["resources"]:
                if "/" not in one["name"]:
                    place = f"{path}/namespaces/duban/{one['name']}" if one["namespaced"] else f"{path}/{one['name']}"
                    places[(version, one["kind"])] = place
        return places

    def get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self._http.get(path).raise_for_status().json()
        return found

    def create(self, path: str, one: dict[str, Any], *, dry: bool = False) -> tuple[int, str]:
        """The status, and what it says or warns of; nothing where all is well."""
        how = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry else {})
        answer = self._http.post(path, json=one, params=how)
        return answer.status_code, answer.headers.get("Warning") or (answer.text if answer.is_error else "")

    def helm(self, *command: str | Path) -> str:
        """What helm says; it fails the test where the server warns of anything."""
        done = subprocess.run(
            [str(helm()), *command, "--namespace", "duban"],
            capture_output=True, text=True, check=False, env={**os.environ, "KUBECONFIG": str(self._kubeconfig)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "would violate PodSecurity" not in done.stderr, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server with the namespace, held to what is restricted, and with the kinds of others that are given."""
    folder = tmp_path_factory.mktemp("api-server")
    ports = [free_port() for _ in range(3)]
    store = f"http://127.0.0.1:{ports[0]}"
    peer = f"http://127.0.0.1:{ports[1]}"
    etcd = spawn("etcd", [
        "etcd", "--data-dir", folder / "etcd", "--listen-client-urls", store, "--advertise-client-urls", store,
        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
    ], folder / "etcd.log")  # fmt: skip
    run("openssl", "genrsa", "-out", folder / "key", "2048")
    (folder / "tokens").write_text("by-hand,admin,1,system:masters\n")
    url = f"https://127.0.0.1:{ports[2]}"
    api = spawn("kube-apiserver", [
        PROGRAM, "--etcd-servers", store, "--bind-address", "127.0.0.1", "--secure-port", str(ports[2]),
        "--cert-dir", folder / "certificates", "--token-auth-file", folder / "tokens", "--authorization-mode", "RBAC",
        "--service-cluster-ip-range", "10.0.0.0/24", "--service-account-issuer", "https://localhost",
        "--service-account-key-file", folder / "key", "--service-account-signing-key-file", folder / "key",
    ], folder / "api.log")  # fmt: skip
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
        "clusters": [{"name": "one", "cluster": {"server": url, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "one", "user": {"token": "by-hand"}}],
    }))  # fmt: skip
    kubeconfig.chmod(0o600)
    asked = Server(url, "by-hand", kubeconfig)
    try:
        await until(asked.ready, "the API server did not come up", within=300)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "duban", "labels": RESTRICTED}}
        assert asked.create("/api/v1/namespaces", namespace) == (201, "")
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        assert asked.create("/api/v1/namespaces/duban/serviceaccounts", account) == (201, "")
        await define(asked)
        yield asked
    finally:
        asked.close()
        await api.end()
        await etcd.end()


async def define(server: Server) -> None:
    """Have the kinds of others that are given."""
    made = set()
    for file in FILES:
        # A bare = in them is text, which YAML 1.1 has another meaning for.
        text = re.sub(r"^( *- )=$", r'\1"="', file.read_text("utf-8"), flags=re.MULTILINE)
        definition = yaml.safe_load(text)
        assert server.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)[0] == 201, file
        made.add(definition["spec"]["names"]["kind"])

    async def known() -> bool:
        return made <= {kind for _, kind in server.kinds()}

    await until(known, "the kinds of others were not there", within=60)


@pytest.fixture(scope="module")
def charts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The umbrella by its version: this release, and the same as it will be called one day."""
    return {version: assembled(tmp_path_factory.mktemp("charts"), version) / "duban" for version in (VERSION, NEWER)}


def pods(objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each pod that a controller would make of these."""
    for one in objects:
        if template := one.get("spec", {}).get("template"):
            metadata = {**template["metadata"], "name": one["metadata"]["name"]}
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


@pytest.mark.parametrize("values", COMBINATIONS, ids=lambda path: path.stem)
async def test_the_server_takes_every_object_and_every_pod_as_restricted(
    server: Server, charts: dict[str, Path], values: Path
) -> None:
    objects = rendered(charts[VERSION], "--values", values)
    kinds = server.kinds()
    unknown = {(one["apiVersion"], one["kind"]) for one in objects} - kinds.keys()
    assert {version.partition("/")[0] for version, _ in unknown} <= OTHERS
    print("not defined on this server:", *sorted(unknown))
    for one in objects:
        if (place := kinds.get((one["apiVersion"], one["kind"]))) is not None:
            name = one["metadata"]["name"]
            assert server.create(place, one, dry=True) == (201, ""), f"{one['kind']} {name}"
    for pod in pods(objects):
        assert server.create(kinds[("v1", "Pod")], pod, dry=True) == (201, ""), pod["metadata"]["name"]


async def test_the_server_would_refuse_a_pod_that_may_more(server: Server, charts: dict[str, Path]) -> None:
    for key, value in (("allowPrivilegeEscalation", True), ("capabilities", {})):
        pod = next(pods(rendered(charts[VERSION], "--values", SMALLEST)))
        pod["spec"]["containers"][0]["securityContext"][key] = value
        code, says = server.create(server.kinds()[("v1", "Pod")], pod, dry=True)
        assert (code, "violates PodSecurity" in says) == (403, True)


async def test_a_release_is_installed_changed_upgraded_rolled_back_and_removed(
    server: Server, charts: dict[str, Path]
) -> None:
    kinds = server.kinds()

    def images(kind: str) -> dict[str, str]:
        found = server.get(kinds[("apps/v1" if kind == "Deployment" else "batch/v1", kind)])["items"]
        return {
            one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2]
            for one in found
        }

    def versions() -> tuple[set[str], set[str]]:
        return set(images("Deployment").values()), set(images("Job").values())

    server.helm("install", "duban", charts[VERSION], "--values", SMALLEST)
    assert set(images("Deployment")) == {
        f"duban-{name}" for name in ("escalation", "router", "intake", "gateway", "api", "vault")
    }
    assert versions() == ({VERSION}, {VERSION})
    (first,) = images("Job")

    # Without another version: what no Job lets be changed makes another.
    server.helm(
        "upgrade", "duban", charts[VERSION], "--values", SMALLEST, "--set", "global.duban.registry=registry.example"
    )
    (changed,) = images("Job")
    assert changed != first

    server.helm("upgrade", "duban", charts[NEWER], "--values", SMALLEST)
    assert versions() == ({NEWER}, {NEWER})
    server.helm("rollback", "duban", "1")
    assert (versions(), set(images("Job"))) == (({VERSION}, {VERSION}), {first})
    server.helm("uninstall", "duban")
    assert (images("Deployment"), images("Job")) == ({}, {})
