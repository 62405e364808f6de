"""The provider of sign-in, as this API speaks to it: what it says of itself, its keys, and the exchange of a code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import httpx2
import structlog
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ValidationError

from duban.clock import Clock
from duban.errors import Unavailable
from duban.io.trust import trust
from duban.messages.form import form_faults
from duban.refusal import Refusal
from duban_console.accounts.account import ProviderIdentity
from duban_console.accounts.provider_admissions import ProviderClaims
from duban_console.accounts.rows import AccountRefused
from duban_console.oidc.round_trip import RoundTrip
from duban_console.oidc.tokens import UnknownKey, access_claims, id_claims

_log = structlog.get_logger(__name__)
T = TypeVar("T")

#: For how long it is believed what the provider says of itself, and how soon it is asked again for a key not known.
_HOLDS: Final = timedelta(hours=1)
_ASKED_AGAIN: Final = timedelta(minutes=1)
#: For how long nobody else tries after somebody has found it away: those who come meanwhile would all wait in turn.
_LEFT_ALONE: Final = timedelta(seconds=5)
_PATIENCE: Final = 10.0
_KEY_TYPES: Final = ("RSA", "EC", "OKP")
#: That this API is not the client that the provider knows, which whoever signs in can do nothing about.
_OF_CLIENT: Final = ("invalid_client", "unauthorized_client", "unsupported_grant_type")


class Metadata(BaseModel):
    """What a provider says of itself, as far as it is asked for (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]
    authorization_response_iss_parameter_supported: bool = False


@dataclass(frozen=True, slots=True)
class Client:
    """Who this API is to the provider; ``audience`` is what the tokens of systems are to be given for, if any are."""

    id: str
    secret: str | None = field(repr=False)
    redirect_url: str
    scope: str = "openid profile"
    audience: str | None = None


@dataclass(frozen=True, slots=True)
class _Discovered:
    metadata: Metadata
    keys: KeySet
    at: datetime


class Provider:
    """The provider ``issuer``; nothing is asked of it before somebody needs it, so that it may be away at the start.

    Each step raises Unavailable where the provider is away, and AccountRefused where nobody is known.
    """

    def __init__(
        self, issuer: str, client: Client, clock: Clock, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self.issuer = issuer
        self._client = client
        self._clock = clock
        self._transport = transport or httpx2.AsyncHTTPTransport(verify=trust())
        self._turn = asyncio.Lock()
        self._cached: _Discovered | None = None
        self._missed: tuple[datetime, str] | None = None

    async def sign_in_url(self, trip: RoundTrip) -> str:
        """Where the browser goes that is on ``trip``."""
        metadata = (await self._discovered()).metadata
        url, _ = self._session(metadata).create_authorization_url(
            metadata.authorization_endpoint,
            redirect_uri=self._redirect_url(trip),
            state=trip.state,
            code_verifier=trip.verifier,
            nonce=trip.nonce,
        )
        return str(url)

    async def sign_out_url(self) -> str | None:
        """Where the browser ends its sign-in at the provider too, if there."""
        url = (await self._discovered()).metadata.end_session_endpoint
        query = urlencode({"client_id": self._client.id})
        return f"{url}{'&' if '?' in url else '?'}{query}" if url else None

    async def check_sender(self, issuer: str | None) -> None:
        """Return if the browser comes from this provider (RFC 9207)."""
        metadata = (await self._discovered()).metadata
        if issuer != self.issuer and (issuer or metadata.authorization_response_iss_parameter_supported):
            raise AccountRefused(Refusal("wrong_issuer", f"the browser does not come from {self.issuer}: begin again"))

    async def person(self, code: str, trip: RoundTrip) -> tuple[ProviderIdentity, ProviderClaims]:
        """Whom the provider knows the browser as that has brought ``code`` back from ``trip``."""
        metadata = (await self._discovered()).metadata
        tokens = await self._exchanged(metadata, code, trip)
        if not isinstance(token := tokens.get("id_token"), str):
            raise AccountRefused(Refusal("bad_token", "the provider gives no ID token: the client lacks scope openid"))
        access_token = str(tokens.get("access_token", ""))
        claims = await self._verified(
            lambda known, at: id_claims(
                token,
                known.keys,
                issuer=self.issuer,
                client=self._client.id,
                nonce=trip.nonce,
                access_token=access_token,
                at=at,
            )
        )
        more = await self._userinfo(metadata, access_token) if metadata.userinfo_endpoint and access_token else {}
        if more and more.get("sub") != claims["sub"]:
            raise AccountRefused(Refusal("bad_token", "what the provider tells besides is about somebody else"))
        return ProviderIdentity(self.issuer, claims["sub"]), {**more, **claims}

    async def system(self, token: str) -> tuple[ProviderIdentity, ProviderClaims]:
        """Which system shows ``token``, an access token for this API."""
        audience = self._client.audience
        if audience is None:
            raise AccountRefused(Refusal("no_tokens", "tokens of the provider are not taken: DUBAN_OIDC_AUDIENCE"))
        claims = await self._verified(
            lambda known, at: access_claims(token, known.keys, issuer=self.issuer, audience=audience, at=at)
        )
        return ProviderIdentity(self.issuer, claims["sub"]), claims

    async def _verified(self, read: Callable[[_Discovered, datetime], T]) -> T:
        """What ``read`` makes of a token; where its key is not known, after the keys were asked for again."""
        try:
            return read(await self._discovered(), self._clock.now())
        except UnknownKey:
            pass
        try:
            return read(await self._discovered(afresh=True), self._clock.now())
        except UnknownKey:
            say = "it is signed by a key that the provider does not have"
            raise AccountRefused(Refusal("unknown_key", say)) from None

    async def _discovered(self, *, afresh: bool = False) -> _Discovered:
        """What the provider says of itself; ``afresh``: as it says it now, unless it was asked just before."""
        async with self._turn:
            now = self._clock.now()
            if self._cached is None or now - self._cached.at >= (_ASKED_AGAIN if afresh else _HOLDS):
                if self._missed is not None and now - self._missed[0] < _LEFT_ALONE:
                    raise Unavailable(self._missed[1])
                try:
                    self._cached = await self._asked(now)
                except Unavailable as error:
                    self._missed = self._clock.now(), str(error)
                    raise
            return self._cached

    async def _asked(self, at: datetime) -> _Discovered:
        url = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
        document = await self._fetched(url)
        try:
            metadata = Metadata.model_validate(document)
        except ValidationError as error:
            raise self._broken(f"what stands at {url} is no provider's: {form_faults(error, Metadata)[0]}") from error
        if metadata.issuer != self.issuer:
            raise self._broken(f"what stands at {url} is of {metadata.issuer}: set DUBAN_OIDC_ISSUER to just that")
        return _Discovered(metadata, self._usable(await self._fetched(metadata.jwks_uri), metadata.jwks_uri), at)

    def _usable(self, document: Any, url: str) -> KeySet:
        """The keys of the provider that sign, those that two would know left out."""
        keys = document.get("keys") if isinstance(document, dict) else None
        every = [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []
        usable: Any = [key for key in every if key.get("kty") in _KEY_TYPES and key.get("use") != "enc"]
        try:
            return KeySet.import_key_set({"keys": usable})
        except (JoseError, ValueError, LookupError) as error:
            raise self._broken(f"what stands at {url} are no keys: {type(error).__name__}") from error

    async def _fetched(self, url: str, token: str | None = None) -> Any:
        headers = {"accept": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
        try:
            async with asyncio.timeout(_PATIENCE):
                answer = await self._session(None).request("GET", url, headers=headers, withhold_token=True)
            answer.raise_for_status()
        except (httpx2.HTTPError, TimeoutError) as error:
            raise self._away(error) from error
        try:
            return answer.json()
        except ValueError as error:
            raise self._broken(f"what stands at {url} is no JSON") from error

    async def _exchanged(self, metadata: Metadata, code: str, trip: RoundTrip) -> dict[str, Any]:
        try:
            async with asyncio.timeout(_PATIENCE):
                tokens: dict[str, Any] = await self._session(metadata).fetch_token(
                    metadata.token_endpoint,
                    grant_type="authorization_code",
                    redirect_uri=self._redirect_url(trip),
                    code=code,
                    code_verifier=trip.verifier,
                )
        except OAuthError as error:
            if error.error in _OF_CLIENT:
                say = f"it refuses this API ({error.error}): check DUBAN_OIDC_CLIENT, its secret and its rights there"
                raise self._broken(say) from error
            say = f"the provider takes the code for nothing ({str(error.error)[:64]}): sign in anew"
            raise AccountRefused(Refusal("code_refused", say)) from None
        except (httpx2.HTTPError, TimeoutError, ValueError) as error:
            raise self._away(error) from error
        return tokens

    async def _userinfo(self, metadata: Metadata, token: str) -> dict[str, Any]:
        """What it tells of a person besides the ID token; as JSON, not signed."""
        userinfo = await self._fetched(str(metadata.userinfo_endpoint), token)
        if not isinstance(userinfo, dict):
            raise self._broken("its userinfo is no JSON object")
        return userinfo

    def _redirect_url(self, trip: RoundTrip) -> str:
        """Where the provider sends the browser back to that is on ``trip``."""
        return self._client.redirect_url if trip.port is None else f"http://127.0.0.1:{trip.port}/callback"

    def _session(self, metadata: Metadata | None) -> AsyncOAuth2Client:
        """A client of its own for each sign-in, so that no cookie of one gets into another; connections are shared."""
        methods = metadata.token_endpoint_auth_methods_supported if metadata else []
        shown = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        return AsyncOAuth2Client(
            self._client.id,
            self._client.secret,
            token_endpoint_auth_method=shown if self._client.secret else "none",
            scope=self._client.scope,
            code_challenge_method="S256",
            transport=self._transport,
            timeout=_PATIENCE,
            headers={"user-agent": "duban"},
        )

    def _away(self, error: Exception) -> Unavailable:
        _log.warning("oidc.away", issuer=self.issuer, error=f"{type(error).__name__}: {error}")
        return Unavailable(f"the provider of sign-in is away, {self.issuer} ({type(error).__name__})")

    def _broken(self, why: str) -> Unavailable:
        _log.error("oidc.unusable", issuer=self.issuer, why=why)
        return Unavailable(f"the provider of sign-in cannot be used: {why}")
