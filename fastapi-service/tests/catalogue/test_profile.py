"""Profiles are data; what is wrong with one stops the start with a sentence."""

from importlib.resources import files

import pytest

from brain.catalogue.models import ModelSpec, Priority
from brain.catalogue.profile import (
    PROFILES,
    ROLES,
    ProfileError,
    load_profile,
    parse_profile,
)


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


def test_balanced_has_the_documented_models_roles_and_limits() -> None:
    profile = load_profile("balanced")
    conservative = load_profile("conservative")
    assert {name: spec.size_gb for name, spec in profile.models.items()} == {
        **{name: spec.size_gb for name, spec in conservative.models.items()},
        "gpt-oss:120b": 76.0,
        "devstral-2:123b": 74.0,
        "deepseek-r1:70b": 42.0,
        "devstral-small-2:24b": 15.0,
        "nemotron-3-nano:30b": 24.0,
    }
    assert (profile.soft_gb, profile.hard_gb) == (100.0, 110.0)
    assert profile.roles["simple_code"] == "rnj-1:8b"
    for role in ("router", "general", "summary"):
        assert profile.roles[role] == "gpt-oss:20b"
    for role in ("math", "complex_code", "reasoning", "research"):
        assert profile.roles[role] == "gpt-oss:120b"


def test_performance_answers_all_text_with_the_model_that_never_leaves() -> None:
    profile = load_profile("performance")
    assert {name: spec.size_gb for name, spec in profile.models.items()} == {
        "gpt-oss-120b-eagle3": 84.0,
        "ministral-3:14b": 9.1,
        "qwen3-embedding:4b": 2.5,
    }
    assert (profile.soft_gb, profile.hard_gb) == (10.0, 12.0)
    eagle = profile.models["gpt-oss-120b-eagle3"]
    assert (eagle.priority, eagle.backend) == (Priority.CRITICAL, "sglang")
    text = set(ROLES) - {"vision", "post_processing", "embedding"}
    assert {profile.roles[role] for role in text} == {"gpt-oss-120b-eagle3"}


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_sees_and_embeds_with_the_same_models(name: str) -> None:
    roles = load_profile(name).roles
    assert roles["vision"] == roles["post_processing"] == "ministral-3:14b"
    assert roles["embedding"] == "qwen3-embedding:4b"


@pytest.mark.parametrize("name", PROFILES)
def test_the_capabilities_are_those_of_the_documented_matrix(name: str) -> None:
    for model, spec in load_profile(name).models.items():
        toolless = ("deepseek-ocr:3b", "deepseek-r1:70b", "qwen3-embedding:4b")
        thinking = {"gpt-oss:20b": "level", "gpt-oss:120b": "level", "deepseek-r1:70b": "boolean"}
        assert spec.tools == (model not in toolless)
        assert spec.thinking == thinking.get(model, "none")
        assert spec.vision == (model in ("ministral-3:14b", "deepseek-ocr:3b"))


def test_a_new_model_is_one_entry() -> None:
    written = (files("brain.catalogue") / "balanced.toml").read_text("utf-8")
    entry = '[[models]]\nname = "shiny:9b"\nsize_gb = 6.0\ntools = true'
    assigned = written.replace('math = "gpt-oss:120b"', 'math = "shiny:9b"')
    profile = parse_profile("balanced", f"{assigned}\n{entry}\n")
    assert profile.models[profile.roles["math"]].tools


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


BLIND = '[[models]]\nname = "blind"\nsize_gb = 1'


def page(*, models: str = "", roles: dict[str, str] | None = None, soft: float = 5) -> str:
    named = {role: "e" if role == "embedding" else "m" for role in ROLES} | (roles or {})
    lines = [f'{role} = "{model}"' for role, model in named.items() if model]
    return "\n".join(
        [
            f"[limits]\nsoft_gb = {soft}\nhard_gb = 10\n[roles]",
            *lines,
            '[[models]]\nname = "m"\nsize_gb = 4\nvision = true',
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
        (page(roles={"math": "x", "general": "y"}), "Models not in roster: y (general), x (math)"),
        (page(roles={"vision": "blind"}, models=BLIND), "blind cannot see, unfit for vision"),
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
