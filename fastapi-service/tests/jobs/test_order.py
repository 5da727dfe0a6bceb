"""Fair shares, as statements about every order of events."""

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from brain.jobs.job import Job
from brain.jobs.order import MAX_OVERTAKEN, Line, Place
from brain.jobs.overtaking import ranked, starts

PEOPLE = st.sampled_from("abcd")
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), PEOPLE, st.integers(0, 3)),
        st.tuples(st.just("ask"), st.just("hog"), st.integers(0, 30)),
        st.tuples(st.just("start"), st.just(""), st.just(0)),
        st.tuples(st.just("end"), st.just(""), st.integers(0, 3)),
        st.tuples(st.just("swap"), st.sampled_from([*"abcd", "hog"]), st.just(0)),
    ),
    max_size=80,
)


class Row:
    """A line with people in front of it and a few workers behind it."""

    def __init__(self) -> None:
        self.line = Line()
        self.numbers = count(1)
        self.running: list[Place] = []
        self.started: list[Place] = []
        self.absent: set[str] = set()
        """Whose model is not in memory."""

    def is_there(self, place: Place) -> bool:
        return place.job.user_id not in self.absent

    def ask(self, user: str, thread: int | None = None, *, where: str = "") -> Place:
        order = next(self.numbers)
        job = Job(
            request_id=f"{user}{order}",
            ask_id=str(order),
            principal="service",
            client_id="c",
            user_id=user,
            user_name=user,
            conversation=where or f"{user}{order if thread is None else thread}",
            text="?",
            surface="discord",
            asked_at=0.0,
            order=order,
        )
        place = Place(job)
        self.line.join(place)
        return place

    def busy(self) -> set[str]:
        return {place.job.conversation for place in self.running}

    def start(self) -> Place | None:
        ready = self.line.ready(self.busy(), 0.0)
        first = next(starts(ready, self.is_there), None)
        if first is None:
            return None
        self.line.start(first.place, passed=first.passed)
        self.running.append(first.place)
        self.started.append(first.place)
        return first.place

    def end(self, index: int = 0) -> None:
        if self.running:
            self.running.pop(index % len(self.running))

    def serve_all(self) -> list[str]:
        served = []
        while (place := self.start()) is not None:
            served.append(place.job.user_id)
            self.end()
        return served

    def ranks(self) -> dict[str, int]:
        order = ranked(self.line, self.busy(), 0.0, self.is_there)
        return {place.job.request_id: rank for rank, place in enumerate(order, start=1)}

    def play(self, events: list[tuple[str, str, int]]) -> None:
        for kind, user, number in events:
            match kind:
                case "ask":
                    self.ask(user, number)
                case "start":
                    self.start()
                case "swap":
                    self.absent ^= {user}
                case _:
                    self.end(number)


@given(EVENTS)
def test_nobody_is_overtaken_more_than_eight_times(events: list[tuple[str, str, int]]) -> None:
    row = Row()
    row.play(events)
    row.running.clear()
    row.serve_all()
    everybody = row.started
    assert len(everybody) == sum(kind == "ask" for kind, _, _ in events)
    assert all(place.overtaken <= MAX_OVERTAKEN for place in everybody)


@given(EVENTS)
def test_a_conversation_keeps_its_order(events: list[tuple[str, str, int]]) -> None:
    row = Row()
    row.play(events)
    row.running.clear()
    row.serve_all()
    last: dict[str, int] = {}
    for place in row.started:
        assert place.job.order > last.get(place.job.conversation, 0)
        last[place.job.conversation] = place.job.order


@given(st.integers(1, 40))
def test_first_come_first_served_when_each_has_one(people: int) -> None:
    row = Row()
    asked = [row.ask(f"person {n}").job.user_id for n in range(people)]
    assert row.serve_all() == asked


@given(EVENTS)
def test_ranks_are_those_in_which_work_starts_when_nobody_comes(
    events: list[tuple[str, str, int]],
) -> None:
    row = Row()
    row.play(events)
    able = {place.job.request_id for place in row.line.ready(row.busy(), 0.0)}
    expected = [request for request in row.ranks() if request in able]
    started = []
    while (place := row.start()) is not None:
        started.append(place.job.request_id)
    assert [request for request in started if request in able] == expected


@given(
    st.lists(st.tuples(PEOPLE, st.sampled_from(["ask", "start", "swap"])), max_size=60),
    st.integers(1, 20),
)
def test_a_position_rises_by_at_most_eight(events: list[tuple[str, str]], backlog: int) -> None:
    row = Row()
    lowest: dict[str, int] = {}

    def tell() -> None:
        for request_id, rank in row.ranks().items():
            lowest[request_id] = min(rank, lowest.get(request_id, rank))
            assert rank <= lowest[request_id] + MAX_OVERTAKEN

    for number in range(backlog):
        row.ask("abcd"[number % 3])
    tell()
    for user, kind in events:
        match kind:
            case "ask":
                row.ask(user)
            case "start":
                row.start()
                row.end()
            case _:
                row.absent ^= {user}
        tell()


def test_a_newcomer_waits_for_one_turn_of_a_hog_and_not_for_all() -> None:
    row = Row()
    for _ in range(20):
        row.ask("hog")
    for _ in range(5):
        row.start()
        row.end()
    row.ask("anna")
    assert row.serve_all().index("anna") <= 1


def test_two_hogs_take_turns() -> None:
    row = Row()
    for user in ("x", "y"):
        for _ in range(6):
            row.ask(user)
    assert row.serve_all() == ["x", "y"] * 6


def test_what_was_served_in_an_idle_hour_is_not_held_against_anybody() -> None:
    row = Row()
    for _ in range(50):
        row.ask("anna")
        row.start()
        row.end()
    row.ask("bert")
    row.ask("anna")
    row.ask("bert")
    assert row.serve_all() == ["bert", "anna", "bert"]


def test_who_comes_back_stands_where_they_stood() -> None:
    row = Row()
    for user in ("a", "b", "c"):
        row.ask(user)
    first = row.start()
    assert first is not None
    row.end()
    row.line.rejoin(first)
    assert row.serve_all() == ["a", "b", "c"]


def test_a_backlog_found_after_a_restart_still_lets_others_go_first() -> None:
    row, before = Row(), Row()
    for place in [before.ask("hog") for _ in range(10)]:
        row.line.rejoin(Place(place.job))
    row.numbers = count(100)
    row.ask("anna")
    assert row.serve_all().index("anna") == 1


def test_a_later_question_of_a_shared_thread_overtakes_none_of_it() -> None:
    row = Row()
    for _ in range(4):
        row.ask("hog")
    row.ask("hog", where="thread")
    row.ask("anna", where="thread")
    served = row.serve_all()
    assert served.index("anna") == len(served) - 1
