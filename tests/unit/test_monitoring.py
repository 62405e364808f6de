"""The rules and the dashboards: they ask for what is exported, and every alert fires, and says what to do."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from typing import Any, Final

import pytest
import yaml

from duban_cli.system import SERVICES
from duban_local import ROOT
from tests.tools import dashboards
from tests.tools.metrics import ExportedMetric, exported
from tests.tools.monitoring import FOLDER, RULES, alerts, rule_tests, rules, selectors

OPERATING: Final = (ROOT / "docs/operating.md").read_text("utf-8")
#: What the client of Prometheus exports of every process, as far as anything here asks for it.
OF_THE_PROCESS: Final = {"process_start_time_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes"}
#: Labels that whoever scrapes gives.
OF_THE_TARGET: Final = {"job", "instance", "__name__"}
GROUPS: Final = {"duban-intake", "duban-router", "duban-escalation", "duban-deliverer", "duban-detector"}
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


#: What Grafana puts in by itself, or has chosen, as a query may have it.
CHOSEN: Final = {"$__rate_interval": "5m", "$__range": "6h", "$service": "router"}
every_dashboard = pytest.mark.parametrize(("uid", "described"), dashboards.described().items())


@every_dashboard
def test_the_file_of_a_dashboard_is_what_its_description_makes(uid: str, described: dict[str, Any]) -> None:
    held = (dashboards.FILES / f"{uid}.json").read_text("utf-8")
    assert held == dashboards.written(uid, described), "run python -m tests.tools.dashboards"


def test_no_dashboard_is_left_that_nobody_describes() -> None:
    assert {path.stem for path in dashboards.FILES.iterdir()} == set(dashboards.described())


@every_dashboard
def test_every_panel_asks_for_what_is_exported_and_says_what_it_shows(uid: str, described: dict[str, Any]) -> None:
    for panel in panels(uid, described):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["type"] in ("timeseries", "stat", "table")
        for target in panel["targets"]:
            expression = target["expr"]
            for name, chosen in CHOSEN.items():
                expression = expression.replace(name, chosen)
            assert list(flaws(expression)) == [], panel["title"]
            assert target["datasource"]["uid"] == "${datasource}"


@every_dashboard
def test_panels_have_numbers_of_their_own_and_lie_beside_each_other(uid: str, described: dict[str, Any]) -> None:
    model = dashboards.model(uid, described)
    numbers = [panel["id"] for panel in model["panels"]]
    assert len(set(numbers)) == len(numbers)
    places = [panel["gridPos"] for panel in model["panels"]]
    assert all(place["x"] + place["w"] <= dashboards.COLUMNS for place in places)
    for one, other in combinations(places, 2):
        assert not (_meet(one, other, "x", "w") and _meet(one, other, "y", "h")), (one, other)


def _meet(one: dict[str, int], other: dict[str, int], start: str, length: str) -> bool:
    return one[start] < other[start] + other[length] and other[start] < one[start] + one[length]


def panels(uid: str, described: dict[str, Any]) -> list[dict[str, Any]]:
    """The panels of a dashboard, without its rows."""
    return [panel for panel in dashboards.model(uid, described)["panels"] if panel["type"] != "row"]


def test_the_names_of_groups_and_services_that_are_asked_for_are_theirs() -> None:
    matchers = [
        matcher for rule in rules() for selector in selectors(rule["expr"]) for matcher in selector.matchers.matchers
    ]
    services = {matcher.value for matcher in matchers if matcher.name == "service"}
    groups = [matcher.value for matcher in matchers if matcher.name == "group"]
    assert services == {"gateway", "intake", "router", "escalation"} & set(SERVICES)
    assert all(sum(bool(re.fullmatch(group, known)) for known in GROUPS) >= 2 for group in groups)
