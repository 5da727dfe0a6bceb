"""Prometheus: what is counted, and that nobody can be found in it."""

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

QUESTION = "What is 2 + 3?"


Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def scraped(platform: Any) -> Samples:
    """Every sample by its name and labels. The scraper has no token."""
    async with platform.http("") as http:
        answer = await http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def total(samples: Samples, name: str, **labels: str) -> float:
    return sum(
        value
        for (found, pairs), value in samples.items()
        if found == name and labels.items() <= dict(pairs).items()
    )


async def test_ends_tokens_and_times_are_counted(platform: Any) -> None:
    async with platform.person("anna") as client:
        await client.hello()
        done = await client.end_of(await client.ask(QUESTION))
        samples = await scraped(platform)
    asks = {"end": "done", "route": done["route"], "model": done["model"]}
    assert total(samples, "trollama_asks_total", **asks) == 1
    usage = done["usage"]
    assert total(samples, "trollama_tokens_total", direction="in") == usage["input_tokens"]
    assert total(samples, "trollama_tokens_total", direction="out") == usage["output_tokens"]
    for name in ("wait", "routing", "load", "first_token", "answer"):
        assert total(samples, f"trollama_{name}_seconds_count") == 1
    assert total(samples, "trollama_answer_seconds_sum") == done["timings"]["total_ms"] / 1000
    assert total(samples, "trollama_sockets") == 1
    assert total(samples, "trollama_model_loaded", model=done["model"]) == 1
    assert total(samples, "trollama_model_memory_gb", model=done["model"]) > 0
    assert total(samples, "trollama_memory_used_gb") > 0
    assert total(samples, "trollama_server_up") >= 1
    machine = total(samples, "trollama_machine_memory_gb", part="total")
    assert 0 < total(samples, "trollama_machine_memory_gb", part="available") < machine


async def test_cancelled_and_refused_ones_are_counted_by_their_code(start: Any) -> None:
    room = {"queue_workers": 1, "max_queue_size": 1, "speed": 5}
    async with start(**room) as platform, platform.bot() as client:
        await client.hello("bot")
        running = await client.ask("count to 200", conversation_id="1")
        await client.stage_of(running, "generating")
        waiting = await client.ask("count to 200", conversation_id="2")
        refused = await client.ask("count to 200", conversation_id="3")
        assert (await client.end_of(refused))["code"] == "queue.full"
        samples = await scraped(platform)
        assert total(samples, "trollama_queue_waiting") == 1
        assert total(samples, "trollama_queue_running") == 1
        assert total(samples, "trollama_model_leases") == 1
        assert total(samples, "trollama_asks_refused_total", code="queue.full") == 1
        for ask_id in (waiting, running):
            await client.send("cancel", ask_id=ask_id)
            await client.end_of(ask_id)
        samples = await scraped(platform)
        assert total(samples, "trollama_asks_total", end="chat.cancelled") == 2
        assert total(samples, "trollama_asks_total") == 2


async def test_an_answer_that_is_asked_for_again_counts_once(platform: Any) -> None:
    async with platform.person("anna") as client:
        await client.hello()
        for _ in range(2):
            await client.end_of(await client.ask(QUESTION, ask_id="same"))
        samples = await scraped(platform)
    assert total(samples, "trollama_asks_total") == 1


async def test_neither_people_nor_words_get_into_the_numbers(platform: Any) -> None:
    async with platform.bot() as client:
        await client.hello("bot")
        ask = {"user_id": "4711", "user_name": "Zoe Zebra", "conversation_id": "zimmer"}
        await client.end_of(await client.ask("Tell me about zymurgy", **ask))
        wrong = {"options": {"model": "zzz-not-there"}}
        await client.end_of(await client.ask(QUESTION, **ask, **wrong))
    async with platform.http("") as http:
        text = (await http.get("/metrics")).text
    for word in ("4711", "Zoe", "zimmer", "zymurgy", "zzz-not-there"):
        assert word not in text
