"""What holds for every door: rights, malformed requests, and a store that does not answer."""

import statistics
import time
from pathlib import Path
from typing import Any

import anyio
import pytest

Service = Any  # the fixture of conftest.py, which tests cannot import

OPEN = {
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/health/live"),
    ("POST", "/login"),
    ("POST", "/register"),
    ("GET", "/registration"),
    ("GET", "/oauth/discord/start"),
    ("GET", "/oauth/discord/callback"),
    ("POST", "/oauth/discord/sign-in"),
}
FOR_PEOPLE = {
    ("GET", "/me"),
    ("DELETE", "/me"),
    ("GET", "/auth-methods"),
    ("DELETE", "/auth-methods/{provider}/{identity}"),
    ("POST", "/oauth/discord/link"),
    ("POST", "/logout"),
    ("POST", "/refresh"),
    ("POST", "/password"),
    ("POST", "/link/code"),
    ("POST", "/link/identity"),
    ("POST", "/link-auth-method"),
    ("POST", "/keys"),
    ("GET", "/keys"),
    ("DELETE", "/keys/{key_id}"),
}
FOR_SERVICES = {
    ("POST", "/link/proof"),
    ("POST", "/link/maker"),
    ("POST", "/link/redeem"),
    ("GET", "/identities/discord/{provider_user_id}"),
    ("GET", "/revocations"),
    ("POST", "/keys/verify"),
}
FOR_OPERATORS = {
    ("POST", "/invites"),
    ("GET", "/users"),
    ("GET", "/users/{user_id}"),
    ("PATCH", "/users/{user_id}"),
    ("DELETE", "/users/{user_id}"),
    ("GET", "/audit"),
}
BODIES: dict[str, dict[str, Any]] = {
    "/register": {"username": "eve", "password": "lovelace 1815"},
    "/login": {"username": "ada", "password": "lovelace 1815"},
    "/password": {"old": "lovelace 1815", "new": "babbage 1791"},
    "/link-auth-method": {"provider": "discord", "code": "AAAA2222"},
    "/link/identity": {"provider": "discord", "code": "AAAA2222"},
    "/link/proof": {"provider": "discord", "provider_user_id": "1042"},
    "/link/maker": {"provider": "discord", "provider_user_id": "1042", "code": "AAAA2222"},
    "/link/redeem": {"provider": "discord", "provider_user_id": "1042", "code": "AAAA2222"},
    "/me": {"password": "lovelace 1815"},
    "/oauth/discord/sign-in": {"code": "AAAA2222", "verifier": "v" * 43},
    "/oauth/discord/link": {"code": "AAAA2222", "verifier": "v" * 43},
    "/keys": {"name": "laptop"},
    "/keys/verify": {"key": "tr-AAAA2222"},
    "/users/{user_id}": {"disabled": True},
}


def routes(service: Service) -> set[tuple[str, str]]:
    """Every route there is, as the application describes itself."""
    from auth.main import create_app

    paths = create_app(service.auth).openapi()["paths"]
    return {(verb.upper(), path) for path, verbs in paths.items() for verb in verbs}


async def call(service: Service, door: tuple[str, str], **how: Any) -> Any:
    verb, path = door
    return await service.http.request(verb, path, json=BODIES.get(path), **how)


async def test_every_door_is_in_one_list_of_rights(service: Service) -> None:
    assert routes(service) == OPEN | FOR_PEOPLE | FOR_SERVICES | FOR_OPERATORS


async def test_a_closed_door_needs_a_token(service: Service) -> None:
    for door in sorted(FOR_PEOPLE | FOR_SERVICES | FOR_OPERATORS):
        answer = await call(service, door)
        assert answer.status_code == 401, door
        assert answer.json()["error"]["code"] == "auth.required"


async def test_doors_for_services_are_shut_to_people_and_the_reverse(service: Service) -> None:
    admin = service.as_person(await service.admin_token())
    for door in sorted(FOR_SERVICES):
        assert (await call(service, door, headers=admin)).status_code == 401, door
    for door in sorted(FOR_PEOPLE):
        assert (await call(service, door, headers=service.as_service)).status_code == 401, door


async def test_doors_for_operators_are_shut_to_others(service: Service) -> None:
    person = service.as_person(await service.token("ada"))
    for door in sorted(FOR_OPERATORS):
        answer = await call(service, door, headers=person)
        assert answer.status_code == 403, door
        assert answer.json()["error"]["code"] == "auth.forbidden"
    admin = service.as_person(await service.admin_token())
    for caller in (admin, service.as_service):
        assert (await call(service, ("POST", "/invites"), headers=caller)).status_code == 201


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"5",
        b'"text"',
        b"\xff\xfe",
        b"[" * 30_000,
        b'{"username": "\\ud800", "password": "\\udfff\\udfff\\udfff"}',
        b'{"username": 1e999, "password": NaN}',
        b'{"username": "ada", "username": 5, "password": true}',
    ],
)
async def test_a_malformed_body_is_refused_with_a_sentence(
    service: Service, content: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    for path in ("/login", "/register"):
        answer = await service.http.post(path, content=content, headers=headers)
        assert answer.status_code in (400, 422)
        assert answer.json()["error"]["code"] == "protocol.malformed"


async def test_a_wrong_field_is_named_and_its_value_is_not_repeated(service: Service) -> None:
    body = {"username": "ada", "password": ["my secret"]}
    answer = await service.http.post("/login", json=body)
    assert answer.status_code == 422
    assert "`password`" in answer.json()["error"]["message"]
    assert "my secret" not in answer.text


async def chunks() -> Any:
    for _ in range(20):
        yield b"x" * 8192


async def test_a_body_too_large_is_refused_however_it_is_sent(service: Service) -> None:
    for content in (b"x" * 200_000, chunks()):
        answer = await service.http.post("/login", content=content)
        assert answer.status_code == 413
        assert "64 KiB" in answer.json()["error"]["message"]


async def test_a_path_or_method_that_is_not_there_is_refused(service: Service) -> None:
    nowhere = await service.http.get("/nowhere")
    assert (nowhere.status_code, nowhere.json()["error"]["code"]) == (404, "not_found")
    wrong_verb = await service.http.put("/login")
    assert wrong_verb.status_code == 405
    assert wrong_verb.headers["Allow"] == "POST"
    assert "error" in wrong_verb.json()


async def test_pages_of_other_origins_are_refused(service: Service) -> None:
    refused = await service.http.get("/health", headers={"Origin": "https://evil.example"})
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "auth.forbidden"
    origin = {"Origin": "http://localhost:8501"}
    allowed = await service.http.get("/health", headers=origin)
    assert allowed.headers["Access-Control-Allow-Origin"] == "http://localhost:8501"
    asked = origin | {"Access-Control-Request-Method": "POST"}
    preflight = await service.http.options("/login", headers=asked)
    assert preflight.status_code == 200


async def test_no_answer_may_be_kept_on_the_way(service: Service) -> None:
    await service.register("ada")
    for answer in (await service.login("ada"), await service.login("eve"), await service.me("x")):
        assert answer.headers["Cache-Control"] == "no-store"


async def test_health_tells_of_the_parts(service: Service) -> None:
    report = await service.http.get("/health")
    assert report.status_code == 200
    assert report.json() == {
        "status": "healthy",
        "timestamp": "2025-06-15T15:06:40.000Z",
        "service": "auth-service",
        "version": "0.1.0",
        "components": {"database": "healthy"},
    }
    assert (await service.http.get("/health/live")).status_code == 200
    assert (await service.http.get("/")).json()["name"] == "Trollama accounts"


async def test_a_store_that_does_not_answer_is_said_and_survived(
    serve: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    async with serve(store_url=f"sqlite:///{tmp_path / 'file' / 'trollama.db'}") as service:
        for door in (("POST", "/register"), ("POST", "/login")):
            answer = await call(service, door)
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "store.unavailable"
            assert answer.json()["error"]["retryable"] is True
        for door in sorted(FOR_SERVICES):
            assert (await call(service, door, headers=service.as_service)).status_code in (503, 404)
        report = await service.http.get("/health")
        assert report.status_code == 503
        assert report.json()["status"] == "unhealthy"
        assert (await service.http.get("/health/live")).status_code == 200


async def test_an_unknown_name_costs_as_much_as_a_wrong_password(serve: Any) -> None:
    async with serve(bcrypt_cost=9) as service:
        await service.register("ada")

        async def seconds(name: str) -> float:
            started = time.perf_counter()
            assert (await service.login(name, "a wrong guess")).status_code == 401
            return time.perf_counter() - started

        known, unknown = [], []
        for number in range(7):
            known.append(await seconds("ada"))
            unknown.append(await seconds(f"nobody{number}"))
        assert 0.5 < statistics.median(unknown) / statistics.median(known) < 2


async def test_a_storm_of_logins_stops_nobody_else(serve: Any) -> None:
    async with serve(bcrypt_cost=9) as service:
        statuses: list[int] = []
        waits: list[float] = []

        async def storm(number: int) -> None:
            answer = await service.login(f"nobody{number}")
            statuses.append(answer.status_code)
            if answer.status_code == 503:
                assert answer.headers["Retry-After"] == "5"
                assert answer.json()["error"]["retryable"] is True

        async with anyio.create_task_group() as tasks:
            for number in range(150):
                tasks.start_soon(storm, number)
            while len(statuses) < 150:
                started = time.perf_counter()
                assert (await service.http.get("/health/live")).status_code == 200
                waits.append(time.perf_counter() - started)
        assert set(statuses) == {401, 503}
        assert statistics.median(waits) < 0.5
