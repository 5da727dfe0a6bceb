"""
Schemathesis against each service's own OpenAPI: whatever it makes up, no answer is a 500.

It calls as an admin and as one of our services in turn, so that it gets past the doors; each
operation has an admin of its own, because some end the sign-in. Bounded in time; what it makes up
is the same each time.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from time import monotonic
from typing import Any, cast

import anyio.to_thread
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from brain.api.vram import page_cache
from whole_platform import SERVICE_TOKEN, whole_platform

ROUNDS = 5
EXAMPLES = 4
"""Of each operation in a round, half of them breaking its schema on purpose."""

SECONDS = 20.0
"""For one service. Every operation is called at least in the first round; the others end then."""

CALL_SECONDS = 10.0
BROKEN = 500


@dataclass
class Fuzz:
    """One service under fire."""

    url: str
    document: dict[str, Any]
    tokens: list[str]
    statuses: Counter[int] = field(default_factory=Counter)
    broken: dict[str, str] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Rounds of calls until the time is over. Blocks."""
        until = monotonic() + SECONDS
        schema = schemathesis.openapi.from_dict(self.document)
        operations = [cast("Ok[Any]", found).ok() for found in schema.get_all_operations()]
        for number in range(ROUNDS):
            for operation, token in zip(operations, self.tokens, strict=True):
                if number and monotonic() > until:
                    return
                self._fire(operation.as_strategy(), token, number)
                # A path alone is text, and what is no text cannot be sent.
                if operation.body or operation.query:
                    wrong = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
                    self._fire(wrong, token, number)

    def _fire(self, cases: Any, token: str, number: int) -> None:
        callers = cycle((token, SERVICE_TOKEN))

        @seed(number)
        @settings(
            max_examples=EXAMPLES // 2,
            database=None,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases)
        def fire(case: Any) -> None:
            self._call(case, next(callers))

        with suppress(Unsatisfiable):  # it asks for nothing that could be wrong
            fire()

    def _call(self, case: Any, token: str) -> None:
        name = f"{case.operation.method.upper()} {case.operation.path}"
        headers = {"Authorization": f"Bearer {token}"}
        answer = case.call(base_url=self.url, headers=headers, timeout=CALL_SECONDS)
        self.called.add(name)
        self.statuses[answer.status_code] += 1
        if answer.status_code == BROKEN:
            self.broken[name] = case.as_curl_command({"Authorization": "Bearer …"})


@pytest.mark.parametrize("service", ["auth", "brain"])
async def test_nothing_that_can_be_sent_breaks_a_service(
    tmp_path: Path, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_cache, "DROP_CACHES", tmp_path / "drop_caches")
    async with whole_platform(tmp_path) as platform:
        document = platform.apps[service].openapi()
        count = sum(len(verbs) for verbs in document["paths"].values())
        tokens = [(await platform.admin()).token for _ in range(count)]
        fuzz = Fuzz(platform.url(service), document, tokens)
        await anyio.to_thread.run_sync(fuzz.run)
    assert fuzz.broken == {}
    assert len(fuzz.called) == count
    assert fuzz.statuses[200] > count / 2, f"it did not get past the doors: {fuzz.statuses}"
