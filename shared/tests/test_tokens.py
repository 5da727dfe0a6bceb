"""Who is calling: tokens that hold and tokens that do not."""

from typing import Any

import jwt
import pytest

from shared.clock import ManualClock
from shared.errors import AuthRequired
from shared.tokens import TokenVerifier, bearer, same_secret

SECRET = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"


def _claims(clock: ManualClock, **changed: Any) -> dict[str, Any]:
    now = clock.now()
    claims = {
        "sub": "u1",
        "name": "Ada",
        "role": "user",
        "iat": now,
        "exp": now + 3600,
        "jti": "t1",
    }
    return {name: value for name, value in (claims | changed).items() if value is not ...}


@pytest.fixture
def verifier(clock: ManualClock) -> TokenVerifier:
    return TokenVerifier(SECRET, clock=clock)


def test_a_valid_token_says_who_it_is(verifier: TokenVerifier, clock: ManualClock) -> None:
    claims = verifier.verify(jwt.encode(_claims(clock, role="admin"), SECRET))
    assert (claims.user_id, claims.name, claims.role, claims.token_id) == (
        "u1", "Ada", "admin", "t1",
    )  # fmt: skip
    assert claims.expires_at == clock.now() + 3600


def test_another_key_is_refused(verifier: TokenVerifier, clock: ManualClock) -> None:
    with pytest.raises(AuthRequired, match="not valid"):
        verifier.verify(jwt.encode(_claims(clock), OTHER))


def test_a_token_without_signature_is_refused(verifier: TokenVerifier, clock: ManualClock) -> None:
    with pytest.raises(AuthRequired, match="not valid"):
        verifier.verify(jwt.encode(_claims(clock), "", algorithm="none"))


def test_another_algorithm_with_the_same_key_is_refused(
    verifier: TokenVerifier, clock: ManualClock
) -> None:
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = jwt.encode(_claims(clock), SECRET, algorithm="HS512")
    with pytest.raises(AuthRequired, match="not valid"):
        verifier.verify(token)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_token_is_refused(verifier: TokenVerifier, clock: ManualClock, part: int) -> None:
    parts = jwt.encode(_claims(clock), SECRET).split(".")
    verifier.verify(".".join(parts))
    parts[part] = parts[part][:5] + ("A" if parts[part][5] != "A" else "B") + parts[part][6:]
    with pytest.raises(AuthRequired, match="not valid"):
        verifier.verify(".".join(parts))


@pytest.mark.parametrize("token", ["", ".", "a.b.c", "…", "x" * 100_000, "\x00", "e30.e30."])
def test_nonsense_is_refused(verifier: TokenVerifier, token: str) -> None:
    with pytest.raises(AuthRequired, match="not valid"):
        verifier.verify(token)


@pytest.mark.parametrize("name", ["sub", "name", "role", "iat", "exp", "jti"])
def test_a_token_without_one_of_the_claims_is_refused(
    verifier: TokenVerifier, clock: ManualClock, name: str
) -> None:
    with pytest.raises(AuthRequired, match="not valid"):
        verifier.verify(jwt.encode(_claims(clock, **{name: ...}), SECRET))


@pytest.mark.parametrize(
    "wrong",
    [{"role": "root"}, {"role": None}, {"sub": ""}, {"exp": "soon"}, {"exp": None}, {"exp": [1]}],
    ids=str,
)
def test_a_claim_of_the_wrong_kind_is_refused(
    verifier: TokenVerifier, clock: ManualClock, wrong: dict[str, Any]
) -> None:
    with pytest.raises(AuthRequired):
        verifier.verify(jwt.encode(_claims(clock, **wrong), SECRET))


async def test_a_token_expires_also_when_it_was_checked_before(
    verifier: TokenVerifier, clock: ManualClock
) -> None:
    token = jwt.encode(_claims(clock), SECRET)
    await clock.advance(3599)
    verifier.verify(token)
    await clock.advance(1)
    for _ in range(2):
        with pytest.raises(AuthRequired, match="expired"):
            verifier.verify(token)


def test_a_revoked_token_and_a_disabled_person_are_refused_at_once(
    verifier: TokenVerifier, clock: ManualClock
) -> None:
    token = jwt.encode(_claims(clock), SECRET)
    verifier.verify(token)
    verifier.revoke(["t1"])
    with pytest.raises(AuthRequired, match="ended"):
        verifier.verify(token)
    verifier.revoke([], disabled_users=["u1"])
    with pytest.raises(AuthRequired, match="ended"):
        verifier.verify(token)
    verifier.revoke([])
    verifier.verify(token)


def test_many_tokens_do_not_fill_the_memory(verifier: TokenVerifier, clock: ManualClock) -> None:
    for number in range(5000):
        verifier.verify(jwt.encode(_claims(clock, jti=str(number)), SECRET))
    assert len(verifier._checked) <= 4096


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Bearer ", None),
        ("Bearer", None),
        ("Basic abc", None),
        ("", None),
        (None, None),
    ],
)
def test_the_bearer_token_is_taken_from_the_header(header: str | None, token: str | None) -> None:
    assert bearer(header) == token


def test_secrets_are_equal_only_when_they_are() -> None:
    assert same_secret("grün", "grün")
    assert not same_secret("grün", "grun")
    assert not same_secret("", "x")
