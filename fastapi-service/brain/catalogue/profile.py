"""Reads a profile: the models of a machine's size, what each is used for, and the limits."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from brain.catalogue.models import BackendKind, Kind, ModelSpec, Priority, Thinking

Role = Literal[
    "router", "general", "math", "simple_code", "complex_code", "reasoning", "research",
    "vision", "embedding", "summary", "post_processing",
]  # fmt: skip
ROLES: tuple[Role, ...] = get_args(Role)
PROFILES = ("conservative", "balanced", "performance")


class ProfileError(Exception):
    """A profile that does not exist or contradicts itself; the brain does not start with it."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"Failed to load configuration profile {name!r}: {problem}")


@dataclass(frozen=True, slots=True)
class Profile:
    """Models by name, the model of each role, and the memory limits in GB of 10^9 bytes."""

    name: str
    models: Mapping[str, ModelSpec]
    roles: Mapping[str, str]
    """The model of each `Role`."""

    soft_gb: float
    hard_gb: float


def load_profile(name: str) -> Profile:
    """The profile called `name`. Raises `ProfileError` with a sentence saying what is wrong."""
    if name not in PROFILES:
        raise ProfileError(name, f"there is none of that name; choose auto, {', '.join(PROFILES)}")
    text = (files("brain.catalogue") / f"{name}.toml").read_text("utf-8")
    return parse_profile(name, text)


def parse_profile(name: str, text: str) -> Profile:
    """The profile written in `text` (TOML). Raises `ProfileError`."""
    try:
        page = _Page.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as invalid:
        raise ProfileError(name, f"it is not valid TOML ({invalid})") from invalid
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        problem = first["msg"].removeprefix("Value error, ")
        raise ProfileError(name, f"{place}: {problem}" if place else problem) from invalid
    _check_roles(name, page)
    return Profile(
        name=name,
        models={row.name: row.spec() for row in page.models},
        roles={role: page.roles[role] for role in ROLES},
        soft_gb=page.limits.soft_gb,
        hard_gb=page.limits.hard_gb,
    )


def _check_roles(name: str, page: "_Page") -> None:
    rows = {row.name: row for row in page.models}
    unassigned = [role for role in ROLES if role not in page.roles]
    if unassigned:
        raise ProfileError(name, f"no model has the role {', '.join(unassigned)}")
    missing = [f"{page.roles[role]} ({role})" for role in ROLES if page.roles[role] not in rows]
    if missing:
        raise ProfileError(name, f"Models not in roster: {', '.join(missing)}")
    for role in ROLES:
        row = rows[page.roles[role]]
        if (row.kind == "embedding") != (role == "embedding"):
            raise ProfileError(name, f"{row.name} is of kind {row.kind}, unfit for {role}")
        if role == "vision" and not row.vision:
            raise ProfileError(name, f"{row.name} cannot see, unfit for {role}")


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    size_gb: float = Field(gt=0)
    priority: Literal["LOW", "NORMAL", "HIGH", "CRITICAL"] = "NORMAL"
    backend: BackendKind = "ollama"
    context_tokens: int = Field(default=8192, ge=512)
    kind: Kind = "chat"
    thinking: Thinking = "none"
    tools: bool = False
    vision: bool = False
    options: dict[str, int | float | bool] = {}

    def spec(self) -> ModelSpec:
        return ModelSpec(**{**dict(self), "priority": Priority[self.priority]})


class _Limits(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    soft_gb: float = Field(gt=0)
    hard_gb: float = Field(gt=0)


class _Page(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    limits: _Limits
    roles: dict[Role, str]
    models: tuple[_Row, ...]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if len({row.name for row in self.models}) != len(self.models):
            raise ValueError("a model is listed twice")
        if self.limits.soft_gb > self.limits.hard_gb:
            raise ValueError("limits.soft_gb is above limits.hard_gb")
        for row in self.models:
            if row.backend == "ollama" and row.size_gb > self.limits.hard_gb:
                raise ValueError(f"{row.name} needs {row.size_gb:g} GB, above limits.hard_gb")
        return self
