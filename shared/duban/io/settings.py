"""What a service is told by its environment: every variable begins with ``DUBAN_``."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as Unparsed

from duban.errors import SettingsError
from duban.io.rate_limits import Counted, RateKind, RateLimits
from duban.io.secret_variables import SUFFIX, RenewedSecret, secret_in_environment
from duban.messages.form import FormFault, form_faults

PREFIX = "DUBAN_"


class _Environment(EnvSettingsSource):
    """The variables of the environment, and what stands in the files that they name for secrets."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        variables = dict(super()._load_env_vars())
        for name in _secrets(self.settings_cls):
            if os.environ.get(name + SUFFIX):
                variables[name.lower()] = secret_in_environment(name)
        return variables


class Settings(BaseSettings):
    """The settings that all services share; a service subclasses it with its own fields."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    kafka: str = Field(
        "127.0.0.1:29092", min_length=1, description="Bootstrap servers, `host:port` separated by commas"
    )
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to speak to the brokers"
    )
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism, where SASL is on"
    )
    kafka_user: str | None = Field(None, description="The service's own principal, where SASL is on")
    kafka_password: SecretStr | None = Field(None, description="The password of that principal")
    kafka_ca: Path | None = Field(
        None, description="PEM file of the authority that signs the brokers; empty: the system's"
    )
    kafka_certificate: Path | None = Field(
        None, description="PEM file with the certificate by which the service shows the brokers who it is"
    )
    kafka_key: Path | None = Field(
        None, description="PEM file with the key of that certificate, without a pass phrase; empty: in the same file"
    )
    database: SecretStr = Field(
        SecretStr("postgresql://127.0.0.1:25432/postgres"),
        description="PostgreSQL of this service, as a URL with the service's own role; of TLS in it: "
        "[operating.md](operating.md#security); of a primary with its standbys: "
        "[operating.md](operating.md#a-standby-that-takes-over)",
    )
    pool_size: int = Field(4, ge=1, le=100, description="Database connections that one process may hold")
    clock: Literal["system", "driven"] = Field(
        "system", description="`system`, or `driven` by the ticks on `duban.clock.v1` (demo, acceptance, replay)"
    )
    group_suffix: str = Field(
        "",
        pattern=r"^[a-z0-9-]*$",
        description="Appended to the consumer group, for a second installation on one broker",
    )
    batch_size: int = Field(500, ge=1, le=10_000, description="Most records in one batch, which is one transaction")
    batch_spacing: float = Field(
        0.03,
        ge=0,
        le=1,
        description="Seconds from the beginning of a small batch to that of the next: what comes meanwhile is handled "
        "together; none on the driven clock",
    )
    compression: Literal["none", "lz4"] = Field("lz4", description="How published records are compressed")
    max_record_bytes: int = Field(
        2_000_000, ge=1_000, description="Largest record that may be published; the topic must take as much"
    )
    publish_timeout: float = Field(10.0, gt=0, description="Seconds to wait for the brokers' acks before backing off")
    drain_timeout: float = Field(
        25.0,
        gt=0,
        description="Seconds that a batch in hand may take to finish when partitions move or the service stops",
    )
    session_timeout: float = Field(
        10.0, gt=0, description="Seconds without a heartbeat after which a member is given up"
    )
    arrival_timeout: float = Field(
        10.0,
        gt=0,
        description="Seconds that a message is waited for which names a pack or a calendar that has not arrived",
    )
    bind: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address on which the service listens for those whom it serves; `0.0.0.0` or `::`: every address",
    )
    health_host: str = Field(
        "127.0.0.1", min_length=1, description="Address of `/healthz`, `/readyz` and `/metrics`, likewise"
    )
    health_port: int | None = Field(
        None, ge=0, le=65535, description="Port of the same; empty: the service's own default"
    )
    health_tls_certificate: Path | None = Field(
        None,
        description="PEM file with the certificate of the same, and those of the authorities between; empty: plain "
        "HTTP",
    )
    health_tls_key: Path | None = Field(
        None, description="PEM file with the key of that certificate, without a pass phrase; empty: in the same file"
    )
    allowed_hosts: str = Field(
        "",
        description="Names by which requests may speak to a server, beside those of loopback and the address it "
        "listens on, parted by commas; a proxy that passes the name of its caller on needs that name here",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe line that is written"
    )
    log_format: Literal["json", "console"] = Field("json", description="One JSON object a line, or colours for people")
    traces: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="Collector of OpenTelemetry that is told what becomes of each message, as `http://collector:4318` "
        "(OTLP over HTTP); empty: nobody is",
    )
    traces_share: float = Field(
        1.0, ge=0, le=1, description="Of how many records it is told all, chosen by their ids: of 0.1, a tenth"
    )

    #: The file from which each secret was read, and what stood there.
    _files: dict[str, tuple[str, str]] = PrivateAttr(default_factory=dict)

    def model_post_init(self, _: Any, /) -> None:
        """Note which secrets were read from files: what was given otherwise is not looked up there."""
        for name, secret in self:
            file = os.environ.get(variable(name) + SUFFIX)
            if isinstance(secret, SecretStr) and file:
                value = secret.get_secret_value()
                if value == secret_in_environment(variable(name)):
                    self._files[name] = file, value

    def renewed(self, name: str) -> RenewedSecret:
        """The secret ``name``, a setting that is there, which is read anew where it was read from a file."""
        value = getattr(self, name).get_secret_value()
        file, read = self._files.get(name, (None, None))
        return RenewedSecret(variable(name), value, file if read == value else None)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _Environment(settings_cls)

    @classmethod
    def load(cls, **given: Any) -> Self:
        """The settings in the environment; those that are ``given`` go before it.

        Raises:
            SettingsError: naming each variable that is missing or unusable, and why.
        """
        try:
            return cls(**given)
        except ValidationError as error:
            lines = [f"{variable(fault.path or '…')}: {cls._in_words(fault)}" for fault in form_faults(error, cls)]
            raise SettingsError("; ".join(lines)) from None
        except Unparsed as error:  # names the field, and never what stands there
            raise SettingsError(f"{error}: should be JSON") from None

    @classmethod
    def _in_words(cls, fault: FormFault) -> str:
        """What is wrong, and of what is missing what it would be."""
        meant = cls.model_fields[fault.path].description if fault.sort == "missing" else None
        return f"{fault.what}: {meant}" if meant else fault.what


class ServerSettings(Settings):
    """What a service that answers over HTTP is told besides."""

    request_timeout: float = Field(
        30.0,
        gt=0,
        description="Seconds in which a request must have arrived, headers and body; after them 408; an answer that "
        "lies unread so long is dropped",
    )
    max_connections: int = Field(
        500,
        ge=10,
        description="Most connections to a server; when more come, the one is let go that has kept it waiting longest",
    )
    max_body: int = Field(1024 * 1024, ge=1024, description="Largest body of a request that is read, in bytes")
    tls_certificate: Path | None = Field(
        None,
        description="PEM file with the server's certificate, and those of the authorities between; empty: plain HTTP, "
        "for a proxy to stand before it",
    )
    tls_key: Path | None = Field(
        None, description="PEM file with the key of that certificate, without a pass phrase; empty: in the same file"
    )
    request_rate: int = Field(
        6000,
        ge=0,
        description="Most requests a minute from one address, or by one account, to a process; 0: no limit",
    )
    lookup_rate: int = Field(
        120,
        ge=0,
        description="The same of look-ups by a code, and of what the public reads by Open311",
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses or networks of the proxies in front, parted by commas: these are believed for "
        "whom they ask, and nobody else (`X-Forwarded-For`, read from the right, and `X-Forwarded-Proto`)",
    )

    #: What the server counts apart from other requests.
    COUNTED: ClassVar[tuple[Counted, ...]] = ()

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: str) -> str:
        for proxy in _parts(proxies):
            ip_network(proxy)
        return proxies

    def proxies(self) -> list[str]:
        """The proxies that are trusted."""
        return _parts(self.trusted_proxies)

    def rates(self) -> dict[RateKind, int]:
        """How many of each are taken a minute from one address."""
        return {RateKind.REQUEST: self.request_rate, RateKind.LOOKUP: self.lookup_rate}

    def rate_limits(self) -> RateLimits:
        """The same, as it is kept; nothing has been counted yet."""
        return RateLimits(self.rates(), self.COUNTED)


class AnchorSettings(Settings):
    """What a service is told besides that anchors a chain outside the database."""

    anchor_key: Path | None = Field(
        None,
        description="PEM file with the Ed25519 key that signs the anchors of the router, intake and the API, readable "
        "by its owner alone; empty: they are published unsigned",
    )
    anchor_interval: float = Field(
        60.0, gt=0, le=86_400, description="Seconds between two anchors of a chain that has grown"
    )


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def variable(field: str) -> str:
    """The environment variable behind a field."""
    return f"{PREFIX}{field}".upper()


def open_to_everybody(settings: type[BaseSettings]) -> list[tuple[str, str]]:
    """The files of secrets that any account of the machine may read, each after the variable that names it."""
    named = [(name + SUFFIX, os.environ.get(name + SUFFIX)) for name in _secrets(settings)]
    return [(name, file) for name, file in named if file and Path(file).stat().st_mode & stat.S_IROTH]


def _secrets(settings: type[BaseSettings]) -> Iterator[str]:
    """The variable of each setting that may stand in a file."""
    return (variable(name) for name, field in settings.model_fields.items() if _is_secret(field.annotation))


def _is_secret(annotation: Any) -> bool:
    """Whether a setting that is annotated so is a secret, or holds one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(_is_secret(field.annotation) for field in annotation.model_fields.values())
    return annotation is SecretStr or any(map(_is_secret, get_args(annotation)))


def settings_table(*classes: type[Settings]) -> str:
    """A Markdown table of every setting of ``classes``, each named once, in the order of declaration."""
    lines = ["| Variable | Default | Meaning |", "| --- | --- | --- |"]
    seen: set[str] = set()
    for cls in classes:
        for name, field in cls.model_fields.items():
            if name not in seen:
                seen.add(name)
                file = f", `{variable(name)}{SUFFIX}`" if _is_secret(field.annotation) else ""
                lines.append(f"| `{variable(name)}`{file} | {_shown(field.default)} | {field.description} |")
    return "\n".join(lines) + "\n"


def _shown(default: object) -> str:
    if default is PydanticUndefined:
        return "required"
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    return "–" if default is None or default in ("", {}) else f"`{default}`"
