"""
A model server that writes an answer in Markdown, a few letters at a time.

    python -m webbench.words --port 11600 --models bench:800x50

`bench.backend` with another text: its stamps are 23 characters a token, real tokens are four or
five, and what is measured here grows with the length of the text.
"""

import argparse
import asyncio
from itertools import cycle, islice, pairwise
from typing import Any

import orjson
from bench.backend import LAST_CHUNK, PROMPT_TOKENS, WHEN, Connection, Stock
from bench.stamps import pace_of

ANSWER = """\
The sky looks blue because the air scatters **short waves** of light more than long ones.

- violet is scattered most, but the sun sends less of it
- our eyes are made for *blue*, not for violet

Towards the evening light takes a longer way through the air, so most of the blue is gone before
it arrives, and `red` is what remains. The same happens with dust and smoke, only more so.

"""
PIECE_CHARS = 4.5
"""English text has about that many characters a token with today's tokenisers."""


def pieces(tokens: int) -> list[str]:
    """The text of an answer of so many tokens."""
    cuts = [round(number * PIECE_CHARS) for number in range(tokens + 1)]
    text = "".join(islice(cycle(ANSWER), cuts[-1]))
    return [text[a:b] for a, b in pairwise(cuts)]


class Writer(Connection):
    """Writes the next piece whenever it is due, on an absolute schedule."""

    def _stream(self, path: str, asked: dict[str, Any]) -> None:
        assert path == "/api/chat"
        tokens, per_second = pace_of(asked["model"])
        self._stock.loaded.add(asked["model"])
        self._stock.streams += 1
        self._head = {"model": asked["model"], "created_at": WHEN}
        self._pieces = iter(pieces(tokens))
        self._left, self._step = tokens, 1 / per_second
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        self._count = tokens
        self._token()

    def _token(self) -> None:
        self._chunk({"role": "assistant", "content": next(self._pieces)}, done=False)
        self._left -= 1
        if self._left:
            self._due += self._step
            self._timer = self._loop.call_at(self._due, self._token)
            return
        self._chunk(
            {"role": "assistant", "content": ""}, done=True, done_reason="stop",
            total_duration=1, load_duration=1, prompt_eval_count=PROMPT_TOKENS,
            prompt_eval_duration=1, eval_count=self._count, eval_duration=1,
        )  # fmt: skip
        self._transport.write(LAST_CHUNK)
        self._ended()

    def _chunk(self, message: dict[str, str], **more: Any) -> None:
        line = orjson.dumps({**self._head, "message": message, **more}) + b"\n"
        self._transport.write(b"%x\r\n%s\r\n" % (len(line), line))


async def serve(port: int, models: list[str]) -> None:
    """Until the process is stopped."""
    stock = Stock(models)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Writer(stock), "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--models", required=True, help="names, separated by commas")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.models.split(",")))


if __name__ == "__main__":
    main()
