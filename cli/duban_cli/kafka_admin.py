"""What only an administrator of the brokers does, and only one client can: ACLs, and the passwords of SCRAM users.

The client blocks, so each call here runs in a thread of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from duban.errors import DubanError, NotGranted, Unavailable
from duban.io.broker import principal
from duban.io.settings import Settings
from duban_local.rights import Right

_SECONDS: Final = 20.0
#: What Kafka asks for at least. The passwords are long and random, so more would only cost every connection its time.
_ITERATIONS: Final = 4096
_RESOURCES: Final = {
    "topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "cluster": ResourceType.BROKER,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
}  # fmt: skip
_MECHANISMS: Final = {
    "SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256,
    "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512,
}
_AWAY: Final = ("_TRANSPORT", "_ALL_BROKERS_DOWN", "_TIMED_OUT", "REQUEST_TIMED_OUT")


class KafkaAdministration:
    """The brokers that ``settings`` name, as who may administer them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = AdminClient(_options(settings))

    async def rights(self) -> set[Right]:
        """Every right that anybody was given, or refused, on topics, groups and the cluster."""
        every = AclBindingFilter(
            ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
        )
        bindings: list[Any] = await self._done(self._client.describe_acls(every, request_timeout=_SECONDS))
        named = {kind: name for name, kind in _RESOURCES.items()}
        return {_right(binding, named[binding.restype]) for binding in bindings if binding.restype in named}

    async def grant(self, rights: Iterable[Right]) -> None:
        """Give ``rights``."""
        if bindings := [_binding(right) for right in rights]:
            for made in self._client.create_acls(bindings, request_timeout=_SECONDS).values():
                await self._done(made)

    async def revoke(self, rights: Iterable[Right]) -> None:
        """Take ``rights``, each exactly as it stands."""
        if filters := [_filter(right) for right in rights]:
            for removed in self._client.delete_acls(filters, request_timeout=_SECONDS).values():
                await self._done(removed)

    async def users(self) -> dict[str, set[str]]:
        """The mechanisms of each SCRAM user, by its name; what its password is nobody can ask."""
        descriptions: Any = await self._done(self._client.describe_user_scram_credentials(request_timeout=_SECONDS))
        named = {mechanism: name for name, mechanism in _MECHANISMS.items()}
        return {
            name: {named[info.mechanism] for info in description.scram_credential_infos if info.mechanism in named}
            for name, description in descriptions.items()
        }

    async def set_passwords(self, passwords: Mapping[str, str], mechanism: str) -> None:
        """Have each user with its password, which stands in no argument and no log."""
        info = ScramCredentialInfo(_MECHANISMS[mechanism], _ITERATIONS)
        upsertions = [UserScramCredentialUpsertion(name, info, word.encode()) for name, word in passwords.items()]
        if upsertions:
            for made in self._client.alter_user_scram_credentials(upsertions, request_timeout=_SECONDS).values():
                await self._done(made)

    async def _done(self, future: Any) -> Any:
        try:
            return await asyncio.to_thread(future.result, _SECONDS + 5)
        except (KafkaException, TimeoutError) as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> DubanError:
        reason = error.args[0] if error.args else None
        if not isinstance(reason, KafkaError) or reason.name() in _AWAY:
            return Unavailable(f"Kafka does not answer at {self._settings.kafka} (DUBAN_KAFKA): {error}")
        if reason.code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
            who = principal(self._settings)
            return NotGranted(f"{who} may not administer the brokers: it lacks Describe and Alter on the cluster")
        if reason.code() == KafkaError.SECURITY_DISABLED:
            return DubanError("the brokers heed no ACLs: set their authorizer.class.name, and their super.users")
        return DubanError(f"the brokers refused: {reason.str()}")


def _options(settings: Settings) -> dict[str, Any]:
    """The settings in the words of this client."""
    options: dict[str, Any] = {
        "bootstrap.servers": settings.kafka,
        "client.id": "duban-admin",
        "security.protocol": settings.kafka_security.lower(),
        "log_level": 0,
    }
    files = {
        "ssl.ca.location": settings.kafka_ca,
        "ssl.certificate.location": settings.kafka_certificate,
        "ssl.key.location": settings.kafka_key or settings.kafka_certificate,
    }
    if settings.kafka_security.endswith("SSL"):
        options |= {name: str(file) for name, file in files.items() if file is not None}
    if settings.kafka_security.startswith("SASL") and settings.kafka_password is not None:
        options["sasl.mechanism"] = settings.kafka_mechanism
        options["sasl.username"] = settings.kafka_user
        options["sasl.password"] = settings.kafka_password.get_secret_value()
    return options


def _right(binding: Any, resource: Any) -> Right:
    operation = "".join(word.capitalize() for word in binding.operation.name.split("_"))
    return Right(
        binding.principal, operation, resource, binding.name, binding.resource_pattern_type.name.lower(), binding.host,
        binding.permission_type.name.lower(),
    )  # fmt: skip


def _parts(right: Right) -> tuple[Any, ...]:
    words = "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in right.operation).lstrip("_")
    return (
        _RESOURCES[right.resource], right.name, ResourcePatternType[right.pattern.upper()], right.principal, right.host,
        AclOperation[words.upper()], AclPermissionType[right.permission.upper()],
    )  # fmt: skip


def _binding(right: Right) -> Any:
    return AclBinding(*_parts(right))


def _filter(right: Right) -> Any:
    return AclBindingFilter(*_parts(right))
