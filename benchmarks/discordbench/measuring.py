"""What the stand-in Discord saw, in the terms of the rules. Pure; moments are monotonic seconds."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.chat.pacing import Limit, fair_share_seconds
from discordbench.scripted_brain import Play
from rehearsal.discord import Message

SAMPLE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer on screen: (moment, words shown by then), and when all of it and its end did."""

    steps: tuple[tuple[float, int], ...]
    ended_at: float | None
    ends: int
    """Messages with its end that are still there; 1 is right."""

    def words_at(self, moment: float) -> int:
        """How many words could be read at that moment."""
        at = bisect_right(self.steps, (moment, 1 << 30))
        return self.steps[at - 1][1] if at else 0


def seen(play: Play, there: Iterable[Message], deleted: Iterable[Message]) -> Seen:
    """One answer among the messages of its channel."""
    word, end = re.compile(rf"\b{play.tag}w(\d+)\b"), re.compile(rf"\bend-{play.tag}\b")
    there = list(there)
    versions = [
        (version.at, message.id, version.content)
        for message in [*there, *deleted]
        for version in message.versions
        if word.search(version.content) or end.search(version.content)
    ]
    steps: list[tuple[float, int]] = []
    ended_at, most, screen = None, 0, dict[int, str]()
    for moment, message_id, content in sorted(versions):
        screen[message_id] = content
        words = {int(found) for text in screen.values() for found in word.findall(text)}
        most = max(most, max(words, default=-1) + 1)
        steps.append((moment, most))
        has_end = any(end.search(text) for text in screen.values())
        if ended_at is None and has_end and len(words) == play.words:
            ended_at = moment
    ends = sum(bool(end.search(one.content)) for one in there)
    return Seen(tuple(steps), ended_at, ends)


def age(play: Play, seen: Seen, moment: float) -> float:
    """How long the first word that is said and not on screen has waited; 0 where all are."""
    shown = seen.words_at(moment)
    if shown < len(play.said) and play.said[shown] <= moment:
        return moment - play.said[shown]
    return 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The age of one answer's text at one moment, and what the rule of pacing would give."""

    answers: int
    age: float
    rule: float


def samples(
    plays: Sequence[tuple[Play, Seen]], limit: Limit, round_trip: float
) -> Iterable[Sample]:
    """
    Every tenth of a second of every answer of a channel while it grows.

    The rule: half the time between two edits where that many answers grow, and a round trip.
    """
    spans = [(play.said[0], play.done_at or play.said[-1]) for play, _ in plays if play.said]
    for play, shown in plays:
        if not play.said:
            continue
        moment, until = play.said[0], play.done_at or play.said[-1]
        while moment < until:
            answers = sum(begin <= moment < end for begin, end in spans)
            rule = fair_share_seconds(limit, answers) / 2 + round_trip
            yield Sample(answers, age(play, shown, moment), rule)
            moment += SAMPLE_SECONDS


def most_within(moments: Iterable[float], seconds: float) -> int:
    """The largest number of moments in any span of that length."""
    ordered = sorted(moments)
    most = begin = 0
    for at, moment in enumerate(ordered):
        while ordered[begin] <= moment - seconds:
            begin += 1
        most = max(most, at - begin + 1)
    return most
