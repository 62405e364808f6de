"""The rules and the dashboards: they ask for what is exported, and every alert fires, and says what to do."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Final

import pytest
import yaml

from duban_local import ROOT
from tests.tools.metrics import ExportedMetric, exported
from tests.tools.monitoring import FOLDER, RULES, alerts, rule_tests, rules, selectors

OPERATING: Final = (ROOT / "docs/operating.md").read_text("utf-8")
#: What the client of Prometheus exports of every process, as far as anything here asks for it.
OF_THE_PROCESS: Final = {"process_start_time_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes"}
#: Labels that whoever scrapes gives.
OF_THE_TARGET: Final = {"job", "instance", "__name__"}
METRICS: Final = {sample: metric for metric in exported() for sample in metric.samples}
RECORDED: Final = {rule["record"] for rule in rules() if "record" in rule}

promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not there")


def test_every_metric_that_a_rule_names_is_exported_with_the_labels_that_it_asks_for() -> None:
    for rule in rules():
        assert list(flaws(rule["expr"])) == [], rule.get("alert") or rule["record"]


def flaws(expression: str) -> Iterator[str]:
    """What an expression asks for that nobody exports."""
    for selector in selectors(expression):
        name = selector.name or ""
        metric = METRICS.get(name)
        if metric is None:
            if name not in RECORDED | OF_THE_PROCESS:
                yield f"{name} is exported by nobody"
            continue
        for matcher in selector.matchers.matchers:
            yield from _flaws_of(metric, name, matcher.name, matcher.value)


def _flaws_of(metric: ExportedMetric, name: str, label: str, value: str) -> Iterator[str]:
    if label == "le" and name.endswith("_bucket"):
        if value not in metric.buckets:
            yield f"{name} has no bucket {value}"
    elif label not in OF_THE_TARGET and label not in metric.labels:
        yield f"{name} has no label {label}"


@pytest.mark.parametrize(
    ("expression", "flaw"),
    [
        ("rate(duban_rekords_total[5m])", "duban_rekords_total is exported by nobody"),
        ("duban_records", "duban_records is exported by nobody"),
        ('sum(duban_records_total{grup="x"})', "duban_records_total has no label grup"),
        ('duban_lapse_lateness_seconds_bucket{le="61.0"}', "duban_lapse_lateness_seconds_bucket has no bucket 61.0"),
        ("1 - (duban_x or vector(0))", "duban_x is exported by nobody"),
    ],
)
def test_what_nobody_exports_is_found(expression: str, flaw: str) -> None:
    assert list(flaws(expression)) == [flaw]


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_every_alert_says_how_much_it_matters_and_has_a_page_that_says_what_to_do(
    alert: dict[str, dict[str, str]],
) -> None:
    assert alert["labels"]["severity"] in ("page", "ticket", "none")
    page, _, anchor = alert["annotations"]["runbook"].partition("#")
    assert page == "docs/operating.md"
    headings = re.findall(r"^#+ (.*)$", OPERATING, re.MULTILINE)
    assert [heading for heading in headings if heading.lower() == anchor]


def test_every_page_of_an_alert_is_asked_for() -> None:
    pages = {heading.lower() for heading in re.findall(r"^### (Duban\w+)$", OPERATING, re.MULTILINE)}
    assert pages == {alert["annotations"]["runbook"].partition("#")[2] for alert in alerts()}


def test_every_alert_is_seen_to_fire() -> None:
    cases = [
        case
        for path in rule_tests()
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]
        for case in test["alert_rule_test"]
    ]
    fires = {case["alertname"] for case in cases if case["exp_alerts"]}
    assert fires == {alert["alert"] for alert in alerts()}


@promtool
def test_promtool_takes_the_rules() -> None:
    subprocess.run(["promtool", "check", "rules", "--lint-fatal", RULES], check=True, capture_output=True)


@promtool
@pytest.mark.parametrize("path", rule_tests(), ids=lambda path: path.name)
def test_the_rules_say_what_their_tests_expect(path: object) -> None:
    told = subprocess.run(
        ["promtool", "test", "rules", str(path)], check=False, capture_output=True, text=True, cwd=FOLDER
    )
    assert told.returncode == 0, told.stdout + told.stderr
