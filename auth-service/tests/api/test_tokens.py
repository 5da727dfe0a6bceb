import base64
import json
from typing import Any

import jwt
import pytest

Service = Any  # the fixture of conftest.py, which tests cannot import


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def refusal_of(service: Service, token: str) -> str:
    answer = await service.me(token)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "auth.required"
    return str(answer.json()["error"]["message"])


async def test_a_token_says_who_and_until_when(service: Service) -> None:
    await service.register("ada", display_name="Ada L.")
    claims = claims_of(await service.token("ada"))
    now = int(service.clock.now())
    assert claims == {
        "sub": await service.user_id("ada"),
        "name": "Ada L.",
        "role": "user",
        "iat": now,
        "exp": now + 8 * 3600,
        "jti": claims["jti"],
    }


async def test_how_long_a_token_lasts_is_a_setting(serve: Any) -> None:
    async with serve(jwt_expiration_hours=0.5) as service:
        await service.register("ada")
        answer = (await service.login("ada")).json()
        assert answer["expires_in"] == 1800
        await service.clock.advance(1799)
        assert (await service.me(answer["access_token"])).status_code == 200
        await service.clock.advance(1)
        assert "expired" in await refusal_of(service, answer["access_token"])


async def test_an_unsigned_token_is_refused(service: Service) -> None:
    body = claims_of(await service.token("ada")) | {"role": "admin"}
    for algorithm in ("none", "None", "NONE"):
        header = {"alg": algorithm, "typ": "JWT"}
        await refusal_of(service, f"{part(header)}.{part(body)}.")


async def test_a_token_signed_with_another_key_or_way_is_refused(service: Service) -> None:
    body = claims_of(await service.token("ada"))
    await refusal_of(service, jwt.encode(body, "k" * 40, algorithm="HS256"))
    await refusal_of(service, jwt.encode(body, service.secret + "k" * 40, algorithm="HS512"))


async def test_a_token_with_a_changed_body_is_refused(service: Service) -> None:
    token = await service.token("ada")
    head, _, signature = token.split(".")
    await refusal_of(service, f"{head}.{part(claims_of(token) | {'role': 'admin'})}.{signature}")


async def test_a_well_signed_token_that_was_never_issued_is_refused(service: Service) -> None:
    body = claims_of(await service.token("ada")) | {"jti": "made up", "role": "admin"}
    await refusal_of(service, jwt.encode(body, service.secret, algorithm="HS256"))


@pytest.mark.parametrize("token", ["x", "a.b.c", "Bearer", "ü", "." * 5000])
async def test_what_is_no_token_is_refused(service: Service, token: str) -> None:
    answer = await service.http.get("/me", headers={"Authorization": f"Bearer {token}".encode()})
    assert answer.status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "token"])
async def test_a_call_without_a_token_is_refused(service: Service, header: str) -> None:
    answer = await service.http.get("/me", headers={"Authorization": header})
    assert answer.status_code == 401
    assert "log in" in answer.json()["error"]["message"]


async def test_the_service_token_is_nobody(service: Service) -> None:
    assert (await service.http.get("/me", headers=service.as_service)).status_code == 401


async def test_other_services_hear_of_tokens_until_they_would_expire(service: Service) -> None:
    token = await service.token("ada")
    kept = await service.token("ada")
    await service.http.post("/logout", headers=service.as_person(token))
    listed = await service.http.get("/revocations", headers=service.as_service)
    assert listed.json() == {"revoked": [claims_of(token)["jti"]], "disabled": []}
    assert claims_of(kept)["jti"] not in listed.json()["revoked"]
    await service.clock.advance(8 * 3600)
    listed = await service.http.get("/revocations", headers=service.as_service)
    assert listed.json() == {"revoked": [], "disabled": []}


async def test_a_promoted_person_gets_the_role_with_the_next_sign_in(service: Service) -> None:
    before = await service.token("boss")
    token = await service.admin_token()
    assert claims_of(token)["role"] == "admin"
    assert (await service.me(before)).status_code == 401
