"""Which profile a machine gets, and what the log says about it."""

import pytest
from structlog.testing import capture_logs

from brain.catalogue.choice import choose_profile, open_profile
from brain.catalogue.profile import PROFILES, ProfileError


@pytest.mark.parametrize(
    ("total_gb", "sglang_healthy", "name"),
    [
        (None, True, "conservative"),
        (16.0, False, "conservative"),
        (63.9, True, "conservative"),
        (64.0, False, "balanced"),
        (111.9, True, "balanced"),
        (112.0, False, "balanced"),
        (112.0, True, "performance"),
        (128.0, True, "performance"),
    ],
)
def test_auto_goes_by_memory_and_sglang(
    total_gb: float | None, sglang_healthy: bool, name: str
) -> None:
    chosen = choose_profile("auto", total_gb=total_gb, sglang_healthy=sglang_healthy)
    assert chosen.name == name


def test_auto_balances_within_85_percent_of_the_machine() -> None:
    profile = choose_profile("auto", total_gb=100.0, sglang_healthy=False)
    assert (profile.soft_gb, profile.hard_gb) == (77.3, 85.0)


@pytest.mark.parametrize("name", PROFILES)
def test_a_named_profile_is_taken_as_it_is_on_any_machine(name: str) -> None:
    tiny = choose_profile(name, total_gb=2.0, sglang_healthy=False)
    large = choose_profile(name, total_gb=500.0, sglang_healthy=True)
    assert tiny == large
    assert tiny.name == name


@pytest.mark.parametrize(
    ("name", "models"), [("conservative", 5), ("performance", 3), ("balanced", 10)]
)
def test_the_log_says_what_was_loaded_in_the_documents_words(name: str, models: int) -> None:
    with capture_logs() as lines:
        profile = open_profile(name, total_gb=None, sglang_healthy=False)
    assert [line["message"] for line in lines] == [
        "Loading configuration profile",
        f"✅ Loaded '{name}' profile",
    ]
    assert lines[1]["models"] == models
    assert (lines[1]["soft_gb"], lines[1]["hard_gb"]) == (profile.soft_gb, profile.hard_gb)


def test_a_typo_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ProfileError) as wrong:
        open_profile("performence", total_gb=None, sglang_healthy=False)
    assert str(wrong.value).startswith("Failed to load configuration profile")
    assert all(name in str(wrong.value) for name in (*PROFILES, "auto"))
