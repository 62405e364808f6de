"""What the API is told of browsers and of the provider of sign-in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from duban.io.hosts import Hosts
from duban.io.settings import Settings, variable

#: Where the API begins a sign-in, and where the provider sends the browser back to.
PATH: Final = "/v1/sessions/oidc"
CALLBACK: Final = f"{PATH}/callback"

_LOOPBACK: Final = Hosts("127.0.0.1")
_ORIGIN: Final = re.compile(r"https?://[^\s/?#@]+")


class OidcSettings(Settings):
    """What the API is told of browsers and of the provider of sign-in."""

    api_url: str | None = Field(
        None,
        description="How browsers speak to the API, `https://host`, as a proxy in front of it has it; empty: by "
        "loopback, and cookies are set for nothing else",
    )
    oidc_issuer: str | None = Field(
        None,
        description="The provider of sign-in (OpenID Connect), by the URL that it calls itself; empty: there is none. "
        f"It sends browsers back to DUBAN_API_URL with the path `{CALLBACK}`",
    )
    oidc_client: str | None = Field(None, description="Who this API is to the provider, its `client_id`")
    oidc_secret: SecretStr | None = Field(
        None,
        description="The secret of that client; empty: it is a public one, and PKCE alone says that it is the same",
    )
    oidc_scope: str = Field("openid profile", description="What the provider is asked to tell of a person")
    oidc_mapping: Path | None = Field(
        None, description="YAML file that says who of the provider comes in, by which name and as what"
    )
    oidc_audience: str | None = Field(
        None,
        description="For what the access tokens of systems are to be given (`aud`) that are taken as keys are; empty: "
        "none is taken",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.api_url is not None:
            _check_url("api_url", self.api_url)
            if not _ORIGIN.fullmatch(self.api_url):
                raise ValueError(f"{variable('api_url')} is to be scheme and host alone, with no slash at its end")
        if self.oidc_issuer is not None:
            _check_url("oidc_issuer", self.oidc_issuer)
            needed = ("api_url", "oidc_client", "oidc_mapping")
            missing = [variable(name) for name in needed if getattr(self, name) is None]
            if missing:
                raise ValueError(f"{variable('oidc_issuer')} needs {', '.join(missing)} besides")
        return self


def _check_url(field: str, url: str) -> None:
    parts = urlsplit(url)
    is_near = parts.scheme == "http" and _LOOPBACK.refusal(parts.netloc) is None
    if not parts.netloc or not (parts.scheme == "https" or is_near):
        raise ValueError(f"{variable(field)}: {url} is no https:// URL; http:// goes to loopback alone")
