"""Both stores under many hands at once."""

from collections.abc import Callable

import anyio

from shared.store import Absent, Change, ConditionFailed, Key, Matches, Put, Store

MakeKey = Callable[..., Key]


async def test_parallel_additions_are_exact_and_each_sees_its_own(
    store: Store, key: MakeKey
) -> None:
    seen: list[int] = []

    async def add() -> None:
        seen.extend([await store.add(key(), "n", 1) for _ in range(5)])

    async with anyio.create_task_group() as tasks:
        for _ in range(32):
            tasks.start_soon(add)
    assert await store.get(key()) == {"n": 160}
    assert sorted(seen) == list(range(1, 161))


async def test_put_if_absent_has_one_winner(store: Store, key: MakeKey) -> None:
    winners: list[int] = []

    async def race(number: int) -> None:
        try:
            await store.write(Put(key(), {"winner": number}, when=Absent()))
        except ConditionFailed:
            return
        winners.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(32):
            tasks.start_soon(race, number)
    assert await store.get(key()) == {"winner": winners[0]}
    assert len(winners) == 1


async def test_parallel_transactions_over_shared_rows_are_exact(store: Store, key: MakeKey) -> None:
    """Coins move between purses; each move is refused once when somebody was faster."""
    await store.write(*(Put(key(purse), {"coins": 100}) for purse in "abc"))
    refusals: list[int] = []

    async def move(source: str, target: str) -> None:
        while True:
            purse = await store.get(key(source))
            assert purse is not None
            try:
                await store.write(
                    Change(key(source), add={"coins": -1}, when=Matches(purse)),
                    Change(key(target), add={"coins": 1}),
                    Change(key("log"), add={source + target: 1}),
                )
            except ConditionFailed as refused:
                refusals.append(refused.index)
            else:
                return

    async with anyio.create_task_group() as tasks:
        for pair in ["ab", "bc", "ca"] * 8:
            tasks.start_soon(move, *pair)
    purses = [await store.get(key(purse)) for purse in "abc"]
    assert purses == [{"coins": 100}] * 3
    assert set(refusals) <= {0}
    assert await store.get(key("log")) == {"ab": 8, "bc": 8, "ca": 8}


async def test_a_cancelled_transaction_happened_whole_or_not_at_all(
    store: Store, key: MakeKey
) -> None:
    async def pair(number: int) -> None:
        await store.write(Put(key("x", str(number)), {}), Put(key("y", str(number)), {}))

    await store.write(Put(key("x", "-"), {}), Put(key("y", "-"), {}))
    for round_ in range(10):
        async with anyio.create_task_group() as tasks:
            for number in range(8):
                tasks.start_soon(pair, round_ * 8 + number)
            with anyio.move_on_after(0.002 * round_):
                await anyio.sleep_forever()
            tasks.cancel_scope.cancel()
    halves = [
        {row.sk for row in await store.query(key().table, key(side).pk)} for side in ("x", "y")
    ]
    assert halves[0] == halves[1]
    await pair(999)  # and the store is none the worse for it
