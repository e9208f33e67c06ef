"""Bearer tokens."""

from __future__ import annotations

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from closeshave.standin.tokens import ACCESS_S, REFRESH_S, Claims, InvalidToken, TokenIssuer

CLAIMS = Claims(user=7, email="a@b.example", role="client", region="us-east-1", session="abc")
NOW_S = 1_800_000_000.0


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """As the settings' file holds it."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_what_one_process_issues_another_accepts() -> None:
    """Processes share only the key."""
    assert TokenIssuer(pem(KEY)).check(TokenIssuer(pem(KEY)).access(CLAIMS, NOW_S), "access", NOW_S) == CLAIMS


@pytest.mark.parametrize(("kind", "life_s"), [("access", ACCESS_S), ("refresh", REFRESH_S)])
def test_tokens_expire(kind: str, life_s: int) -> None:
    """Valid until the last second, also if it was checked before; then never again."""
    tokens = TokenIssuer(pem(KEY))
    token = getattr(tokens, kind)(CLAIMS, NOW_S)
    assert tokens.check(token, kind, NOW_S + life_s - 1) == CLAIMS
    with pytest.raises(InvalidToken):
        tokens.check(token, kind, NOW_S + life_s)


def test_a_refresh_token_is_no_access_token() -> None:
    """Each kind is valid for its own purpose only."""
    tokens = TokenIssuer(pem(KEY))
    with pytest.raises(InvalidToken):
        tokens.check(tokens.refresh(CLAIMS, NOW_S), "access", NOW_S)


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "no.token.atall",
        jwt.encode({"user": 7, "type": "access", "exp": NOW_S + 9}, "a secret of thirty-two characters", algorithm="HS256"),
        jwt.encode({"user": 7, "type": "access", "exp": NOW_S + 9}, KEY, algorithm="RS256"),
        TokenIssuer(pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))).access(CLAIMS, NOW_S),
    ],
    ids=["empty", "nonsense", "another algorithm", "claims missing", "another key"],
)
def test_forged_tokens_are_refused(forged: str) -> None:
    """A token without a complete signature by the platform's key is refused."""
    with pytest.raises(InvalidToken):
        TokenIssuer(pem(KEY)).check(forged, "access", NOW_S)


def test_only_an_rsa_key_signs() -> None:
    """Another kind of key is an error at the start, not at the first log-in."""
    with pytest.raises(TypeError, match="RSA"):
        TokenIssuer(pem(ec.generate_private_key(ec.SECP256R1())))
