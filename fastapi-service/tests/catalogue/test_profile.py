"""Profiles are data; what is wrong with one stops the start with a sentence."""

import pytest

from brain.catalogue.models import ModelSpec, Priority
from brain.catalogue.profile import ROLES, ProfileError, load_profile, parse_profile


def test_conservative_has_the_documented_models_roles_and_limits() -> None:
    profile = load_profile("conservative")
    assert {name: spec.size_gb for name, spec in profile.models.items()} == {
        "gpt-oss:20b": 13.0,
        "rnj-1:8b": 5.1,
        "ministral-3:14b": 9.1,
        "deepseek-ocr:3b": 6.7,
        "qwen3-embedding:4b": 2.5,
    }
    assert (profile.soft_gb, profile.hard_gb) == (12.0, 14.0)
    assert profile.roles["math"] == profile.roles["simple_code"] == "rnj-1:8b"
    assert profile.roles["complex_code"] == profile.roles["vision"] == "ministral-3:14b"
    assert profile.roles["embedding"] == "qwen3-embedding:4b"
    for role in ("router", "general", "reasoning", "research", "summary"):
        assert profile.roles[role] == "gpt-oss:20b"


def test_the_router_outlives_the_others_and_thinks_in_levels() -> None:
    router = load_profile("conservative").models["gpt-oss:20b"]
    assert router.priority is Priority.HIGH
    assert router.thinking == "level"


def test_priorities_are_ordered_by_who_leaves_first() -> None:
    assert Priority.LOW < Priority.NORMAL < Priority.HIGH < Priority.CRITICAL


def test_load_options_hold_the_context_and_the_models_own_options() -> None:
    spec = ModelSpec(name="m", size_gb=1, context_tokens=4096, options={"num_batch": 64})
    assert spec.load_options == {"num_ctx": 4096, "num_batch": 64}


def test_an_unknown_profile_is_named_with_the_known_ones() -> None:
    with pytest.raises(
        ProfileError, match=r"^Failed to load configuration profile 'tiny'"
    ) as wrong:
        load_profile("tiny")
    assert "conservative" in str(wrong.value)


def page(*, models: str = "", roles: dict[str, str] | None = None, soft: float = 5) -> str:
    named = {role: "e" if role == "embedding" else "m" for role in ROLES} | (roles or {})
    lines = [f'{role} = "{model}"' for role, model in named.items() if model]
    return "\n".join(
        [
            f"[limits]\nsoft_gb = {soft}\nhard_gb = 10\n[roles]",
            *lines,
            '[[models]]\nname = "m"\nsize_gb = 4',
            '[[models]]\nname = "e"\nsize_gb = 1\nkind = "embedding"',
            models,
        ]
    )


def test_a_page_that_is_consistent_is_taken() -> None:
    assert parse_profile("p", page()).models["m"].size_gb == 4


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (page(models='[[models]]\nname = "m"\nsize_gb = 1'), "listed twice"),
        (page(roles={"math": ""}), "no model has the role math"),
        (page(roles={"math": "x"}), "the role math names x"),
        (page(roles={"math": "e"}), "unfit for math"),
        (page(soft=11), "soft_gb is above"),
        (page(models='[[models]]\nname = "big"\nsize_gb = 11'), "big needs 11 GB"),
        (page(models='[[models]]\nname = "x"\nsize = 1'), "models.2.size_gb"),
        ("[limits", "not valid TOML"),
    ],
)
def test_a_contradiction_is_a_sentence(text: str, problem: str) -> None:
    with pytest.raises(ProfileError, match=r"^Failed to load configuration profile 'p': ") as wrong:
        parse_profile("p", text)
    assert problem in str(wrong.value)
