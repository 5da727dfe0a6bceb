"""What goes wrong during a soak, at random moments from a seed."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from time import monotonic, sleep

import anyio
import anyio.to_thread
from bench.processes import call

from soakbench.platform import MODELS, SPEED, Platform

PAUSE_SECONDS = (1.0, 5.0)
HOG_GB = (20.0, 40.0)


@dataclass
class Mischief:
    """Does one thing after the other until `over`; counts what it did."""

    platform: Platform
    rng: Random
    calm: bool = False
    """The machine itself has memory enough."""

    over: bool = False
    done: Counter[str] = field(default_factory=Counter)
    scanned: int = 0

    async def live(self) -> None:
        """Until `over`; nothing is wrong any more afterwards."""
        kinds = self._kinds()
        if self.calm:
            del kinds["stalls"], kinds["a hog"]
        while not self.over:
            await anyio.sleep(self.rng.uniform(*PAUSE_SECONDS))
            name = self.rng.choices(list(kinds), [weight for weight, _ in kinds.values()])[0]
            with suppress(OSError):  # what it wanted to reach is down already
                await anyio.to_thread.run_sync(kinds[name][1])
                self.done[name] += 1
        self.platform.stalls(0, self.scanned)
        with suppress(OSError):
            call(f"{self.platform.ollama_url}/rehearsal/kill", {"down_seconds": 0})

    async def kill_brain_at(self, moments: list[float]) -> None:
        """`kill -9` at each of these moments of the monotonic clock, and a new start."""
        for moment in moments:
            await anyio.sleep(moment - monotonic())
            self.platform.deaths.append(monotonic())
            await anyio.to_thread.run_sync(self.platform.kill_brain)
            await anyio.sleep(self.rng.random() * 2)
            await anyio.to_thread.run_sync(self.platform.start_brain)
            self.platform.deaths.append(monotonic())
            self.done["the brain is killed"] += 1

    def _kinds(self) -> dict[str, tuple[float, Callable[[], object]]]:
        """How often, relatively, and what."""
        fault, rng = self.platform.fault, self.rng
        tokens = partial(rng.randint, 0, 60)
        return {
            "a model is killed": (3, self._kill_model),
            "a load fails": (2, lambda: fault(kind="oom", on="load", model=self._model())),
            "a load is slow": (2, lambda: fault(kind="slow", on="load", factor=5)),
            "an answer breaks off": (3, lambda: fault(kind="drop", after_tokens=tokens())),
            "an answer hangs": (2, lambda: fault(kind="hang", after_tokens=tokens())),
            "a model is out of memory": (2, lambda: fault(kind="oom", after_tokens=tokens())),
            "an error": (2, lambda: fault(kind="error", status=503)),
            "an unload is ignored": (1, lambda: fault(kind="ignore", on="unload")),
            "the server dies": (1, self._kill_server),
            "stalls": (2, self._stall),
            "a hog": (2, self._hog),
            "an operator unloads": (2, lambda: self._operate(f"/vram/unload/{self._model()}")),
            "an operator optimizes": (1, lambda: self._operate("/vram/optimize")),
            "an operator loads": (1, lambda: self._operate(f"/vram/load/{self._model()}")),
            "an operator reconciles": (1, lambda: self._operate("/vram/admin/reconcile")),
            "a model is unloaded outside": (2, self._unload_outside),
        }

    def _model(self) -> str:
        return self.rng.choice(list(MODELS))

    def _kill_model(self) -> None:
        runners = self.platform.runners
        if runners:
            os.kill(self.rng.choice(runners), signal.SIGKILL)

    def _kill_server(self) -> None:
        call(
            f"{self.platform.ollama_url}/rehearsal/kill",
            {"down_seconds": self.rng.uniform(0, 4) * SPEED},
        )

    def _stall(self) -> None:
        """Everything stands still, and the kernel looks for pages, for some seconds."""
        full = self.rng.uniform(8, 60)
        for _ in range(self.rng.randint(3, 10)):
            self.scanned += 1000
            self.platform.stalls(full, self.scanned)
            sleep(1)
        self.platform.stalls(0, self.scanned)

    def _hog(self) -> None:
        machine = self.platform.machine
        hog = machine.hog(self.rng.uniform(*HOG_GB))
        sleep(self.rng.uniform(5, 20))
        machine.dismiss(hog)

    def _operate(self, path: str) -> None:
        self.platform.ask_brain(path, {})

    def _unload_outside(self) -> None:
        body = {"model": self._model(), "keep_alive": 0, "prompt": ""}
        call(f"{self.platform.ollama_url}/api/generate", body)
