"""Duban on a plain machine: what the units, their settings and their installer promise."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from configparser import RawConfigParser
from pathlib import Path
from typing import Final

import pytest

from duban_cli.system import SERVICES
from tests.deployed import DEPLOY, SETTINGS, unknown_settings

HERE: Final = DEPLOY / "systemd"
UNITS: Final = HERE / "units"
ALL: Final = (*SERVICES, "migrate")
HAS_ANALYZE: Final = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")


class Unit(RawConfigParser):
    """A unit file; what is said twice is a list."""

    def __init__(self, name: str) -> None:
        super().__init__(strict=False, interpolation=None)
        self.optionxform = str  # type: ignore[assignment,method-assign]
        self.text = (UNITS / name).read_text("utf-8")
        self.read_string(self.text)


def settings_named(service: str) -> dict[str, str]:
    """The variables in the settings of a service, those that are only suggested too."""
    text = (HERE / f"settings/{service}.env").read_text("utf-8")
    return dict(re.findall(r"^#?(DUBAN_\w+)=(.*)$", text, re.MULTILINE))


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_runs_its_service_as_an_account_of_its_own_by_its_own_settings(name: str) -> None:
    unit, process = Unit(f"duban-{name}.service"), SERVICES[name]
    service = unit["Service"]
    assert service["ExecStart"] == f"/opt/duban/current/bin/python -m {process.module}"
    assert service["Environment"] == f"DUBAN_HEALTH_PORT={process.health_port}"
    assert service["User"] == f"duban-{name}"
    assert re.findall(r"^EnvironmentFile=/etc/duban/(\S+)\.env$", unit.text, re.MULTILINE) == ["duban", name]
    assert unit["Install"]["WantedBy"] == "duban.target"


def test_there_is_a_unit_an_account_and_a_file_of_settings_for_each_service_and_for_nothing_else() -> None:
    accounts = re.findall(r"^u duban-(\w+)", (HERE / "sysusers.conf").read_text("utf-8"), re.MULTILINE)
    assert sorted(accounts) == sorted(ALL)
    assert sorted(file.stem for file in UNITS.glob("*.service")) == sorted(f"duban-{name}" for name in ALL)
    assert sorted(file.stem for file in (HERE / "settings").iterdir()) == sorted([*ALL, "duban"])


def test_systemd_waits_until_a_batch_in_hand_is_finished() -> None:
    for name in SERVICES:
        drain = SETTINGS[name].model_fields["drain_timeout"].default
        assert float(Unit(f"duban-{name}.service")["Service"]["TimeoutStopSec"]) > drain + 5


@pytest.mark.parametrize("name", ALL)
def test_what_a_service_is_told_are_settings_of_it_and_its_secrets_lie_in_its_own_folder(name: str) -> None:
    named = settings_named(name)
    assert not unknown_settings(name, set(named))
    assert name == "migrate" or not unknown_settings(name, set(settings_named("duban")))
    for setting, value in named.items():
        assert "SECRET" not in setting or setting.endswith(("_FILE", "_SECRETS")), f"{setting} would stand in the open"
        if value.startswith("/etc/duban/secrets/"):
            assert value.startswith(f"/etc/duban/secrets/{name}/")


@HAS_ANALYZE
@pytest.mark.parametrize("name", ALL)
def test_a_unit_is_one_that_systemd_reads_and_calls_hardened(name: str, root: Path) -> None:
    """The bar is 2.5 of 10; an ordinary unit has 9."""
    unit = f"duban-{name}.service"
    analyze = ["systemd-analyze", f"--root={root}"]
    read = subprocess.run(
        [*analyze, "verify", "--man=no", "--recursive-errors=no", unit], capture_output=True, text=True, check=False
    )
    assert (read.returncode, read.stderr) == (0, "")
    judged = [*analyze, "security", "--offline=true", "--threshold=25", "--no-pager", unit]
    verdict = subprocess.run(judged, capture_output=True, text=True, check=False)
    assert verdict.returncode == 0, verdict.stdout[-200:]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine with the units in it, and nothing to start."""
    root = tmp_path_factory.mktemp("machine")
    shutil.copytree(UNITS, root / "etc/systemd/system")
    programs = root / "opt/duban/current/bin"
    programs.mkdir(parents=True)
    for name in ("python", "duban"):
        (programs / name).touch(mode=0o755)
    return root


class Machine:
    """A machine under another root, on which the installer of a release is run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"

    def wheels(self, version: str) -> Path:
        """A folder as deploy/wheels makes it, but that the wheels in it are empty."""
        folder = self.folder / f"wheels-{version}"
        shutil.copytree(HERE, folder / "systemd")
        for name, extra in (
            ("duban", "traces"),
            ("duban_cli", ""),
            ("duban_console", "papers"),
            ("duban_detector", ""),
        ):
            write_wheel(folder, name, version, extra)
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        sums = (f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder)}\n" for file in files)
        (folder / "SHA256SUMS").write_text("".join(sums))
        return folder

    def install(self, wheels: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run the installer that lies with the wheels, under the Python of these tests."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {"DESTDIR": str(self.root), "PATH": path}
        command = ["sh", wheels / "systemd/install", *(arguments or (wheels,))]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    @property
    def release(self) -> str:
        """What the release in use says of itself, as it runs."""
        python = self.root / "opt/duban/current/bin/python"
        return subprocess.run([python, "-m", "duban_cli"], capture_output=True, text=True, check=True).stdout.strip()


def write_wheel(folder: Path, name: str, version: str, extra: str = "") -> None:
    provided = f"Provides-Extra: {extra}\n" if extra else ""
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/__main__.py", f"print({version!r})\n")
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{provided}")
        wheel.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{about}/RECORD", "")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("installed"))


def test_a_release_is_installed_upgraded_and_rolled_back_and_what_the_office_wrote_stays(machine: Machine) -> None:
    first, second = machine.wheels("1.0"), machine.wheels("1.1")
    installed = machine.install(first)
    assert (installed.returncode, machine.release) == (0, "1.0"), installed.stderr
    settings = machine.root / "etc/duban/router.env"
    settings.write_text("DUBAN_KAFKA_USER=ours\n")
    assert oct((machine.root / "etc/duban/secrets/router").stat().st_mode)[-3:] == "750"

    assert machine.install(first, "--rollback").returncode == 1
    name = hashlib.sha256((second / "SHA256SUMS").read_bytes()).hexdigest()[:12]
    (machine.root / "opt/duban/releases" / name / "bin").mkdir(parents=True)  # of one that was broken off
    assert machine.install(second).returncode == 0
    assert (machine.release, settings.read_text()) == ("1.1", "DUBAN_KAFKA_USER=ours\n")
    assert machine.install(second).returncode == 0  # once more: nothing is made anew, and the way back stays
    assert machine.install(second, "--rollback").returncode == 0
    assert machine.release == "1.0"
    assert machine.install(first, "--rollback").returncode == 0
    assert machine.release == "1.1"


def test_a_folder_of_wheels_that_was_changed_is_refused_and_the_release_in_use_stays(machine: Machine) -> None:
    before, changed = machine.release, machine.wheels("1.2")
    next(changed.glob("duban_cli*.whl")).write_bytes(b"no wheel")
    refused = machine.install(changed)
    assert refused.returncode == 1
    assert "is not what was made: copy it again" in refused.stderr
    assert machine.release == before
