"""How to reach Kafka, and how durable an accepted record is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

from duban.errors import NotGranted, SettingsError, Unavailable

if TYPE_CHECKING:
    import ssl

    from duban.io.settings import Settings

#: Nobody here reads what a transaction has not committed: aborted, it never was.
COMMITTED: Final = "read_committed"


def connection(settings: Settings, client_id: str) -> dict[str, Any]:
    """The arguments that every Kafka client of a service takes.

    Raises:
        SettingsError: name or password is missing where it is asked for, or a file of TLS cannot be used.
    """
    from duban.io.broker_connection import use_our_connections

    use_our_connections()
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka.split(","),
        "client_id": client_id,
        "security_protocol": settings.kafka_security,
        # A half-open connection is noticed after this, not after aiokafka's 40 s.
        "request_timeout_ms": int(settings.publish_timeout * 1000),
    }
    if (context := tls(settings)) is not None:
        options["ssl_context"] = context
    if settings.kafka_security.startswith("SASL"):
        if not settings.kafka_user or settings.kafka_password is None:
            raise SettingsError(
                f"DUBAN_KAFKA_SECURITY is {settings.kafka_security}: set DUBAN_KAFKA_USER and DUBAN_KAFKA_PASSWORD too"
            )
        options["sasl_mechanism"] = settings.kafka_mechanism
        options["sasl_plain_username"] = settings.kafka_user
        options["sasl_plain_password"] = password(settings)
    return options


def password(settings: Settings) -> Any:
    """The password of ``settings``, as a client of Kafka is given it: each connection reads it anew."""
    from duban.io.broker_connection import BrokerPassword

    return BrokerPassword(settings.kafka_user or "", settings.renewed("kafka_password"))


def refusal(settings: Settings) -> NotGranted | None:
    """What is to be said where the brokers refuse our password; None where they do not, as far as was asked."""
    if not settings.kafka_security.startswith("SASL") or settings.kafka_user is None:
        return None
    from duban.io.broker_connection import refused

    words = refused(settings.kafka_user)
    if words is None:
        return None
    file = settings.renewed("kafka_password").file
    place = (
        f"{file} (DUBAN_KAFKA_PASSWORD_FILE), which is read anew" if file else "DUBAN_KAFKA_PASSWORD, and start anew"
    )
    return NotGranted(
        f"{principal(settings)} is refused by the brokers, by {settings.kafka_mechanism}: {words}; write the password "
        f"that they know into {place}, or, as their administrator, set it anew: `duban kafka users apply --renew`"
    )


def unanswered(settings: Settings, words: str) -> Unavailable:
    """What is to be said of brokers that do not answer: that they refuse us, where they do, else ``words``."""
    return refusal(settings) or Unavailable(words)


def tls(settings: Settings) -> ssl.SSLContext | None:
    """How to know the brokers, and to show who we are; None where they are spoken to in plain.

    Raises:
        SettingsError: a file cannot be used.
    """
    if not settings.kafka_security.endswith("SSL"):
        return None
    from duban.io.tls import client_tls

    return client_tls(settings.kafka_ca, settings.kafka_certificate, settings.kafka_key, settings="DUBAN_KAFKA")


def principal(settings: Settings) -> str:
    """Who we are to the brokers, as their ACLs name it; of a certificate its whole name, which they may shorten."""
    if settings.kafka_security.startswith("SASL"):
        return f"User:{settings.kafka_user}"
    if settings.kafka_security == "SSL" and settings.kafka_certificate is not None:
        from duban.io.tls import subject_of

        return f"User:{subject_of(settings.kafka_certificate)}"
    return "User:ANONYMOUS"


@contextmanager
def rights_named(settings: Settings, operation: Literal["Read", "Write"]) -> Iterator[None]:
    """Say, where a broker refuses us, why: a right is missing, or our password; ``operation``: what is done to topics.

    Raises:
        NotGranted: with the principal, the ACL that is missing, and how it is granted; or what is said of its password.
    """
    from aiokafka import errors

    from duban.io.availability import is_unavailable

    refusals: dict[type[errors.KafkaError], tuple[str, str]] = {
        errors.TopicAuthorizationFailedError: (operation, "topic"),
        errors.GroupAuthorizationFailedError: ("Read", "group"),
        errors.TransactionalIdAuthorizationFailed: ("Write", "transactional-id"),
        # Asked of a producer alone, and implied by the right to write to any topic.
        errors.ClusterAuthorizationFailedError: ("IdempotentWrite", "cluster"),
    }
    try:
        yield
    except tuple(refusals) as error:
        what, kind = refusals[type(error)]
        names = ", ".join(sorted(map(str, _each(error.args))))
        raise NotGranted(_missing(principal(settings), what, kind, names)) from error
    except errors.KafkaError as error:
        if is_unavailable(error) and (refused := refusal(settings)) is not None:
            raise refused from error
        raise


def _missing(who: str, what: str, kind: str, names: str) -> str:
    place = f"{kind} {names}" if names else f"the {kind}"
    grant = f"--add --allow-principal '{who}' --operation {what} --{kind} {names}".rstrip()
    return (
        f"{who} lacks the ACL {what} on {place}: as an administrator of the brokers, run `duban kafka acl apply`, or "
        f"kafka-acls {grant}"
    )


def _each(args: Iterable[Any]) -> Iterator[Any]:
    """The names in the arguments of an error: each a name, or a set of names."""
    for arg in args:
        yield from [arg] if isinstance(arg, str) else arg


async def durability(settings: Settings, topics: Iterable[str]) -> str:
    """What an ack means for ``topics``: the weakest replication among them, in words for ``/readyz``.

    Raises:
        Unavailable: naming a topic that is not there (yet), or that may not be looked at (:class:`NotGranted`).
    """
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
    from aiokafka.errors import TopicAuthorizationFailedError

    names = sorted(topics)
    admin = AIOKafkaAdminClient(**connection(settings, "duban-durability"))
    with rights_named(settings, "Read"):
        await admin.start()
    try:
        replicas = []
        for topic in await admin.describe_topics(names):
            if topic["error_code"] == TopicAuthorizationFailedError.errno:
                raise NotGranted(_missing(principal(settings), "Describe", "topic", topic["topic"]))
            if topic["error_code"]:
                raise Unavailable(f"topic {topic['topic']} is not there; create it")
            replicas += [len(partition["replicas"]) for partition in topic["partitions"]]
        if min(replicas, default=1) == 1:
            return "single broker: accepted means written by that broker"
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        replies: list[Any] = await admin.describe_configs(resources)
        described = [resource for reply in replies for resource in reply.resources]
        if any(resource[0] for resource in described):  # as without the right DescribeConfigs, which no work needs
            return f"acks=all, replication factor {min(replicas)}, min.insync.replicas not told"
        entries = [entry for resource in described for entry in resource[4]]
        in_sync = min((int(entry[1]) for entry in entries if entry[0] == "min.insync.replicas"), default=1)
        return (
            f"acks=all, replication factor {min(replicas)}, min.insync.replicas {in_sync}: "
            f"accepted means written by {in_sync} of {min(replicas)} brokers at least"
        )
    finally:
        await admin.close()
