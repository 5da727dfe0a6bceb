"""Two hundred streams at once, none of them mixed up with another."""

import aiohttp
import anyio
import orjson

from rehearsal import Rehearsal, default_script, running
from rehearsal.script import OllamaLimits

STREAMS = 200


async def test_two_hundred_streams_at_once_come_out_whole_and_unmixed() -> None:
    limits = OllamaLimits(parallel=STREAMS, max_queue=STREAMS)
    stage = Rehearsal(default_script().model_copy(update={"ollama": limits}), speed=10)
    answers: dict[int, str] = {}

    async with (
        running(stage, ollama_port=0, openai_port=0) as servers,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):

        async def ask(number: int) -> None:
            question = f"count to {number + 10}"
            body = {"model": "rnj-1:8b", "messages": [{"role": "user", "content": question}]}
            async with http.post(f"{servers.ollama_url}/api/chat", json=body) as answer:
                lines = [orjson.loads(line) async for line in answer.content]
            assert lines[-1]["done_reason"] == "stop"
            answers[number] = "".join(line["message"]["content"] for line in lines)

        async with anyio.create_task_group() as tasks:
            for number in range(STREAMS):
                tasks.start_soon(ask, number)

    for number, text in answers.items():
        counted = text.partition("\n")[0]
        assert counted == " ".join(str(one) for one in range(1, number + 11))
    assert len(answers) == STREAMS
    assert stage.record.count("loaded", "rnj-1:8b") == 1
