"""The token that a browser reads its own person with: a JSON Web Token, HS256. Pure.

    header   alg HS256; kid (optional): the id of the secret
    claims   sub: a reference to the person, `user_id:u1`; aud: `onefold`; iat, exp: seconds

It lives for `personal_token_s_max` at most, by what it says itself, so that one that leaks is soon
worthless. Whoever has the secret can make one: this server, or the customer's own backend.
"""

from collections.abc import Mapping
from typing import Any

import jwt

from onefold.kernel import errors, limits

AUDIENCE = "onefold"
_ALGORITHMS = ["HS256"]
_REQUIRED = ["sub", "aud", "iat", "exp"]
# The times are compared here, with the clock that comes in.
_OPTIONS: Any = {
    "require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False,
}  # fmt: skip


def sign(sub: str, key_id: str, secret: str, now_ms: int, for_s: int) -> str:
    """A token about this person that ends after `for_s` seconds."""
    now = now_ms // 1000
    claims = {"sub": sub, "aud": AUDIENCE, "iat": now, "exp": now + for_s}
    return jwt.encode(claims, secret, algorithm="HS256", headers={"kid": key_id})


def read(token: str, secrets: Mapping[str, str], now_ms: int) -> str:
    """Whom a token is about. `secrets`: by id. Raises `NotSignedIn` saying what is wrong."""
    if len(token) > limits.personal_token_chars_max:
        raise _wrong("is too long")
    try:
        named = jwt.get_unverified_header(token).get("kid")
    except jwt.InvalidTokenError:
        raise _wrong("is not a JSON Web Token") from None
    tried = list(secrets.values()) if named is None else [secrets.get(str(named), "")]
    for secret in filter(None, tried):
        try:
            claims = jwt.decode(token, secret, _ALGORITHMS, audience=AUDIENCE, options=_OPTIONS)
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidTokenError as error:
            raise _wrong(f"is not right: {error}") from None
        return _timely(claims, now_ms // 1000)
    raise _wrong("is signed with no secret that holds")


def _timely(claims: Mapping[str, Any], now: int) -> str:
    sub, times = claims["sub"], [claims["iat"], claims["exp"], claims.get("nbf", 0)]
    if not isinstance(sub, str) or not all(type(t) in (int, float) for t in times):
        raise _wrong("has a claim of the wrong type")
    begins, ends, before = times
    skew = limits.personal_token_skew_s
    if now >= ends:
        raise _wrong("has ended")
    if begins > now + skew or before > now + skew:
        raise _wrong("has not begun")
    if ends - begins > limits.personal_token_s_max:
        raise _wrong(f"lives longer than {limits.personal_token_s_max} seconds")
    return sub


def _wrong(what: str) -> errors.NotSignedIn:
    return errors.NotSignedIn(f"The token {what}. Ask your server for a new one.")
