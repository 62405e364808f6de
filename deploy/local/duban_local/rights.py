"""Who may do what at the brokers, by ``deploy/topics.yaml``: the one table that ACLs and documents are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from duban_local.topics import Declaration

#: How every principal of ours begins; the rest is the name of a service, or of a part that people play.
PREFIX: Final = "duban-"

Operation: TypeAlias = str
Resource: TypeAlias = Literal["topic", "group", "cluster", "transactional-id"]


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """What one principal may do to one thing, from every host: an ACL of Kafka, in its words.

    What a person made by hand may say more: a pattern of names, a host, a refusal.
    """

    principal: str
    operation: Operation
    resource: Resource
    name: str
    pattern: str = "literal"
    host: str = "*"
    permission: str = "allow"

    def __str__(self) -> str:
        odd = [word for word in (self.pattern, self.permission) if word not in ("literal", "allow")]
        odd += [f"from {self.host}"] if self.host != "*" else []
        beside = f" ({', '.join(odd)})" if odd else ""
        return f"{self.principal} {self.operation} {self.resource} {self.name}{beside}"


@dataclass(frozen=True, slots=True)
class RightChange:
    """What is to be done to come to the table; ``foreign``: nothing, but somebody else may touch what is ours."""

    action: Literal["grant", "revoke", "foreign"]
    right: Right


def principal_of(name: str) -> str:
    """The principal of the service, or the part, ``name``."""
    return f"User:{PREFIX}{name}"


def rights(declaration: Declaration, group_suffix: str = "", producers: Mapping[str, str] | None = None) -> set[Right]:
    """Every right that ``declaration`` gives.

    ``producers``: the topic to which each further principal may write, as sources have one of their own.
    """
    declared: set[Right] = set()
    for topic, entry in declaration.topics.items():
        declared |= {Right(principal_of(name), "Write", "topic", topic) for name in entry.writers}
        declared |= {Right(principal_of(name), "Read", "topic", topic) for name in entry.readers}
    groups = [group + group_suffix for entry in declaration.principals.values() for group in entry.groups]
    for name, principal in declaration.principals.items():
        declared |= {Right(principal_of(name), "Read", "group", group + group_suffix) for group in principal.groups}
        if principal.sees_groups:
            declared |= {Right(principal_of(name), "Describe", "group", group) for group in groups}
            declared |= {Right(principal_of(name), "Describe", "topic", topic) for topic in declaration.topics}
    writers = {right.principal for right in declared if right.operation == "Write"}
    # Every process begins as a producer, which asks for an id: whoever may write is given one, others need this.
    idle = {principal_of(name) for name in declaration.principals} - writers
    declared |= {Right(principal, "IdempotentWrite", "cluster", "kafka-cluster") for principal in idle}
    return declared | of_producers(producers or {})


def of_producers(producers: Mapping[str, str]) -> set[Right]:
    """What further principals are given: each may write to its topic."""
    return {Right(f"User:{name}", "Write", "topic", topic) for name, topic in producers.items()}


def changes(
    declared: set[Right], present: Iterable[Right], own: set[str], given_before: Set[Right] = frozenset()
) -> list[RightChange]:
    """What separates the rights that are ``present`` from those that are ``declared``.

    ``own``: the principals whose rights are exactly those; of others only what they were ``given_before`` is taken,
    and what else they may do to what is ours is told.
    """
    there = set(present)
    granted = [RightChange("grant", right) for right in sorted(declared - there)]
    beyond = {right for right in there - declared if right.principal in own} | (there & given_before - declared)
    revoked = [RightChange("revoke", right) for right in sorted(beyond)]
    names = {(right.resource, right.name) for right in declared}
    foreign = [
        RightChange("foreign", right)
        for right in sorted(there - declared - beyond)
        if any(_touches(right, *ours) for ours in names)
    ]
    return granted + revoked + foreign


def _touches(right: Right, resource: str, name: str) -> bool:
    if right.resource != resource:
        return False
    if right.pattern == "prefixed":
        return name.startswith(right.name)
    return right.name in ("*", name)
