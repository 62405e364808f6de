"""A provider of sign-in as tests lay it out: its keys are theirs, and it says whatever they have it say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from joserfc import jwt
from joserfc.jwk import RSAKey

from duban.clock import DrivenClock

ISSUER = "https://sign-in.example"
#: How this API is called by the provider, and for what the tokens of systems are given.
CLIENT, AUDIENCE = "duban", "https://duban.example/api"
#: They are of the right size, and made once: that takes a while.
KEY, NEXT_KEY = (RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}) for kid in ("first", "second"))


@dataclass
class Issuer:
    """Answers what a client of it asks; a code is good once, for the claims that it stands for."""

    clock: DrivenClock
    key: RSAKey = field(default_factory=lambda: KEY)
    keys: list[RSAKey] = field(default_factory=lambda: [KEY])
    metadata: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    is_away: bool = False
    codes: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    exchange: dict[str, str] = field(default_factory=dict)

    @property
    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self._answer)

    def claims(self, **claims: Any) -> dict[str, Any]:
        """``claims`` with those that every token has, unless they say otherwise; None leaves one out."""
        at = int(self.clock.now().timestamp())
        usual = {"iss": ISSUER, "aud": CLIENT, "sub": "77", "iat": at, "exp": at + 300}
        return {name: said for name, said in {**usual, **claims}.items() if said is not None}

    def id_token(self, **claims: Any) -> str:
        return self.signed({"alg": "RS256", "kid": self.key.kid}, self.claims(**claims))

    def access_token(self, *, typ: str = "at+jwt", **claims: Any) -> str:
        whole = {"aud": AUDIENCE, "sub": "hotline", "client_id": "hotline", **claims}
        return self.signed({"alg": "RS256", "kid": self.key.kid, "typ": typ}, self.claims(**whole))

    def signed(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        return jwt.encode(header, claims, self.key)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        path = urlsplit(str(request.url)).path
        self.asked.append(path)
        if self.is_away:
            raise httpx2.ConnectError("nobody listens")
        match path:
            case "/.well-known/openid-configuration":
                return httpx2.Response(200, json=self._document())
            case "/keys":
                return httpx2.Response(200, json={"keys": [key.as_dict(private=False) for key in self.keys]})
            case "/token":
                return self._exchanged({name: said[0] for name, said in parse_qs(request.content.decode()).items()})
            case "/userinfo":
                return httpx2.Response(200, json=self.userinfo)
            case _:
                return httpx2.Response(404)

    def _exchanged(self, form: dict[str, str]) -> httpx2.Response:
        self.exchange = form
        token = self.codes.pop(form["code"], None)
        if token is None:
            return httpx2.Response(400, json={"error": "invalid_grant"})
        return httpx2.Response(200, json={"access_token": "a", "token_type": "Bearer", "id_token": token})

    def _document(self) -> dict[str, Any]:
        here = {name: f"{ISSUER}/{path}" for name, path in _ENDPOINTS.items()}
        told = {} if self.userinfo is None else {"userinfo_endpoint": f"{ISSUER}/userinfo"}
        return {"issuer": ISSUER, **here, **told, **self.metadata}


_ENDPOINTS = {"authorization_endpoint": "auth", "token_endpoint": "token", "jwks_uri": "keys"}
