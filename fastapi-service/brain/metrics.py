"""
What Prometheus is told.

Ends and refusals are counted when they happen; what is true at one moment (queue, sockets, memory)
is read when somebody asks. Labels come from closed lists, so their number is bounded, and never
hold a person or a text (https://prometheus.io/docs/practices/naming/).
"""

from collections.abc import Collection
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from brain.routing.routes import ROUTE_NAMES
from brain.vram.memory.sample import MemorySample
from brain.vram.status import Status
from shared.protocol import Done, End

OTHER = "other"
NONE = "none"
MAX_CODES = 60
"""Failure codes are a fixed list; should a bug make them up, they stop at this many."""

QUICK = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Seconds: from a hit in memory to an answer that waited for a large model to load."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What is true right now."""

    waiting: int
    running: int
    sockets: int
    memory: Status


class Metrics:
    """The numbers of one brain, in a registry of their own. `models`: the names of the roster."""

    def __init__(self, models: Collection[str]) -> None:
        self._models = frozenset(models)
        self._codes: set[str] = set()
        own = self._registry = CollectorRegistry()
        self._asks = Counter(
            "trollama_asks", "Requests that ended, by how.", ["end", "route", "model"], registry=own
        )
        self._refused = Counter(
            "trollama_asks_refused", "Requests that were not taken.", ["code"], registry=own
        )
        self._votes = Counter(
            "trollama_feedback",
            "Votes on answers; a changed one counts again.",
            ["verdict", "route", "model"],
            registry=own,
        )
        self._tokens = Counter(
            "trollama_tokens", "Tokens of answers.", ["direction", "model"], registry=own
        )
        self._wait = self._histogram("wait", "From being asked to being worked on.")
        self._routing = self._histogram("routing", "Choosing the route and the model.")
        self._load = self._histogram("load", "Waiting for a model to get into memory.")
        self._first = self._histogram("first_token", "From being asked to the first token.")
        self._total = self._histogram("answer", "From being asked to the whole answer.")
        self._waiting = self._gauge("queue_waiting", "Requests that wait.")
        self._running = self._gauge("queue_running", "Requests that are worked on.")
        self._sockets = self._gauge("sockets", "Connected WebSocket clients.")
        self._used = self._gauge("memory_used_gb", "Memory of all models, GB of 10^9 bytes.")
        self._limit = self._gauge("memory_limit_gb", "Hard limit of the profile.")
        self._machine = self._gauge("machine_memory_gb", "Of the machine; unknown: none.", "part")
        self._stalled = self._gauge("psi_avg10", "PSI, per cent; unknown: none.", "who")
        self._level = self._gauge("memory_pressure", "0 calm, 1 warning, 2 critical.")
        self._breaker = self._gauge("breaker_open", "1 while a model rests.", "model")
        self._up = self._gauge("server_up", "Whether a model server answers.", "server")
        self._loaded = self._gauge("model_loaded", "1 while in memory.", "model", "server")
        self._leases = self._gauge("model_leases", "Who uses the model.", "model", "server")
        self._size = self._gauge("model_memory_gb", "Memory of a model.", "model", "server")

    def ended(self, end: End) -> None:
        """A request has ended. Never raises."""
        match end:
            case Done():
                self._answered(end)
            case failed:
                self._asks.labels(self._code(failed.code), NONE, NONE).inc()

    def refused(self, code: str) -> None:
        """A request was not taken, for the reason of this failure code."""
        self._refused.labels(self._code(code)).inc()

    def voted(self, verdict: str, route: str | None, model: str | None) -> None:
        """Somebody called an answer `good` or `bad`."""
        self._votes.labels(verdict, _route(route), self._model(model)).inc()

    def text(self, moment: Moment) -> bytes:
        """Everything in Prometheus's text format 0.0.4."""
        self._waiting.set(moment.waiting)
        self._running.set(moment.running)
        self._sockets.set(moment.sockets)
        self._tell_memory(moment.memory)
        return generate_latest(self._registry)

    def _answered(self, done: Done) -> None:
        model = self._model(done.model)
        self._asks.labels("done", _route(done.route), model).inc()
        if done.model is None:
            return  # a reset or close: no model, nothing to time
        self._tokens.labels("in", model).inc(done.usage.input_tokens)
        self._tokens.labels("out", model).inc(done.usage.output_tokens)
        timings = done.timings
        self._wait.observe(timings.queued_ms / 1000)
        self._routing.observe(timings.routing_ms / 1000)
        self._load.observe(timings.load_ms / 1000)
        self._total.observe(timings.total_ms / 1000)
        if timings.first_token_ms is not None:
            self._first.observe(timings.first_token_ms / 1000)

    def _tell_memory(self, memory: Status) -> None:
        self._used.set(memory.used_gb)
        self._limit.set(memory.hard_gb)
        for gauge in (
            self._up, self._loaded, self._leases, self._size, self._machine, self._stalled,
            self._breaker,
        ):  # fmt: skip
            gauge.clear()  # what has left memory, or is not known any more, is not reported
        self._tell_machine(memory.memory)
        self._level.set(memory.level)
        for circuit in memory.breaker:
            self._breaker.labels(self._model(circuit.model)).inc(circuit.state != "closed")
        for server in memory.servers:
            self._up.labels(server.name).set(server.up)
        for one in memory.loaded:
            name = self._model(one.name)
            self._loaded.labels(name, one.server).set(1)
            self._leases.labels(name, one.server).inc(one.leases)
            self._size.labels(name, one.server).inc(one.size_gb)

    def _tell_machine(self, sample: MemorySample | None) -> None:
        if sample is None:
            return
        for part, amount_gb in (("total", sample.total_gb), ("available", sample.available_gb)):
            if amount_gb is not None:
                self._machine.labels(part).set(amount_gb)
        if sample.psi is not None:
            self._stalled.labels("some").set(sample.psi.some_avg10)
            self._stalled.labels("full").set(sample.psi.full_avg10)

    def _model(self, name: str | None) -> str:
        if name is None:
            return NONE
        return name if name in self._models else OTHER

    def _code(self, code: str) -> str:
        if code in self._codes or len(self._codes) < MAX_CODES:
            self._codes.add(code)
            return code
        return OTHER

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(f"trollama_{name}_seconds", text, buckets=QUICK, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"trollama_{name}", text, labels, registry=self._registry)


def _route(name: str | None) -> str:
    return name if name in ROUTE_NAMES else NONE
