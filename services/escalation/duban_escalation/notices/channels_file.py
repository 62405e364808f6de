"""The file of channels: which robots there are, how short messages go out, what signs to whom. It holds the secrets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, HttpUrl, SecretStr, ValidationError

from duban.io.renewed_file import RenewedFile
from duban.policy.plain_data import plain_data


class _Entry(BaseModel, frozen=True, extra="forbid"):
    """A part of the file."""


class Robot(_Entry):
    """A robot of a group chat. Its address is a secret itself: whoever has it may speak in the group."""

    kind: Literal["dingtalk", "wecom", "feishu"]
    url: SecretStr
    secret: SecretStr | None = None
    rate: int = Field(20, ge=1, description="Most messages a minute: what the platform bears")
    prefix: str = Field("", max_length=40, description="Stands before each text, for robots that want a key word")


class SmsGateway(_Entry):
    """How a short message goes out over HTTP: a request with what stands in braces filled in, and how success looks.

    In ``headers``, ``json`` and ``form`` may stand ``{to}``, ``{text}``, ``{number}`` and ``{id}``.
    """

    url: HttpUrl
    user: str | None = None
    password: SecretStr | None = None
    headers: Mapping[str, SecretStr] = {}
    body: Mapping[str, Any] | None = Field(None, alias="json")
    form: Mapping[str, str] | None = None
    success: Mapping[str, str] = Field({}, description="Fields of the answer and what they are when it was taken")
    longest: int = Field(300, ge=20, le=2000, description="Most characters of a text")
    rate: int = Field(60, ge=1, description="Most messages a minute")


def _as_list(given: object) -> object:
    return [given] if isinstance(given, str) else given


class Channels(_Entry):
    """All of it: robots by name, the gateway of short messages, and the secrets that sign to webhooks of contacts."""

    robots: Mapping[str, Robot] = {}
    sms: SmsGateway | None = None
    webhooks: Mapping[str, Annotated[tuple[SecretStr, ...], BeforeValidator(_as_list)]] = {}


class ChannelsFile:
    """The channels as their file has them now; without a file there are none."""

    def __init__(self, file: Path | None) -> None:
        self._file = None if file is None else RenewedFile(file, read_channels, Channels(), "the file of channels")

    def __call__(self) -> Channels:
        """What the file says, or said when it could be read last."""
        return Channels() if self._file is None else self._file()


def read_channels(text: str) -> Channels:
    """The channels in ``text``, YAML.

    Raises:
        ValueError: with the places that are wrong, and nothing of what stands there.
    """
    try:
        return Channels.model_validate(plain_data(text) or {})
    except ValidationError as error:
        places = (f"{'.'.join(map(str, flaw['loc']))}: {flaw['msg']}" for flaw in error.errors(include_input=False))
        raise ValueError("; ".join(places)) from None
