"""Programs at `/v1`: whole and streamed answers, and connections they close."""

import json
from dataclasses import dataclass
from random import Random
from time import monotonic

import anyio
import httpx

from soakbench.ledger import Ask, Ledger, question
from soakbench.platform import MODELS, Platform

STREAMS = 0.7
CLOSES = 0.1
PAUSE_SECONDS = 2.0
LIMIT_SECONDS = 300.0


@dataclass
class Caller:
    """One program that calls again as soon as it is answered."""

    platform: Platform
    ledger: Ledger
    name: str
    rng: Random
    over: bool = False
    asked: int = 0

    async def live(self) -> None:
        """Until `over`."""
        headers = {"Authorization": f"Bearer {self.platform.token(self.name)}"}
        async with httpx.AsyncClient(
            base_url=self.platform.url, headers=headers, timeout=LIMIT_SECONDS
        ) as http:
            while not self.over:
                if await anyio.to_thread.run_sync(self.platform.is_live):
                    await self._call(http)
                await anyio.sleep(self.rng.random() * PAUSE_SECONDS)

    async def _call(self, http: httpx.AsyncClient) -> None:
        self.asked += 1
        model = self.rng.choice(["auto", *MODELS])
        number = self.rng.randint(20, 150)
        ask = self.ledger.open(Ask(f"{self.name}-{self.asked}", "/v1", number, monotonic(), model))
        body = {
            "model": model,
            "messages": [{"role": "user", "content": question(number, self.asked)}],
            "stream": self.rng.random() < STREAMS,
        }
        try:
            async with http.stream("POST", "/v1/chat/completions", json=body) as answer:
                if answer.status_code != 200 or not body["stream"]:
                    self._whole(ask, answer.status_code, await answer.aread())
                else:
                    await self._stream(ask, answer)
        except httpx.TransportError as failure:
            self._broke(ask, failure)

    def _whole(self, ask: Ask, status: int, content: bytes) -> None:
        told = json.loads(content)
        if status == 200:
            self.ledger.ended(ask, "done", told["choices"][0]["message"]["content"])
        else:
            self.ledger.ended(ask, told["error"]["code"], told["error"]["message"])

    async def _stream(self, ask: Ask, answer: httpx.Response) -> None:
        closes_at = self.rng.random() * 400 if self.rng.random() < CLOSES else float("inf")
        finish, text = None, ""
        async for line in answer.aiter_lines():
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            told = json.loads(line[6:])
            if "error" in told:
                self.ledger.ended(ask, told["error"]["code"], told["error"]["message"])
                return
            for choice in told["choices"]:
                text += choice["delta"].get("content") or ""
                finish = choice["finish_reason"] or finish
            if len(text) > closes_at:
                ask.cancelled = True
                self.ledger.ended(ask, "chat.cancelled")
                return
        if finish == "stop":
            self.ledger.ended(ask, "done", text)
        else:
            self._broke(ask, None)

    def _broke(self, ask: Ask, failure: Exception | None) -> None:
        """The connection ended early, which only a brain that died explains."""
        if any(ask.sent_at - 1 <= at <= monotonic() for at in self.platform.deaths):
            self.ledger.ended(ask, "interrupted")
        else:
            self.ledger.ended(ask, "broken", f"{failure!r}")
