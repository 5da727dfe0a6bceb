"""Plays random worlds: many steps, every one of them again from its seed."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from time import perf_counter

from memory_world.checks import Violation
from memory_world.ending import end
from memory_world.setups import Setup, setup_of
from memory_world.world import ACTIONS, World

WEIGHTS = {
    "ask": 22, "leave": 16, "leave_again": 1, "trouble": 1, "load_ends": 14, "unload_ends": 12,
    "old_news": 1, "forged_news": 1, "look": 1, "look_ends": 7, "disaster": 2, "server_changes": 1,
    "sample": 5, "tick": 10, "solved": 2, "operator": 2,
}  # fmt: skip
Play = tuple[str, int, int]
ACTIONS_A_WORLD = 300


@dataclass(frozen=True, slots=True)
class Found:
    """A world in which an invariant did not hold."""

    seed: int
    violation: Exception
    plays: tuple[Play, ...]

    @property
    def number(self) -> int:
        """Of the invariant; 0 when the core itself broke."""
        return self.violation.number if isinstance(self.violation, Violation) else 0


def plays_of(seed: int, count: int = ACTIONS_A_WORLD) -> list[Play]:
    """The actions of a seed."""
    random = Random(seed)
    weights = {name: weight * random.choice((0.3, 1, 1, 3)) for name, weight in WEIGHTS.items()}
    names = random.choices(list(ACTIONS), [weights[name] for name in ACTIONS], k=count)
    return [(name, random.randrange(1 << 16), random.randrange(1 << 16)) for name in names]


def play(setup: Setup, plays: Sequence[Play]) -> World:
    """A world, from its beginning to a good end. Raises `Violation`."""
    world = World(setup)
    for one in plays:
        world.do(*one)
    end(world)
    return world


def shortest(found: Found, *, tries: int = 3000) -> Found:
    """The same failure with as few actions as can be found by leaving out ever smaller pieces."""
    setup, best = setup_of(found.seed), found
    size = len(found.plays) // 2
    while size and tries > 0:
        at = 0
        while at < len(best.plays) and tries > 0:
            tries -= 1
            shorter = best.plays[:at] + best.plays[at + size :]
            failure = failure_of(setup, shorter)
            if failure is not None and _number(failure) == best.number:
                best = Found(found.seed, failure, shorter)
            else:
                at += size
        size //= 2
    return best


def failure_of(setup: Setup, plays: Sequence[Play]) -> Exception | None:
    """What goes wrong in such a world."""
    try:
        play(setup, plays)
    except Exception as failure:  # noqa: BLE001 - also what breaks in the core is a find
        return failure
    return None


def _number(failure: Exception) -> int:
    return failure.number if isinstance(failure, Violation) else 0


@dataclass(slots=True)
class Total:
    """What many worlds came to."""

    worlds: int
    steps: int
    tried: Counter[int]
    refused: Counter[str]
    found: list[Found]


def drive(first_seed: int, *, steps: int, most_found: int = 1) -> Total:
    """Worlds from that seed on until so many events were played, or so many found wanting."""
    total = Total(0, 0, Counter(), Counter(), [])
    seed = first_seed
    while total.steps < steps and len(total.found) < most_found:
        setup, plays = setup_of(seed), plays_of(seed)
        world = World(setup)
        try:
            for one in plays:
                world.do(*one)
            end(world)
        except Exception as failure:  # noqa: BLE001 - also what breaks in the core is a find
            total.found.append(Found(seed, failure, tuple(plays)))
        total.worlds += 1
        total.steps += world.steps
        total.tried += world.tried
        total.refused += world.refused
        seed += 1
    return total


def main() -> int:
    """The nightly command: prints steps, seeds and what was found; 1 when anything was."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--steps", type=int, default=1_000_000)
    arguments.add_argument("--seed", type=int, default=0, help="the first one")
    arguments.add_argument("--found", type=int, default=5, help="stop after so many violations")
    arguments.add_argument("--shrink", action="store_true", help="print the shortest way there")
    given = arguments.parse_args()
    began = perf_counter()
    total = drive(given.seed, steps=given.steps, most_found=given.found)
    seconds = perf_counter() - began
    last = given.seed + total.worlds - 1
    sys.stdout.write(
        f"{total.steps} steps in {total.worlds} worlds (seeds {given.seed} to {last}), "
        f"{seconds:.0f} s, {len(total.found)} violations\n"
    )
    for number, tries in sorted(total.tried.items()):
        sys.stdout.write(f"  invariant {number:2}: {tries} times put to the test\n")
    sys.stdout.write(f"  refusals: {dict(total.refused)}\n")
    for found in total.found:
        sys.stdout.write(f"seed {found.seed}: {found.violation!r}\n")
        if given.shrink:
            short = shortest(found)
            sys.stdout.write(f"  {short.violation!r}\n")
            sys.stdout.writelines(f"  {one}\n" for one in short.plays)
    return bool(total.found)


if __name__ == "__main__":
    sys.exit(main())
