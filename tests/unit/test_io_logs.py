"""Every line is one JSON object, whoever wrote it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

LINES = """
import logging, sys
import structlog
from duban.io import logs
logs.configure("router", "INFO", "json")
structlog.get_logger("duban_router.handlers").bind(problem="p-1").info("problem registered", text="督办")
logging.getLogger("aiokafka.consumer").warning("Heartbeat failed for group %s", "g")
logging.getLogger("aiokafka.consumer").warning("Heartbeat failed for group %s", "again")
logging.getLogger("aiokafka.consumer").info("noise")
logging.getLogger("uvicorn.error").info("started")
structlog.get_logger().debug("too fine")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().exception("broken")
"""


@pytest.fixture(scope="module")
def lines() -> list[dict[str, object]]:
    done = subprocess.run([sys.executable, "-c", LINES], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_our_own_lines_carry_what_is_bound(lines: list[dict[str, object]]) -> None:
    first = lines[0]
    assert (first["event"], first["level"], first["service"]) == ("problem registered", "info", "router")
    assert (first["problem"], first["text"]) == ("p-1", "督办")
    written_at = datetime.fromisoformat(str(first["timestamp"]))
    assert abs(datetime.now(UTC) - written_at) < timedelta(minutes=15)  # by UTC: no zone is nearer to it


def test_library_lines_have_the_same_form_and_neither_chatter_nor_repetition(lines: list[dict[str, object]]) -> None:
    assert [line["event"] for line in lines[1:]] == ["Heartbeat failed for group g", "started", "broken"]
    assert (lines[1]["service"], lines[1]["logger"]) == ("router", "aiokafka.consumer")


def test_an_exception_stays_on_its_line(lines: list[dict[str, object]]) -> None:
    assert "ZeroDivisionError" in str(lines[-1]["exception"])
