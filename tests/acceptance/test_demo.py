"""The two stories on the real stack, as a newcomer runs them: ``duban demo --json``."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.stack


def test_the_demo_adds_up() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "duban_cli", "demo", "--json"],
        capture_output=True,
        text=True,
        timeout=1100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    summary = json.loads(ran.stdout.splitlines()[-1])
    assert summary["reports"] == summary["refused"] + summary["attached"] + summary["registered"]
    assert summary["escalated"] == summary["expected_escalated"] > 0
    assert summary["cities"] == ["boston", "mianyang"]
    assert summary["duties_lapsed"] == summary["expected_duties_lapsed"] == 3
    assert summary["lost"] == 0
