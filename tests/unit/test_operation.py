"""What an operator is shown: services by their own metrics, silent sources, groups that lag, and whose name is used."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from duban.errors import SettingsError
from duban.messages.sources import RegisteredSource, SourceKey
from duban_console.accounts.account import Appointment, Role
from duban_console.api.settings import ApiSettings
from duban_console.kafka.lag import Lag
from duban_console.operation.broker_watch import GroupLag, TopicState, summed, tell_of_groups, tell_of_topics
from duban_console.operation.rounds import tell_of_sources
from duban_console.operation.service_watch import FIGURES, ServiceWatch, state_in, worst
from duban_console.operation.source_silence import states
from duban_console.source_journal import SourceActivity
from duban_intake.sources.silence import silences
from tests.accounts import AT, MINUTE
from tests.given import rules_with
from tests.page_town import Town, browser
from tests.sample_operation import DLQ, operation_of
from tests.sample_operation import heard as heard_of
from tests.tools.metrics import metrics_table

METRICS = """\
# TYPE duban_service_info gauge
duban_service_info{service="router",version="0.1.0"} 1.0
# TYPE duban_ready gauge
duban_ready{check="kafka"} 1.0
duban_ready{check="database"} 0.0
# TYPE duban_lag_records gauge
duban_lag_records{group="duban-router",topic="a"} 3.0
duban_lag_records{group="duban-router",topic="b"} 4.0
# TYPE duban_oldest_in_hand_seconds gauge
duban_oldest_in_hand_seconds{group="x"} 2.0
duban_oldest_in_hand_seconds{group="y"} 9.0
"""
ACCOUNTS: Any = {"accounts": SecretStr("postgresql://x"), "accounts_key": None}


def test_a_service_is_as_its_metrics_say() -> None:
    state = state_in("http://router:8302", METRICS)
    assert (state.name, state.version, state.checks) == ("router", "0.1.0", {"kafka": True, "database": False})
    assert not state.is_ready
    assert state.figures == {"duban_lag_records": 7.0, "duban_oldest_in_hand_seconds": 9.0}
    assert (worst([state], "duban_lag_records"), worst([state], "duban_oldest_overdue_seconds")) == (7.0, None)


def test_every_figure_that_is_shown_is_one_that_prometheus_takes() -> None:
    documented = metrics_table()
    assert [name for name in FIGURES if f"`{name}`" not in documented] == []


async def test_every_figure_on_the_pages_of_operators_stands_under_its_name_in_prometheus() -> None:
    """A column of figures says it at its head or, where it is of one service, each row does; a tile says it itself."""
    town = Town(rules_with(), AT)
    town.heard = heard_of(AT)
    token = await town.room.person("o", Appointment(role=Role.OPERATOR))
    documented, seen = metrics_table(), set()
    async with browser(town.app(operation=operation_of(town.clock)), token, accept_language="en") as reader:
        for path in ("", "/topics", "/letters", f"/letters/{DLQ}", "/deadlines", "/sources", "/anchors"):
            page = (await reader.get(f"/operation{path}")).text
            for tile in re.findall(r"<li><span>.*?</li>", page):
                seen |= names_in(tile, documented, path)
            for table in re.findall(r"<table>.*?</table>", page, re.DOTALL):
                heads = re.findall(r'<th scope="col" class="number">(.*?)</th>', table)
                if heads and all("<code>" not in head for head in heads):
                    heads = re.findall(r'<th scope="row">(.*?)</th>', table)
                for head in heads:
                    seen |= names_in(head, documented, path)
    assert seen >= {*FIGURES, "duban_topic_records", "duban_group_lag_records", "duban_source_reports"}


def names_in(shown: str, documented: str, path: str) -> set[str]:
    """The names in a piece of a page, of which there is one at least, and which Prometheus knows each."""
    names = re.findall(r"<code>(duban_\w+)</code>", shown)
    assert names, (path, shown)
    assert [name for name in names if f"`{name}`" not in documented] == [], path
    return set(names)


def test_prometheus_takes_what_was_seen_last_of_groups_topics_and_sources_and_of_no_others() -> None:
    tell_of_groups([GroupLag("g", "t", 2, 3), GroupLag("gone", "t", 1, 9)])
    tell_of_groups([GroupLag("g", "t", 2, 4)])
    tell_of_topics([TopicState("t", 2, 70)])
    tell_of_sources({"hotline": heard("hotline", MINUTE)})
    labels = {"group": "g", "topic": "t"}
    assert REGISTRY.get_sample_value("duban_group_lag_records", labels) == 4
    assert REGISTRY.get_sample_value("duban_group_partitions", labels) == 2
    assert REGISTRY.get_sample_value("duban_group_lag_records", {"group": "gone", "topic": "t"}) is None
    assert REGISTRY.get_sample_value("duban_topic_records", {"topic": "t"}) == 70
    assert REGISTRY.get_sample_value("duban_source_reports", {"source": "hotline", "outcome": "accepted"}) == 1


async def test_a_service_that_is_away_or_answers_nonsense_is_said_to_be() -> None:
    def answered(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "gone":
            raise httpx2.ConnectError("nobody", request=request)
        return httpx2.Response(503 if request.url.host == "ill" else 200, text="no metrics {")

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answered)) as client:
        urls = ["http://gone:1", "http://ill:1", "http://odd:1"]
        seen = await ServiceWatch(client, urls).states()
    assert [(state.url, bool(state.away), state.is_ready) for state in seen] == [(url, True, False) for url in urls]


def heard(name: str, ago: timedelta) -> SourceActivity:
    return SourceActivity(name, AT - ago, 1, 0, [], None, None)


def test_a_source_is_silent_beyond_its_limit_and_one_without_a_limit_or_turned_off_never_is() -> None:
    limited: Any = {"keeper": "ecology", "quiet": 600, "jurisdiction": "linyi"}
    key = SourceKey(sha256="0" * 64, since=AT - 10 * MINUTE)
    sources = [
        RegisteredSource(name="a-fresh", **limited), RegisteredSource(name="b-free"),
        RegisteredSource(name="c-off", is_off=True, keys=(key,), **limited),
        RegisteredSource(name="d-never", keys=(key,), **limited), RegisteredSource(name="e-silent", **limited),
        RegisteredSource(name="f-new", **limited),
    ]  # fmt: skip
    known = {name: heard(name, ago) for name, ago in (("a-fresh", 9 * MINUTE), ("e-silent", 10 * MINUTE))}
    silent = [(state.source.name, state.is_silent) for state in states(sources, known, AT)]
    assert silent == [
        ("d-never", True), ("e-silent", True), ("a-fresh", False), ("b-free", False), ("c-off", False),
        ("f-new", False),
    ]  # fmt: skip
    # As intake has it, which opens what the keeper owes.
    spoke_at = {name: activity.spoke_at for name, activity in known.items()}
    by_intake = {silence.source.name for silence in silences(sources, spoke_at, AT)}
    assert by_intake == {name for name, is_silent in silent if is_silent}


def test_the_lag_of_a_group_is_that_of_all_its_partitions() -> None:
    places = [Lag("g", "t", 0, 1, 4), Lag("g", "t", 1, 2, 2), Lag("g", "s", 0, 5, 3)]
    assert summed(places) == [GroupLag("g", "s", 1, 0), GroupLag("g", "t", 2, 3)]


def test_pages_look_and_send_by_principals_of_their_own_where_they_have_them() -> None:
    off = ApiSettings.load(**ACCOUNTS)
    assert (off.operator_pages, off.sending()) == ("off", None)
    alone = ApiSettings.load(**ACCOUNTS, operator_pages="replay", kafka_user="duban-api")
    assert alone.looking().kafka_user == "duban-api"
    assert alone.sending() is alone
    named = ApiSettings.load(
        **ACCOUNTS, operator_pages="replay", kafka_user="duban-api", operator_kafka_user="duban-pages",
        operator_kafka_password="p", replay_kafka_user="duban-replay", replay_kafka_password="r",
        operator_services="http://router:8302/, http://intake:8301",
    )  # fmt: skip
    sending = named.sending()
    assert sending is not None
    assert (named.looking().kafka_user, sending.kafka_user, named.kafka_user) == (
        "duban-pages", "duban-replay", "duban-api",
    )  # fmt: skip
    assert named.health_ports() == ["http://router:8302", "http://intake:8301"]
    with pytest.raises(SettingsError, match="DUBAN_OPERATOR_SERVICES"):
        ApiSettings.load(**ACCOUNTS, operator_services="router:8302")
