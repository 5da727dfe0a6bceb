"""Which profile a machine gets, and saying so in the log."""

from dataclasses import replace

import structlog

from brain.catalogue.profile import Profile, load_profile

log = structlog.get_logger(__name__)
SMALL_BELOW_GB = 64.0
SGLANG_FROM_GB = 112.0
BALANCED_SHARE = 0.85
"""The borders of `auto` (protocol section 6)."""


def choose_profile(name: str, *, total_gb: float | None, sglang_healthy: bool) -> Profile:
    """
    The profile called `name`; for `auto` the one that suits the machine.

    `total_gb` is the machine's memory in GB of 10^9 bytes; unknown memory counts as little. A
    balanced profile chosen by `auto` gets limits for this machine: hard = 85 % of the total, soft
    in the profile's own proportion to it. Raises `ProfileError`.
    """
    if name != "auto":
        return load_profile(name)
    if total_gb is None or total_gb < SMALL_BELOW_GB:
        return load_profile("conservative")
    if total_gb >= SGLANG_FROM_GB and sglang_healthy:
        return load_profile("performance")
    profile = load_profile("balanced")
    hard_gb = round(total_gb * BALANCED_SHARE, 1)
    soft_gb = round(hard_gb * profile.soft_gb / profile.hard_gb, 1)
    return replace(profile, soft_gb=soft_gb, hard_gb=hard_gb)


def open_profile(name: str, *, total_gb: float | None, sglang_healthy: bool) -> Profile:
    """`choose_profile`, told in the log in the documents' words (V2). Raises `ProfileError`."""
    log.info("profile.load", message="Loading configuration profile", profile=name)
    profile = choose_profile(name, total_gb=total_gb, sglang_healthy=sglang_healthy)
    log.info(
        "profile.loaded",
        message=f"✅ Loaded '{profile.name}' profile",
        profile=profile.name,
        automatic=name == "auto",
        models=len(profile.models),
        soft_gb=profile.soft_gb,
        hard_gb=profile.hard_gb,
        total_gb=total_gb,
    )
    return profile
