"""The composition: every service as hardened as in the charts, told what it knows, with secrets that are drawn."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from duban_cli.system import SERVICES
from duban_local import ROOT
from duban_local.roles import NAMES
from tests.deployed import DEPLOY, unknown_settings

HERE: Final = DEPLOY / "compose"
ALL: Final[dict[str, Any]] = yaml.safe_load((HERE / "compose.yaml").read_text("utf-8"))
OURS: Final = {name: about for name, about in ALL["services"].items() if about["image"].startswith("duban-")}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the secrets."""
    place = shutil.copy(HERE / "prepare", tmp_path_factory.mktemp("compose"))
    subprocess.run([sys.executable, place], check=True)
    return Path(place).with_name("secrets")


@pytest.mark.parametrize("name", OURS)
def test_a_service_has_no_right_and_time_to_finish_and_is_told_only_what_it_knows(name: str) -> None:
    about = OURS[name]
    assert (about["read_only"], about["cap_drop"], about["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert int(about["stop_grace_period"].removesuffix("s")) > 25 + 5
    if name in SERVICES:
        assert not unknown_settings(name, set(about["environment"]))
        assert about["image"].replace("${API_VARIANT:-}", "").startswith(f"duban-{name}:")
    mounted = {f"/run/secrets/{secret}" for secret in about.get("secrets", ())}
    named = {value for value in about["environment"].values() if value.startswith("/run/secrets/")}
    assert named == mounted


def test_only_the_doors_for_people_and_producers_are_open_and_on_loopback() -> None:
    ports = {name: about["ports"] for name, about in ALL["services"].items() if "ports" in about}
    assert ports == {
        "gateway": ["127.0.0.1:${GATEWAY_PORT:-8310}:8310"], "api": ["127.0.0.1:${API_PORT:-8320}:8320"],
        "grafana": ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"],
    }  # fmt: skip


def test_every_secret_that_is_named_is_drawn_and_drawn_once(drawn: Path) -> None:
    named = {Path(secret["file"]).name for secret in ALL["secrets"].values()}
    assert named | {"roles.sql", "trust"} == {file.name for file in drawn.iterdir()}
    before = {file: file.read_text() for file in drawn.rglob("*") if file.is_file()}
    subprocess.run([sys.executable, drawn.with_name("prepare")], check=True)
    assert before == {file: file.read_text() for file in drawn.rglob("*") if file.is_file()}


def test_who_asks_a_server_by_tls_finds_its_certificate_and_may_read_it(drawn: Path) -> None:
    for server in ("api", "vault"):
        verify = f"openssl verify -no-CAfile -CApath trust -verify_hostname {server} {server}-certificate"
        subprocess.run(verify.split(), check=True, capture_output=True, cwd=drawn)
    trust = drawn / "trust"
    assert {path.stat().st_mode & 0o777 for path in (trust, *trust.iterdir())} == {0o755, 0o644}


def test_the_database_has_the_roles_of_the_engine_and_each_url_its_password(drawn: Path) -> None:
    roles = dict(re.findall(r"create role (\w+) login password '(\S+)'", (drawn / "roles.sql").read_text()))
    assert roles.keys() == {f"duban_{name}" for name in NAMES} | {"deployer"}
    for role, password in roles.items():
        file = "database-migrate" if role == "deployer" else f"database-{role.removeprefix('duban_')}"
        assert f"//{role}:{password}@postgres/duban" in (drawn / file).read_text()


def test_prometheus_asks_every_service_where_it_tells() -> None:
    (job,) = yaml.safe_load((HERE / "prometheus.yaml").read_text("utf-8"))["scrape_configs"]
    asked = set(job["static_configs"][0]["targets"])
    assert asked == {f"{name}:{SERVICES[name].health_port}" for name in OURS if name in SERVICES}
    for name in OURS:
        assert name not in SERVICES or name in OURS[name]["environment"]["DUBAN_ALLOWED_HOSTS"].split(",")


def test_a_broker_takes_records_as_large_as_a_topic_lets_through() -> None:
    largest = max(
        int(size) for size in re.findall(r'max.message.bytes: "(\d+)"', (ROOT / "deploy/topics.yaml").read_text())
    )
    for file in ("compose.yaml", "larger.yaml"):
        sizes = re.findall(r'KAFKA_MESSAGE_MAX_BYTES: "(\d+)"', (HERE / file).read_text("utf-8"))
        assert sizes
        assert all(int(size) >= largest for size in sizes)
