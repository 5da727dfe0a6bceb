from math import inf

import pytest
from pydantic import ValidationError

from brain.config import Settings
from shared.settings import explain

SECRETS = {"jwt_secret_key": "j9" * 20, "service_token": "s7" * 20}


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, **SECRETS, **values)  # type: ignore[arg-type]  # as read


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("127.0.0.1:11500", "http://127.0.0.1:11500"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("box", "http://box:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::]:9000", "http://[::1]:9000"),
        ("http://box:80/", "http://box:80"),
        ("https://ollama.example/base/", "https://ollama.example/base"),
    ],
)
def test_the_ollama_host_is_read_as_ollama_reads_it(given: str, meant: str) -> None:
    assert settings(ollama_host=given).ollama_host == meant


@pytest.mark.parametrize("given", ["ftp://x", "host:port", "http://", "h:99999", "x y"])
def test_what_is_no_address_is_refused(given: str) -> None:
    for name in ("ollama_host", "sglang_endpoint"):
        with pytest.raises(ValidationError, match="must be an address"):
            settings(**{name: given})


@pytest.mark.parametrize(
    "given",
    ["http://user:hush@box", "user:hush@box:1", "http://box/v1?key=hush", "box?key=hush", "b#hush"],
)
def test_a_model_server_with_a_password_or_a_key_in_its_address_is_refused(given: str) -> None:
    for name in ("ollama_host", "sglang_endpoint"):
        with pytest.raises(ValidationError) as refusal:
            settings(**{name: given})
        said = explain(refusal.value)
        assert f"{name.upper()} must be an address like" in said
        assert "without user, password, query or fragment" in said
        assert "hush" not in said


def test_one_server_is_not_named_by_two_settings() -> None:
    with pytest.raises(ValidationError) as refusal:
        settings(ollama_host="127.0.0.1", sglang_endpoint="http://localhost:11434/v1")
    said = explain(refusal.value)
    assert "SGLANG_ENDPOINT must be another server than OLLAMA_HOST" in said


def test_a_variable_without_a_value_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VRAM_HARD_LIMIT_GB", "OLLAMA_HOST", "QUEUE_WORKERS"):
        monkeypatch.setenv(name, "")
    read = settings()
    assert (read.vram_hard_limit_gb, read.queue_workers) == (None, 4)


@pytest.mark.parametrize("value", ["inf", "nan", "0"])
def test_a_time_out_is_a_finite_time(value: str) -> None:
    with pytest.raises(ValidationError):
        settings(visibility_timeout=value)


@pytest.mark.parametrize("given", ["box:8002", "nonsense", "http://", "http://h:99999", "http://!"])
def test_an_auth_service_has_a_whole_address(given: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        settings(auth_url=given)
    assert explain(refusal.value) == (
        "Cannot start: AUTH_URL must be an address like http://host:port."
    )


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("-1", inf), ("-5m", inf), ("0", 0), ("300", 300), ("5m", 300), ("24h", 86400),
     ("1h30m", 5400), ("1.5h", 5400), ("500ms", 0.5), (" 2m ", 120)],
)  # fmt: skip
def test_how_long_a_model_stays_is_read_as_ollama_reads_it(given: str, seconds: float) -> None:
    assert settings(ollama_keep_alive=given).ollama_keep_alive == seconds


@pytest.mark.parametrize("given", ["5 minutes", "5d", "m", "-", "1.5", "nan", "1h 30m"])
def test_what_is_no_time_is_refused_by_its_name(given: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        settings(ollama_keep_alive=given)
    said = explain(refusal.value)
    assert said.startswith("Cannot start: OLLAMA_KEEP_ALIVE must be a time like 5m")


def test_origins_are_read_as_browsers_send_them() -> None:
    given = settings(allowed_origins="HTTPS://Chat.example.org:443/, http://a:1 ,http://[::1]:8501")
    assert given.allowed_origins == ("https://chat.example.org", "http://a:1", "http://[::1]:8501")


@pytest.mark.parametrize("given", ["*", "null", "chat.example.org", "http://a/page", "http://a;b"])
def test_what_is_no_origin_is_refused_by_its_name(given: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        settings(allowed_origins=f"http://fine, {given}")
    assert explain(refusal.value).startswith("Cannot start: ALLOWED_ORIGINS must be addresses ")
