"""The charts: what they make of every combination that is tested (ci/*-values.yaml), and what they refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from kubernetes_validate.utils import validate

from duban_cli.system import SERVICES
from duban_local import ROOT
from tests.deployed import SETTINGS, unknown_settings
from tests.tools.charts import CHARTS, HELM, files
from tests.tools.helm import assembled, helm, rendered, said

COMBINATIONS: Final = sorted((HELM / "duban/ci").glob("*-values.yaml"))
SMALLEST: Final = HELM / "duban/ci/smallest-values.yaml"
HAS_HELM: Final = pytest.mark.skipif(helm() is None, reason="helm is not here: python -m tests.tools.helm")
KUBERNETES: Final = "1.37"


def test_what_is_made_from_the_code_is_as_the_code_says() -> None:
    stale = [str(path.relative_to(HELM)) for path, text in files() if path.read_text("utf-8") != text]
    assert not stale, "run python -m tests.tools.charts"


@pytest.fixture(scope="module")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The charts, each with those that it is made of."""
    return assembled(tmp_path_factory.mktemp("charts"))


@pytest.fixture(scope="module", params=COMBINATIONS, ids=lambda path: path.stem)
def objects(request: pytest.FixtureRequest, charts: Path) -> list[dict[str, Any]]:
    """Everything that the umbrella makes of one combination of values."""
    said("lint", "--strict", charts / "duban", "--values", request.param)
    return rendered(charts / "duban", "--values", request.param)


def pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod by the service that runs in it."""
    for one in objects:
        if "template" in one["spec"] if "spec" in one else False:
            spec = one["spec"]["template"]["spec"]
            yield spec["containers"][0]["name"], spec


@HAS_HELM
def test_every_object_is_one_that_kubernetes_takes_and_none_stands_twice(objects: list[dict[str, Any]]) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in objects]
    assert len(names) == len(set(names))
    for one in objects:
        if one["apiVersion"].rpartition("/")[0] in ("", "apps", "batch", "networking.k8s.io", "policy"):
            validate(one, KUBERNETES, strict=True)


@HAS_HELM
def test_a_pod_has_no_right_that_it_does_not_need(objects: list[dict[str, Any]]) -> None:
    for name, pod in pods(objects):
        assert pod["automountServiceAccountToken"] is False, name
        about = pod["securityContext"]
        assert (about["runAsNonRoot"], about["runAsUser"], about["seccompProfile"]["type"]) == (
            True,
            65532,
            "RuntimeDefault",
        )
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
            }  # fmt: skip
            assert "memory" in container["resources"]["limits"]


@HAS_HELM
def test_a_pod_is_asked_where_it_answers_and_may_finish_what_it_has_in_hand(objects: list[dict[str, Any]]) -> None:
    for name, pod in pods(objects):
        if name == "migrate":
            continue
        container = pod["containers"][0]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports["health"] == SERVICES[name].health_port
        asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
        assert {kind: probe["path"] for kind, probe in asked.items()} == {
            "startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz",
        }  # fmt: skip
        assert {probe["port"] for probe in asked.values()} == {"health"}
        drain = float(
            environment(container).get("DUBAN_DRAIN_TIMEOUT", SETTINGS[name].model_fields["drain_timeout"].default)
        )
        assert pod["terminationGracePeriodSeconds"] > drain + 5


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container["env"]}


@HAS_HELM
def test_what_a_pod_is_told_are_settings_of_its_service_and_a_secret_is_a_file_from_a_secret(
    objects: list[dict[str, Any]],
) -> None:
    for name, pod in pods(objects):
        told = environment(pod["containers"][0])
        assert not unknown_settings(name, set(told)), name
        mounted = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        from_secrets = {
            f"{mounted[volume['name']]}/{item['path']}"
            for volume in pod["volumes"]
            for source in volume.get("projected", {}).get("sources", ())
            for item in source.get("secret", {}).get("items", ())
        }
        for variable, value in told.items():
            assert not variable.endswith("_FILE") or value in from_secrets, variable
            plain = variable.removeprefix("DUBAN_").lower()
            field = SETTINGS[name].model_fields.get(plain) if name in SETTINGS else None
            assert field is None or "Secret" not in str(field.annotation), f"{variable} would stand in the open"


@HAS_HELM
def test_the_network_is_open_where_the_data_goes_and_nowhere_else(objects: list[dict[str, Any]]) -> None:
    ports = {name: {port["name"] for port in pod["containers"][0].get("ports", ())} for name, pod in pods(objects)}
    policies = {
        one["metadata"]["name"].removeprefix("duban-"): one["spec"] for one in objects if one["kind"] == "NetworkPolicy"
    }
    assert policies.keys() == ports.keys() - {"migrate"}
    for name, policy in policies.items():
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        opened = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
        assert opened == ports[name]
        assert len(policy["egress"]) == 1 + len(CHARTS[name].reaches)


@HAS_HELM
@pytest.mark.parametrize("name", CHARTS)
def test_a_service_is_deployed_by_its_own_chart_alone(name: str, charts: Path) -> None:
    secrets = [f"secrets.{key}.{part}" for key in ("DATABASE", "ACCOUNTS") for part in ("existingSecret=s", "key=k")]
    wanted = [one for one in secrets if ("ACCOUNTS" not in one or name == "api") and SERVICES[name].role is not None]
    wanted += ["settings.VAULT_ACCOUNTS=https://api"] if name == "vault" else []
    told = [word for one in ("settings.KAFKA=kafka:9092", *wanted) for word in ("--set", one)]
    kinds = [one["kind"] for one in rendered(charts / name, *told)]
    assert sorted(kinds) == sorted([CHARTS[name].workload, "NetworkPolicy", "PodDisruptionBudget", "Service"])


@HAS_HELM
@pytest.mark.parametrize("place", [*(f"duban-{name}" for name in CHARTS), "global.duban"])
def test_where_health_has_a_certificate_probes_and_prometheus_ask_by_tls(place: str, charts: Path) -> None:
    """Those of the service that has it, or of all; the others are asked as before."""
    values = COMBINATIONS[-1]
    told = [word for key in ("CERTIFICATE", "KEY") for word in _health_file(place, key)]
    objects = rendered(charts / "duban", "--values", values, *told)
    for name, pod in pods(objects):
        if name == "migrate":
            continue
        container = pod["containers"][0]
        expected = "HTTPS" if place in (f"duban-{name}", "global.duban") else "HTTP"
        schemes = {container[f"{kind}Probe"]["httpGet"]["scheme"] for kind in ("startup", "liveness", "readiness")}
        assert schemes == {expected}, name
        given = environment(container).get("DUBAN_HEALTH_TLS_CERTIFICATE")
        assert (given is not None) == (expected == "HTTPS")
        monitors = [
            one["spec"]["endpoints"][0].get("scheme", "http")
            for one in objects
            if one["kind"] == "ServiceMonitor" and one["metadata"]["name"] == f"duban-{name}"
        ]
        assert monitors in ([], [expected.lower()])


def _health_file(place: str, key: str) -> list[str]:
    where = f"{place}.files.HEALTH_TLS_{key}"
    return ["--set", f"{where}.existingSecret=health", "--set", f"{where}.key=tls"]


@HAS_HELM
def test_a_job_that_migrates_is_another_where_anything_of_it_is(charts: Path) -> None:
    """No Job can be changed: an upgrade would be refused."""
    changes = [
        "migrate.image.tag=2",
        "global.duban.registry=r",
        "migrate.database.key=k",
        "migrate.ttlSecondsAfterFinished=9",
    ]

    def name(*told: str) -> str:
        objects = rendered(charts / "duban", "--values", SMALLEST, *told)
        (job,) = (one for one in objects if one["kind"] == "Job")
        return str(job["metadata"]["name"])

    names = [name(), *(name("--set", change) for change in changes)]
    assert len(set(names)) == len(names)
    assert name() == names[0]
    assert names[0].startswith("duban-migrate-0-1-0-")


REFUSED: Final = {
    "settings.KAFKA is missing": ["global.duban.settings.KAFKA="],
    "secrets.DATABASE is missing": ["duban-router.secrets=null"],
    "settings.KAFKA_USER and secrets.KAFKA_PASSWORD are needed": ["global.duban.settings.KAFKA_SECURITY=SASL_SSL"],
    "is of no use while settings.KAFKA_SECURITY names no SASL": [
        "duban-router.secrets.KAFKA_PASSWORD.existingSecret=s", "duban-router.secrets.KAFKA_PASSWORD.key=k",
    ],
    "keda decides how many run": ["duban-router.keda.enabled=true", "duban-router.replicas=2"],
    "duban.commands.v1 has 4 partitions": ["duban-router.keda.enabled=true", "duban-router.keda.max=5"],
    "keda.min is above keda.max": ["duban-router.keda.min=3", "duban-router.keda.max=2"],
    "evidence.claim mounts a folder": ["duban-api.evidence.claim=c", "duban-api.settings.EVIDENCE=s3://bucket"],
    "settings.VAULT_ACCOUNTS is missing": ["duban-vault.settings.VAULT_ACCOUNTS="],
    "migrate.database.existingSecret is missing": ["migrate.database.existingSecret="],
    "strimzi.cluster is missing": ["strimzi.enabled=true"],
    "cloudnativepg.cluster is missing": ["cloudnativepg.enabled=true"],
    "'BATCH_SIZZE' not allowed": ["duban-router.settings.BATCH_SIZZE=500"],
    "got string, want integer": ["duban-router.settings.BATCH_SIZE=many"],
    "'DATABASE' not allowed": ["duban-router.settings.DATABASE=postgresql://duban:secret@db/duban"],
    "got null, want string": ["duban-router.secrets.DATABASE.key=null"],
}  # fmt: skip


@HAS_HELM
@pytest.mark.parametrize(("says", "values"), REFUSED.items(), ids=list(REFUSED))
def test_what_cannot_be_meant_is_refused_with_what_is_wrong(says: str, values: list[str], charts: Path) -> None:
    told = [word for value in values for word in ("--set", value)]
    assert says in said("template", "duban", charts / "duban", "--values", SMALLEST, *told, code=1)


@HAS_HELM
def test_an_api_that_does_not_know_where_the_accounts_are_is_refused(charts: Path) -> None:
    told = ["settings.KAFKA=kafka:9092", "secrets.DATABASE.existingSecret=s", "secrets.DATABASE.key=k"]
    words = [word for one in told for word in ("--set", one)]
    assert "secrets.ACCOUNTS is missing" in said("template", "duban", charts / "api", *words, code=1)


def test_a_member_is_added_before_half_a_minute_of_work_waits_for_each() -> None:
    """By the rates that were measured; a database over a network is slower, so the figure stays well below."""
    measured = (ROOT / "docs/benchmarks.md").read_text("utf-8")
    for name, row in (
        ("router", r"router alone \| ([\d,]+) commands/s"),
        ("intake", r"intake alone \| ([\d,]+) reports/s"),
    ):
        found = re.search(row, measured)
        scaling = CHARTS[name].scaling
        assert found
        assert scaling
        rate = int(found[1].replace(",", ""))
        assert rate * 30 / 6 <= scaling.lag <= rate * 30 / 5


@HAS_HELM
def test_the_rules_of_prometheus_are_those_that_are_tested(charts: Path) -> None:
    objects = rendered(charts / "duban", "--values", SMALLEST, "--set", "prometheusRule.enabled=true")
    (rule,) = [one for one in objects if one["kind"] == "PrometheusRule"]
    assert rule["spec"] == yaml.safe_load((ROOT / "deploy/monitoring/rules.yaml").read_text("utf-8"))
