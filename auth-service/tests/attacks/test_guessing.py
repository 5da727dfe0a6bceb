"""Passwords guessed by the thousand: what a stranger gains, and what it costs everybody else."""

import time
from collections import Counter
from typing import Any

import anyio
import bcrypt
import pytest

from auth import accounts
from auth.providers import password as passwords
from auth.throttle import FREE_ATTEMPTS

Service = Any  # the fixture of conftest.py, which tests cannot import
FEW = 15
"""Instead of a hundred, so that the tests take seconds."""


@pytest.fixture(autouse=True)
def few_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    assert passwords.FREE_IN_ALL == accounts.FREE_REGISTRATIONS == 100
    monkeypatch.setattr(passwords, "FREE_IN_ALL", FEW)
    monkeypatch.setattr(accounts, "FREE_REGISTRATIONS", FEW)


def from_address(service: Service, address: str, **headers: str) -> dict[str, str]:
    token = service.as_service["Authorization"].removeprefix("Bearer ")
    return {"X-Service-Token": token, "X-Client-Address": address} | headers


async def login(service: Service, name: str, password: str, address: str) -> int:
    body = {"username": name, "password": password}
    answer = await service.http.post("/login", json=body, headers=from_address(service, address))
    return int(answer.status_code)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> Counter[bytes]:
    """How often bcrypt worked, by the cost it worked with."""
    done: Counter[bytes] = Counter()
    hashpw, checkpw = bcrypt.hashpw, bcrypt.checkpw

    def counted_hash(password: bytes, salt: bytes) -> bytes:
        done[salt[:6]] += 1
        return hashpw(password, salt)

    def counted_check(password: bytes, kept: bytes) -> bool:
        done[kept[:6]] += 1
        return checkpw(password, kept)

    monkeypatch.setattr(bcrypt, "hashpw", counted_hash)
    monkeypatch.setattr(bcrypt, "checkpw", counted_check)
    return done


@pytest.mark.parametrize("name", ["ada", "nobody", "x" * 200, "a' OR '1'='1", "shut"])
async def test_every_refused_login_costs_one_check_of_the_same_cost(
    service: Service, checked: Counter[bytes], name: str
) -> None:
    await service.register("ada")
    await service.register("shut")
    user_id = await service.user_id("shut")
    await service.auth.accounts.set_rights(user_id, role=None, disabled=True)
    checked.clear()
    assert (await service.login(name, "a wrong guess")).status_code == 401
    assert checked == {b"$2b$04": 1}


async def test_one_guess_each_at_many_names_ends(service: Service, checked: Counter[bytes]) -> None:
    statuses = [
        await login(service, f"nobody{number}", "a wrong guess", "203.0.113.9")
        for number in range(FEW + 5)
    ]
    assert statuses == [401] * FEW + [429] * 5
    assert checked.total() == FEW


async def test_own_right_passwords_in_between_do_not_buy_more_guesses(service: Service) -> None:
    for number in range(3):
        await service.register(f"eve{number}")
    statuses = []
    for number in range(FEW + 5):
        if number in (4, 8, 12):
            own = f"eve{number // 4 - 1}"
            assert await login(service, own, service.password, "203.0.113.9") == 200
        statuses.append(await login(service, f"nobody{number}", "a wrong guess", "203.0.113.9"))
    assert statuses.count(401) == FEW


async def test_strangers_anywhere_cannot_lock_a_person_out_where_they_are_known(
    service: Service,
) -> None:
    await service.register("ada")
    assert await login(service, "ada", service.password, "192.0.2.1") == 200
    for number in range(FEW):
        assert await login(service, "ada", "a wrong guess", f"203.0.113.{number}") == 401
    assert await login(service, "ada", "a wrong guess", "198.51.100.77") == 429
    assert await login(service, "ada", service.password, "192.0.2.1") == 200
    assert await login(service, "ada", service.password, "198.51.100.78") == 429
    await service.clock.advance(30)
    assert await login(service, "ada", service.password, "198.51.100.78") == 200


async def test_where_a_person_is_known_is_kept_over_a_restart(serve: Any) -> None:
    async with serve() as service:
        await service.register("ada")
        for number in range(8):
            assert await login(service, "ada", service.password, f"192.0.2.{number}") == 200
    async with serve() as service:
        kept = await service.auth.repository.password("ada")
        assert kept.used_from == tuple(f"192.0.2.{number}" for number in (7, 6, 5, 4, 3))


async def test_guesses_from_the_persons_own_address_are_slowed_there_too(
    service: Service,
) -> None:
    await service.register("ada")
    await login(service, "ada", service.password, "192.0.2.1")
    statuses = [await login(service, "ada", "a wrong guess", "192.0.2.1") for _ in range(12)]
    assert statuses == [401] * FREE_ATTEMPTS + [429] * 2


async def test_an_address_is_taken_from_our_own_services_only(service: Service) -> None:
    await service.register("ada")
    statuses = []
    for number in range(FREE_ATTEMPTS + 3):
        headers = from_address(service, f"203.0.113.{number}")
        headers["X-Service-Token"] = "guessed" if number % 2 else ""
        headers["X-Forwarded-For"] = f"203.0.113.{number}"
        body = {"username": "ada", "password": "a wrong guess"}
        answer = await service.http.post("/login", json=body, headers=headers)
        statuses.append(answer.status_code)
    assert statuses[-3:] == [429] * 3
    events = (await service.http.get("/audit", headers=service.as_service)).json()["events"]
    assert {event["address"] for event in events} == {"127.0.0.1"}


@pytest.mark.parametrize("address", ["", "x" * 4000, "evil\\n", "999.1.1.1", "203.0.113.1:80"])
async def test_what_is_no_address_is_the_connections(service: Service, address: str) -> None:
    await service.register("ada")
    await login(service, "ada", "a wrong guess", address)
    events = (await service.http.get("/audit", headers=service.as_service)).json()["events"]
    assert {event["address"] for event in events} == {"127.0.0.1"}


async def test_ten_thousand_logins_a_minute_hold_nobody_else_up(serve: Any) -> None:
    """Two seconds' worth of them, at 170 a second, from as many addresses with as many names."""
    async with serve(bcrypt_cost=8) as service:
        token = await service.token("ada")
        statuses: Counter[int] = Counter()
        waits: list[float] = []

        async def guess(number: int) -> None:
            address = f"10.{number % 256}.{number // 256}.1"
            statuses[await login(service, f"nobody{number}", "a wrong guess", address)] += 1

        async with anyio.create_task_group() as tasks:
            for second in range(2):
                for number in range(170):
                    tasks.start_soon(guess, 1000 * second + number)
                began = time.perf_counter()
                assert (await service.me(token)).status_code == 200
                waits.append(time.perf_counter() - began)
                await anyio.sleep(0.1)
        assert statuses.total() == 340
        assert set(statuses) == {401, 503}, "each was judged, or sent away before any work"
        assert max(waits) < 5


async def test_names_without_end_take_no_memory_without_end(serve: Any) -> None:
    async with serve() as service:
        throttle = service.auth.throttle
        throttle._size = 50
        for number in range(40):
            await login(service, f"{number}" * 60, "a wrong guess", f"10.0.0.{number}")
        assert len(throttle._attempts) == 50
        assert {len(key) for key in throttle._attempts} == {16}


async def test_registering_without_end_is_slowed(service: Service) -> None:
    statuses = []
    for number in range(FEW + 3):
        body = {"username": f"bot{number}", "password": service.password}
        headers = from_address(service, "203.0.113.9")
        statuses.append(
            (await service.http.post("/register", json=body, headers=headers)).status_code
        )
    assert statuses == [201] * FEW + [429] * 3
    assert (await service.register("ada")).status_code == 201


async def test_guesses_at_invitations_are_slowed(serve: Any) -> None:
    async with serve(registration="invite") as service:
        statuses = [
            (await service.register(f"bot{number}", invite="AAAA2222")).status_code
            for number in range(FEW + 3)
        ]
        assert statuses == [403] * FEW + [429] * 3


async def test_all_addresses_of_one_household_are_one(service: Service) -> None:
    await service.register("ada")
    statuses = [
        await login(service, "ada", "a wrong guess", f"2001:db8:7::{number:x}")
        for number in range(FREE_ATTEMPTS + 2)
    ]
    assert statuses == [401] * FREE_ATTEMPTS + [429] * 2
    assert await login(service, "ada", service.password, "2001:db8:8::1") == 200


async def test_a_person_is_known_in_their_household_whatever_address_they_have_today(
    service: Service,
) -> None:
    await service.register("ada")
    assert await login(service, "ada", service.password, "2001:db8:7::1") == 200
    for number in range(FEW):
        assert await login(service, "ada", "a wrong guess", f"203.0.113.{number}") == 401
    assert await login(service, "ada", service.password, "2001:db8:7::beef") == 200
    assert await login(service, "ada", service.password, "2001:db8:8::beef") == 429
