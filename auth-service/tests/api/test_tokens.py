import base64
import json
from typing import Any

import jwt
import pytest

from auth import sessions

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
    assert listed.json() == {"revoked": [claims_of(token)["jti"]], "disabled": [], "next": None}
    assert claims_of(kept)["jti"] not in listed.json()["revoked"]
    await service.clock.advance(8 * 3600)
    listed = await service.http.get("/revocations", headers=service.as_service)
    assert listed.json() == {"revoked": [], "disabled": [], "next": None}


async def test_of_many_ended_tokens_every_one_is_told_page_by_page(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "REVOKED_PAGE", 2)
    tokens = [await service.token("ada") for _ in range(4)]
    for token in tokens:
        await service.http.post("/logout", headers=service.as_person(token))
    pages: list[list[str]] = []
    asked: dict[str, str] = {}
    while len(pages) < 3:
        page = await service.http.get("/revocations", params=asked, headers=service.as_service)
        pages.append(page.json()["revoked"])
        if page.json()["next"] is None:
            break
        asked = {"after": page.json()["next"]}
    assert [len(page) for page in pages] == [2, 2]
    told = [one for page in pages for one in page]
    assert sorted(told) == sorted(claims_of(token)["jti"] for token in tokens)


async def test_one_person_cannot_fill_the_list_of_ended_tokens(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await service.token("ada")
    statuses = []
    for _ in range(70):
        fresh = await service.http.post("/refresh", headers=service.as_person(token))
        statuses.append(fresh.status_code)
        token = fresh.json().get("access_token", token)
    assert statuses == [200] * 59 + [429] * 11
    assert (await service.me(token)).status_code == 200
    assert (await service.login("ada")).status_code == 429
    await service.clock.advance(300)
    assert (await service.login("ada")).status_code == 200
    assert (await service.token("eve")) != ""


async def test_short_sign_ins_may_be_renewed_as_often_as_they_need_it(serve: Any) -> None:
    async with serve(jwt_expiration_hours=1 / 60) as service:
        token = await service.token("ada")
        for _ in range(80):
            await service.clock.advance(10)
            fresh = await service.http.post("/refresh", headers=service.as_person(token))
            token = fresh.json()["access_token"]


async def test_a_promoted_person_gets_the_role_with_the_next_sign_in(service: Service) -> None:
    before = await service.token("boss")
    token = await service.admin_token()
    assert claims_of(token)["role"] == "admin"
    assert (await service.me(before)).status_code == 401
