"""What a token of the provider says, once it is sure that it is the provider's, for us, and of now. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, InvalidKeyIdError, JoseError, MissingClaimError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry, Token

from duban.refusal import Refusal
from duban_console.accounts.provider_admissions import ProviderClaims
from duban_console.accounts.rows import AccountRefused

#: Seconds by which the clock of the provider and that of this machine may differ.
SKEW: Final = 60
#: Signed by a key that the provider alone has: never `none`, nor a secret that two know.
_SIGNED: Final = JWSRegistry(
    algorithms=["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"],
    strict_check_header=False,
)
_ACCESS_TOKEN_TYPES: Final = ("at+jwt", "application/at+jwt")
_LONGEST_SUBJECT: Final = 255
#: What is wrong with a claim, in our words.
_WRONG: Final = {
    "iss": Refusal("wrong_issuer", "it was given by another provider than ours"),
    "aud": Refusal("wrong_audience", "it was given for another service than this one"),
    "nonce": Refusal("wrong_nonce", "it was given for another sign-in: begin again"),
    "nbf": Refusal("not_yet", "it holds only later: compare the clocks of the provider and of this machine"),
    "iat": Refusal("not_yet", "it was given later than now: compare the clocks of the provider and of this machine"),
}


class UnknownKey(Exception):
    """None of the keys that are known has signed it; the provider may have a new one."""


def id_claims(
    token: str, keys: KeySet, *, issuer: str, client: str, nonce: str, access_token: str, at: datetime
) -> ProviderClaims:
    """What the ID token says that was given for this sign-in.

    Raises:
        AccountRefused: it is not to be believed, with why.
        UnknownKey: it is signed by a key that is not known.
    """
    read = _read(token, keys)
    options = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client}}
    params = {"nonce": nonce, "client_id": client, "access_token": access_token}
    claims = CodeIDToken(read.claims, read.header, options, params)
    try:
        claims.validate(int(at.timestamp()), SKEW)
    except JoseError as error:
        raise AccountRefused(_why(error)) from None
    return _about_somebody(dict(claims))


def access_claims(token: str, keys: KeySet, *, issuer: str, audience: str, at: datetime) -> ProviderClaims:
    """What the access token says (RFC 9068) that was given for the use of this API.

    Raises:
        AccountRefused: it is not to be believed, with why.
        UnknownKey: it is signed by a key that is not known.
    """
    read = _read(token, keys)
    if str(read.header.get("typ", "")).lower() not in _ACCESS_TOKEN_TYPES:
        say = "it is no access token: its type is to be at+jwt, as RFC 9068 says"
        raise AccountRefused(Refusal("not_an_access_token", say))
    registry = JWTClaimsRegistry(
        int(at.timestamp()),
        SKEW,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        registry.validate(read.claims)
    except JoseError as error:
        raise AccountRefused(_why(error)) from None
    return _about_somebody(read.claims)


def _read(token: str, keys: KeySet) -> Token:
    try:
        return jwt.decode(token, keys, registry=_SIGNED)
    except InvalidKeyIdError:
        raise UnknownKey from None
    except (JoseError, ValueError, TypeError) as error:
        say = f"it cannot be read, or not the provider has signed it ({type(error).__name__})"
        raise AccountRefused(Refusal("bad_token", say)) from None


def _about_somebody(claims: dict[str, Any]) -> ProviderClaims:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject.isprintable() or not 0 < len(subject) <= _LONGEST_SUBJECT:
        raise AccountRefused(Refusal("bad_token", "it does not say whom it is about, in `sub`"))
    return claims


def _why(error: JoseError) -> Refusal:
    if isinstance(error, ExpiredTokenError):
        return Refusal("token_expired", "its time is over: have the provider give another")
    claim = getattr(error, "claim", "")
    wrong = _WRONG.get(claim) if isinstance(error, InvalidClaimError | MissingClaimError) else None
    return wrong or Refusal("bad_token", f"its claim {claim or '?'} is missing, or is not as it should be")
