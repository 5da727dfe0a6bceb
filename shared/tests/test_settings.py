"""Wrong settings become sentences that name the variable and keep the value to themselves."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from shared.settings import CommonSettings, SecretSettings, StoreSettings, load_settings

STRONG = "Qm7vT2xL9rB4nK8wZ3pF6hJ1dS5gY0cA"


class Listed(BaseSettings):
    """A setting that is JSON."""

    hosts: list[str] = []


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for kind in (CommonSettings, StoreSettings, SecretSettings):
        for name in kind.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def _refusal(kind: type[BaseSettings], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        load_settings(kind)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_missing_secrets_are_named_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _refusal(SecretSettings, capsys).splitlines()
    assert [line.split()[2] for line in lines] == ["JWT_SECRET_KEY", "SERVICE_TOKEN"]
    assert all("start.sh" in line and line.endswith(".") for line in lines)


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("short", "at least 32 characters"),
        ("x" * 64, "placeholder"),
        ("change-me-change-me-change-me-change-me", "placeholder"),
        ("your-secret-key-goes-here-0123456789", "placeholder"),
        ("please put an EXAMPLE value here ok?", "placeholder"),
    ],
)
def test_a_weak_secret_is_refused_by_name_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], secret: str, why: str
) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", secret)
    monkeypatch.setenv("SERVICE_TOKEN", STRONG)
    said = _refusal(SecretSettings, capsys)
    assert said.startswith("Cannot start: JWT_SECRET_KEY ")
    assert why in said
    assert secret not in said
    assert STRONG not in said


def test_strong_secrets_are_accepted_and_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", STRONG)
    monkeypatch.setenv("SERVICE_TOKEN", STRONG[::-1])
    settings = load_settings(SecretSettings)
    assert settings.jwt_secret_key.get_secret_value() == STRONG
    assert STRONG not in repr(settings) + str(settings)


def test_the_environment_comes_before_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("BIND_ADDRESS=10.0.0.1\nLOG_LEVEL=DEBUG\nUNKNOWN=1\n")
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    settings = load_settings(CommonSettings)
    assert (settings.bind_address, settings.log_level) == ("10.0.0.1", "ERROR")


def test_a_value_outside_the_choices_names_variable_and_choices(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    said = _refusal(CommonSettings, capsys)
    assert said.startswith("Cannot start: LOG_LEVEL ")
    assert "'DEBUG'" in said
    assert "LOUD" not in said


def test_the_log_level_may_be_written_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "debug")
    assert load_settings(CommonSettings).log_level == "DEBUG"


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite:x.db", "sqlite:///data/", "pg://u:pw@h/db"])
def test_a_wrong_store_is_a_sentence_with_an_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    monkeypatch.setenv("STORE_URL", url)
    said = _refusal(StoreSettings, capsys)
    assert said.startswith("Cannot start: STORE_URL must be ")
    assert "sqlite:///data/trollama.db" in said
    assert "pw" not in said


@pytest.mark.parametrize("value", ["box:8000", "nonsense", "ftp://box", "http://", "http://a b"])
def test_a_wrong_database_address_is_a_sentence_with_an_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    monkeypatch.setenv("DYNAMODB_ENDPOINT", value)
    said = _refusal(StoreSettings, capsys)
    assert said == "Cannot start: DYNAMODB_ENDPOINT must be an address like http://host:port.\n"


@pytest.mark.parametrize("value", ["no address", "http://127.0.0.1", "10.0.0.1/8", "*"])
def test_a_wrong_bind_address_is_a_sentence_with_an_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    monkeypatch.setenv("BIND_ADDRESS", value)
    said = _refusal(CommonSettings, capsys)
    assert said.startswith("Cannot start: BIND_ADDRESS must be an address of this machine")
    assert "127.0.0.1" in said


@pytest.mark.parametrize("value", ["127.0.0.1", "::1", "::", "fe80::1%eth0", "auth-service"])
def test_every_kind_of_address_can_be_listened_on(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("BIND_ADDRESS", value)
    assert load_settings(CommonSettings).bind_address == value


def test_a_list_that_is_no_json_is_a_sentence_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOSTS", "a,b,secret-host")
    said = _refusal(Listed, capsys)
    assert said.startswith("Cannot start: ")
    assert "hosts" in said
    assert "secret-host" not in said


def test_the_default_store_is_a_file_in_the_data_folder() -> None:
    settings = load_settings(StoreSettings)
    assert settings.store_url == "sqlite:///data/trollama.db"
    assert settings.dynamodb_endpoint is None


def test_settings_cannot_be_changed() -> None:
    settings = StoreSettings(dynamodb_secret_key=SecretStr("x"))
    with pytest.raises(ValueError, match="frozen"):
        settings.store_url = "other"  # type: ignore[misc]  # that it is refused is the point
