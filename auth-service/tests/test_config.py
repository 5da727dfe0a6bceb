from typing import Any

import pytest
from pydantic import ValidationError

from auth.config import Settings
from shared.settings import explain

SECRET = "only-for-tests-" + "ab" * 16


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, jwt_secret_key=SECRET, service_token=SECRET, **given)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_registration_is_open_while_only_this_machine_can_call(address: str) -> None:
    assert settings(bind_address=address).who_may_register == "open"


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.0.2", "auth-service"])
def test_registration_is_closed_when_others_can_call(address: str) -> None:
    assert settings(bind_address=address).who_may_register == "closed"


def test_registration_is_what_is_set() -> None:
    assert settings(bind_address="0.0.0.0", registration="open").who_may_register == "open"
    assert settings(registration="invite").who_may_register == "invite"


def test_origins_are_a_list_with_commas() -> None:
    given = settings(allowed_origins="https://chat.example.org/, http://a:1 ,")
    assert given.allowed_origins == ("https://chat.example.org", "http://a:1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jwt_expiration_hours", 0),
        ("jwt_expiration_hours", -1),
        ("jwt_expiration_hours", "nan"),
        ("jwt_expiration_hours", "inf"),
        ("bcrypt_cost", 3),
        ("bcrypt_cost", 40),
        ("auth_port", 70_000),
        ("registration", "maybe"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(ValidationError) as refusal:
        settings(**{name: value})
    assert explain(refusal.value).startswith(f"Cannot start: {name.upper()} ")
