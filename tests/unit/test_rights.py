"""One table says who may touch which topic, and what is at the brokers is brought to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from duban_cli.system import SERVICES
from duban_local import ROOT, topics
from duban_local.children import StackError
from duban_local.rights import Right, RightChange, changes, of_producers, principal_of, rights

DECLARED = topics.declaration()


def test_every_service_is_a_principal_and_every_principal_touches_something() -> None:
    assert SERVICES.keys() <= DECLARED.principals.keys()
    touched = {name for entry in DECLARED.topics.values() for name in (*entry.writers, *entry.readers)}
    assert touched == DECLARED.principals.keys()
    for file in sorted(ROOT.glob("deploy/systemd/settings/*.env")):
        for name in re.findall(r"^#?DUBAN_KAFKA_USER=duban-(.+)$", file.read_text("utf-8"), re.MULTILINE):
            assert name in DECLARED.principals, file.name


def test_commands_are_written_by_who_speaks_for_people_and_the_two_that_act_by_themselves() -> None:
    assert set(DECLARED.topics["duban.commands.v1"].writers) == {"api", "intake", "escalation", "replay"}
    assert [name for name, entry in DECLARED.topics.items() if "router" in entry.writers] == [
        "duban.problems.v1", "duban.anchors.v1", "duban.commands.v1.duban-router.dlq",
    ]  # fmt: skip


def test_dead_letters_are_written_by_the_member_of_the_group_in_their_name() -> None:
    members = {group: name for name, entry in DECLARED.principals.items() for group in entry.groups}
    for topic, entry in DECLARED.topics.items():
        if (group := re.fullmatch(r".*\.(duban-[a-z0-9]+)\.dlq", topic)) is not None:
            assert entry.writers == [members.get(group[1], group[1].removeprefix("duban-"))]


def test_a_topic_that_names_who_is_no_principal_is_refused(tmp_path: Path) -> None:
    text = topics.DECLARATION.read_text("utf-8")
    (tmp_path / "topics.yaml").write_text(text.replace("writers: [router]", "writers: [rooter]"), "utf-8")
    with pytest.raises(StackError, match=r"topics\.duban\.commands\.v1\.duban-router\.dlq: rooter is none of the"):
        topics.declaration(tmp_path / "topics.yaml")


def test_the_group_of_a_second_installation_and_the_producers_of_others_are_in_the_rights() -> None:
    wanted = rights(DECLARED, "-second", {"hotline": "duban.reports.v1"})
    assert Right(principal_of("router"), "Read", "group", "duban-router-second") in wanted
    assert Right("User:hotline", "Write", "topic", "duban.reports.v1") in wanted
    assert {right.name for right in wanted if right.resource == "group"} == {
        f"duban-{name}-second" for name in ("intake", "detector", "router", "escalation", "deliverer", "desk")
    }
    # Who may write nowhere is given an id as a producer all the same.
    idle = {right.principal for right in wanted if right.resource == "cluster"}
    assert idle == {principal_of("vault"), principal_of("auditor"), principal_of("pages")}


def test_who_sees_how_far_groups_are_may_describe_them_and_every_topic_and_reads_none_by_that() -> None:
    wanted = rights(DECLARED)
    described = {(right.resource, right.name) for right in wanted if right.operation == "Describe"}
    assert described == {("topic", name) for name in DECLARED.topics} | {
        ("group", group) for entry in DECLARED.principals.values() for group in entry.groups
    }
    reads = {right.name for right in wanted if (right.principal, right.operation) == (principal_of("pages"), "Read")}
    writes = {right for right in wanted if (right.principal, right.operation) == (principal_of("pages"), "Write")}
    assert reads == {
        name for name in DECLARED.topics
        if name.endswith(".dlq") or name in ("duban.sources.v1", "duban.anchors.v1", "duban.audit.v1")
    }  # fmt: skip
    assert not writes


def test_what_lacks_is_given_what_is_beyond_is_taken_of_ours_and_others_are_told() -> None:
    one, other = principal_of("router"), principal_of("api")
    kept, lacking = Right(one, "Read", "topic", "a"), Right(one, "Write", "topic", "b")
    beyond = Right(other, "Read", "topic", "a", permission="deny")
    foreign = [
        Right("User:x", "Write", "topic", "*"),
        Right("User:x", "Write", "topic", "b", pattern="prefixed"),
        Right("User:x", "Read", "topic", "a", host="10.0.0.1"),
    ]
    nothing_of_ours = [Right("User:x", "Write", "topic", "c"), Right("User:x", "Read", "group", "a")]
    planned = changes({kept, lacking}, [kept, beyond, *foreign, *nothing_of_ours], {one, other})
    assert planned == [
        RightChange("grant", lacking),
        RightChange("revoke", beyond),
        *(RightChange("foreign", right) for right in sorted(foreign)),
    ]
    assert str(beyond) == "User:duban-api Read topic a (deny)"
    assert changes({kept}, [kept], {one}) == []


def test_of_others_only_what_they_were_given_is_taken_and_never_what_is_declared() -> None:
    given, held = of_producers({"hotline": "a", "desk": "a"})
    besides = Right(given.principal, "Read", "topic", "a")
    planned = changes({held}, [given, held, besides], set(), {given, held})
    assert planned == [RightChange("revoke", given), RightChange("foreign", besides)]
