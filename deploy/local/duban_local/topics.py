"""The topics that ``deploy/topics.yaml`` declares, and how a broker is brought to have them so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from duban.messages.form import form_faults
from duban_local import ROOT
from duban_local.children import StackError, until

DECLARATION = ROOT / "deploy/topics.yaml"

Partitions = Annotated[int, Field(ge=1, le=10_000)]

#: Of three replicas two must have a record before it is accepted: one may be lost, and what was accepted is there.
_IN_SYNC = "min.insync.replicas"
_REDUNDANT = 3

#: Kafka's word for "set on this topic", as against inherited from the broker or built in.
_SET_ON_TOPIC = 1


class _Declared(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Defaults(_Declared):
    """What a topic is when it does not say otherwise."""

    partitions: Partitions
    config: dict[str, str] = {}


class PrincipalDeclaration(_Declared):
    """Who comes to the brokers: of which consumer groups it is a member, and whether it may look how far all are.

    That is where they stand, and where the topics end: it may describe both, and reads no topic by it.
    """

    groups: list[str] = []
    sees_groups: bool = False


class TopicDeclaration(_Declared):
    """What one topic says of itself, and which principals may write and read it."""

    partitions: Partitions | None = None
    config: dict[str, str] = {}
    writers: list[str]
    readers: list[str]


class Declaration(_Declared):
    """The file as it is written."""

    defaults: Defaults
    principals: dict[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,100}$")], PrincipalDeclaration]
    topics: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,249}$")], TopicDeclaration], Field(min_length=1)
    ]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be, defaults filled in."""

    name: str
    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TopicChange:
    """What was done to one topic, or would be; ``detail`` is for people."""

    topic: str
    action: Literal["create", "alter"]
    detail: str


def declaration(path: Path = DECLARATION) -> Declaration:
    """The file ``path`` as it is written.

    Raises:
        StackError: naming file, place and fault.
    """
    try:
        written = Declaration.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise StackError(f"{path}: {error}") from None
    except ValidationError as error:
        faults = "; ".join(map(str, form_faults(error, Declaration)))
        raise StackError(f"{path}: {faults}") from None
    for topic, entry in written.topics.items():
        if strangers := sorted({*entry.writers, *entry.readers} - written.principals.keys()):
            raise StackError(f"{path}: topics.{topic}: {strangers[0]} is none of the principals")
    return written


def declared(path: Path = DECLARATION) -> list[Topic]:
    """The topics in ``path``, in its order.

    Raises:
        StackError: naming file, place and fault.
    """
    written = declaration(path)
    usual = written.defaults
    return [
        Topic(name, entry.partitions or usual.partitions, {**usual.config, **entry.config})
        for name, entry in written.topics.items()
    ]


async def apply(
    bootstrap: str,
    topics: Iterable[Topic] | None = None,
    *,
    dry_run: bool = False,
    replication: int = 1,
    partitions: int | None = None,
    **client: Any,
) -> list[TopicChange]:
    """Bring the broker to have ``topics`` (default: all declared); return what that changed, nothing the second time.

    ``partitions`` replaces the count of every topic that declares more than one. ``client`` goes to the Kafka client
    (TLS, SASL). Settings that are not declared stay as they are, but where a topic has three replicas or more and does
    not say how many of them must have a record, that is two. With ``dry_run`` nothing is touched.

    Raises:
        StackError: when a topic has another partition count than declared (nothing is touched then), or the broker
            refuses a change.
    """
    resized = [_resized(topic, partitions) for topic in (declared() if topics is None else topics)]
    async with _Admin(bootstrap, client) as admin:
        standing = await admin.standing()
        _refuse_resizing(resized, standing)
        missing = [_safe(topic, replication) for topic in resized if topic.name not in standing]
        present = [topic for topic in resized if topic.name in standing]
        configs = await admin.configs([topic.name for topic in present])
        present = [_safe(topic, standing[topic.name].replicas, configs[topic.name]) for topic in present]
        altered = [topic for topic in present if _differences(topic, configs[topic.name])]
        overtaken = set() if dry_run else await admin.create(missing, replication)
        changes = [_creation(topic, replication) for topic in missing if topic.name not in overtaken]
        changes += [TopicChange(topic.name, "alter", _differences(topic, configs[topic.name])) for topic in altered]
        if not dry_run:
            await admin.alter({topic.name: {**configs[topic.name], **topic.config} for topic in altered})
    if overtaken:
        late = [topic for topic in resized if topic.name in overtaken]
        changes += await apply(bootstrap, late, replication=replication, **client)
    return changes


def _resized(topic: Topic, partitions: int | None) -> Topic:
    if partitions is None or topic.partitions == 1:
        return topic
    return Topic(topic.name, partitions, topic.config)


def _safe(topic: Topic, replicas: int, config: Mapping[str, str] = MappingProxyType({})) -> Topic:
    """``topic`` with so many replicas, of which two must have what is accepted, unless it has been told otherwise."""
    if replicas < _REDUNDANT or _IN_SYNC in config:
        return topic
    return replace(topic, config={_IN_SYNC: "2", **topic.config})


def _refuse_resizing(topics: Iterable[Topic], standing: Mapping[str, _Standing]) -> None:
    for topic in topics:
        count = standing[topic.name].partitions if topic.name in standing else topic.partitions
        if count != topic.partitions:
            raise StackError(
                f"{topic.name} has {count} partitions, {topic.partitions} are wanted: the count is fixed for life, for "
                "keys would move and the order of a problem's commands with them. Ask for the old count, "
                "or move to a topic with the next version number."
            )


def _differences(topic: Topic, config: Mapping[str, str]) -> str:
    changed = (
        f"{name}: {config.get(name, 'unset')} → {value}"
        for name, value in topic.config.items()
        if config.get(name) != value
    )
    return ", ".join(changed)


def _creation(topic: Topic, replication: int) -> TopicChange:
    settings = ", ".join(f"{name}={value}" for name, value in topic.config.items())
    return TopicChange(topic.name, "create", f"partitions={topic.partitions}, replication={replication}, {settings}")


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a topic that is there cannot be changed in: how many partitions it has, and at least so many replicas."""

    partitions: int
    replicas: int


class _Admin:
    """The broker's administration in terms of topics."""

    def __init__(self, bootstrap: str, client: Mapping[str, Any]) -> None:
        self._client: Any = AIOKafkaAdminClient(bootstrap_servers=bootstrap.split(","), **client)

    async def __aenter__(self) -> Self:
        await self._client.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def standing(self) -> dict[str, _Standing]:
        """Every topic that is there."""
        return {
            description["topic"]: _Standing(
                len(description["partitions"]), min(len(part["replicas"]) for part in description["partitions"])
            )
            for description in await self._client.describe_topics()
        }

    async def configs(self, names: list[str]) -> dict[str, dict[str, str]]:
        """What is set on each topic itself; a broker that has not heard of one yet is asked again."""
        configs: dict[str, dict[str, str]] = {}

        async def told() -> bool:
            resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names if name not in configs]
            for reply in await self._client.describe_configs(resources) if resources else ():
                for code, message, _, name, entries in reply.resources:
                    if code != UnknownTopicOrPartitionError.errno:
                        _raise_for(code, message, name)
                        configs[name] = {entry[0]: entry[1] for entry in entries if entry[3] == _SET_ON_TOPIC}
            return len(configs) == len(names)

        await until(told, f"not every broker has heard of {', '.join(names)}")
        return configs

    async def create(self, topics: list[Topic], replication: int) -> set[str]:
        """Return when every partition has a leader: which of the topics were there already.

        Somebody else made them in the meantime, or the broker that was asked what is there had not heard of them yet.
        """
        if not topics:
            return set()
        standing: set[str] = set()
        new = [
            NewTopic(topic.name, topic.partitions, replication, topic_configs=dict(topic.config)) for topic in topics
        ]
        for name, code, *message in (await self._client.create_topics(new)).topic_errors:
            if code == TopicAlreadyExistsError.errno:
                standing.add(name)
            else:
                _raise_for(code, message[0] if message else "", name)
        names = [topic.name for topic in topics]
        await until(lambda: self._led(names), f"not every partition of {', '.join(names)} got a leader")
        return standing

    async def _led(self, names: list[str]) -> bool:
        described = await self._client.describe_topics(names)
        return all(
            description["error_code"] == 0 and all(part["leader"] >= 0 for part in description["partitions"])
            for description in described
        )

    async def alter(self, configs: Mapping[str, Mapping[str, str]]) -> None:
        """Set each topic's whole configuration (what is not named falls back to the broker's), return when it shows."""
        if not configs:
            return
        resources = [ConfigResource(ConfigResourceType.TOPIC, name, dict(config)) for name, config in configs.items()]
        for reply in await self._client.alter_configs(resources):
            for code, message, _, name in reply.resources:
                _raise_for(code, message, name)

        async def shown() -> bool:
            return await self.configs(list(configs)) == configs

        await until(shown, f"the new settings of {', '.join(configs)} did not show")


def _raise_for(code: int, message: str | None, topic: str) -> None:
    if code:
        raise StackError(f"{topic}: the broker refused: {message or for_code(code).__name__}")
