"""Rows and requests that nobody means well by are refused, each with what is wrong and where; none breaks its reader.

The bodies of requests and the files are corpora under tests/data/abuse: what was found stays there.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.testing import CliRunner

from duban.errors import Fault
from duban_cli import app
from duban_intake.body import JSON
from duban_intake.channels.columns import Mapping, load_mapping, read_reports
from duban_intake.channels.table import BadRow, TableError, csv_table
from duban_intake.gateway.request import read
from tests.given import ROOT

MANY: Final = 100_000
HEADER: Final = "id,title,lat,lon,at,more\n"
NOW: Final = datetime(2026, 3, 1, tzinfo=UTC)
REPORT: Final = {"source": "hotline", "id": "1", "jurisdiction": "smallville", "channel": "hotline", "title": "smoke"}


def corpus(name: str) -> dict[str, dict[str, Any]]:
    entries: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / f"tests/data/abuse/{name}.yaml").read_text("utf-8"))
    return entries


ROWS: Final = {name: entry for name, entry in corpus("rows").items() if "bad" in entry}
FILES: Final = {name: entry for name, entry in corpus("rows").items() if "error" in entry}
REQUESTS: Final = corpus("requests")


def filled(text: str, entry: dict[str, Any]) -> str:
    return text.replace("{again}", entry.get("again", "") * entry.get("times", MANY))


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    return load_mapping(
        """
        source: city
        id: id
        columns: {title: title, latitude: lat, longitude: lon, observed_at: at}
        constants: {jurisdiction: smallville, channel: hotline}
        observed_at: {format: "%Y-%m-%d %H:%M", timezone: Asia/Shanghai}
        attributes: [more]
        """,
        "mapping.yaml",
    )


@pytest.mark.parametrize("entry", ROWS.values(), ids=ROWS)
def test_a_row_that_is_too_much_or_no_sense_is_named_with_its_line(entry: dict[str, Any], mapping: Mapping) -> None:
    [fault] = read_reports(csv_table(StringIO(HEADER + filled(entry["lines"], entry), newline="")), mapping)
    assert isinstance(fault, BadRow)
    assert entry["bad"] in f"{fault.line}: {fault.field}: {fault.reason}"


@pytest.mark.parametrize("entry", FILES.values(), ids=FILES)
def test_a_file_without_the_columns_is_refused(entry: dict[str, Any], mapping: Mapping) -> None:
    with pytest.raises(TableError) as refused:
        list(read_reports(csv_table(StringIO(filled(entry["file"], entry), newline="")), mapping))
    assert entry["error"] in str(refused.value)
    assert len(str(refused.value)) < 1_200


def test_the_rows_are_refused_for_what_is_wrong_with_them_alone(mapping: Mapping) -> None:
    good = HEADER + "1,a,1,1,2026-01-01 00:00,\n"
    assert not isinstance(next(read_reports(csv_table(StringIO(good)), mapping)), BadRow)


@pytest.mark.parametrize("entry", REQUESTS.values(), ids=REQUESTS)
def test_a_body_that_is_too_much_or_no_sense_is_refused(entry: dict[str, Any]) -> None:
    if "hex" in entry:
        body = bytes.fromhex(entry["hex"])
    else:
        body = filled(entry.get("body", json.dumps(REPORT | entry.get("with", {}))), entry).encode()
    with pytest.raises(Fault) as refused:
        read({"content-type": JSON}, body, NOW)
    assert refused.value.status == 400
    assert entry["error"] in str(refused.value)
    assert len(str(refused.value)) < 1_200


def test_the_bodies_are_refused_for_what_is_wrong_with_them_alone() -> None:
    assert read({"content-type": JSON}, json.dumps(REPORT).encode(), NOW).message.id == "1"


def test_a_file_without_an_end_is_read_no_further_than_a_line_may_be_long(tmp_path: Path) -> None:
    file, mapping = tmp_path / "rows.csv", ROOT / "deploy/demo/boston-mapping.yaml"
    file.write_text("x" * 5_000_000)
    result = CliRunner().invoke(app, ["report", "import", str(file), "--mapping", str(mapping), "--dry-run"])
    assert result.exit_code == 1
    assert "rows.csv: line 1 has more than 1000000 bytes; is it a CSV file?" in " ".join(result.stderr.split())
