"""
Other gateways in front of the same backend, each in an environment of its own under `data/bench/`.

They are installed on demand, as lean as their documentation allows: no database of logs, no
callbacks. LiteLLM proxy takes about 600 MB. Open WebUI is called by its API without a chat id, that
is, without its writes and socket events: a lower bound of what it costs.
"""

import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.processes import call, free_port
from bench.targets import BENCHMARKS, MODELS, Begin, Running, Scene

ROOM = BENCHMARKS.parent / "data" / "bench"
INSTALL_SECONDS = 1_800
LITELLM = "litellm[proxy]==1.106.2"
OPEN_WEBUI = "open-webui==0.12.4"
WITHOUT_TORCH = "torch ; python_version < '3'\n"
"""An override: nothing measured here embeds anything, and torch alone takes 2 GB."""


class NotInstalled(Exception):
    """A peer that cannot be measured, with the reason."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A gateway by the package it comes from, its command and how it is begun."""

    name: str
    package: str
    command: str
    begin: Begin
    overrides: str = ""

    def program(self) -> Path:
        """Its command in its environment."""
        return ROOM / self.name / "bin" / self.command

    def install(self) -> None:
        """Make its environment unless it is there. Raises `NotInstalled`."""
        if self.program().exists():
            return
        uv = shutil.which("uv")
        if uv is None:
            raise NotInstalled("uv is needed to install it")
        ROOM.mkdir(parents=True, exist_ok=True)
        place = ROOM / self.name
        more: list[str] = []
        if self.overrides:
            overrides = ROOM / f"{self.name}-overrides.txt"
            overrides.write_text(self.overrides)
            more = ["--override", f"{overrides}"]
        for step in (
            [uv, "venv", "--quiet", "--clear", "--no-project", "--python", "3.11", f"{place}"],
            [uv, "pip", "install", "--quiet", "--python", f"{place}", *more, self.package],
        ):
            done = subprocess.run(step, capture_output=True, text=True, timeout=INSTALL_SECONDS)
            if done.returncode:
                shutil.rmtree(place, ignore_errors=True)
                raise NotInstalled(done.stderr.strip()[-300:] or "uv failed")


def _litellm(scene: Scene) -> Running:
    port, key = free_port(), "sk-" + secrets.token_hex(20)
    rows = "".join(
        f'  - {{model_name: "{model}", litellm_params: '
        f'{{model: "openai/{model}", api_base: "{scene.backend_url}/v1", api_key: "x"}}}}\n'
        for model in MODELS
    )
    config = scene.stage.folder / "litellm.yaml"
    config.write_text(
        f"model_list:\n{rows}"
        "litellm_settings: {set_verbose: false, drop_params: true, telemetry: false,"
        " num_retries: 0, request_timeout: 600}\n"
        "general_settings: {disable_spend_logs: true}\n"
    )
    started = scene.stage.start(
        "litellm",
        [
            f"{PEERS['litellm'].program()}", "--config", f"{config}", "--host", "127.0.0.1",
            "--port", f"{port}", "--num_workers", "1",
        ],
        live=f"http://127.0.0.1:{port}/health/liveliness",
        environment={
            "LITELLM_MASTER_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_TELEMETRY": "False",
        },
    )  # fmt: skip
    return Running(
        kind="http", port=port, path="/v1/chat/completions", token=key, measured=(started,)
    )


def _open_webui(scene: Scene) -> Running:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    started = scene.stage.start(
        "openwebui",
        [f"{PEERS['openwebui'].program()}", "serve", "--host", "127.0.0.1", "--port", f"{port}"],
        live=f"{url}/health",
        environment={
            "DATA_DIR": f"{scene.stage.folder / 'openwebui'}",
            "WEBUI_SECRET_KEY": secrets.token_hex(),
            "OFFLINE_MODE": "true", "HF_HUB_OFFLINE": "1", "RAG_EMBEDDING_ENGINE": "ollama",
            "RAG_OLLAMA_BASE_URL": scene.backend_url, "ENABLE_OLLAMA_API": "true",
            "OLLAMA_BASE_URL": scene.backend_url, "ENABLE_OPENAI_API": "false",
            "GLOBAL_LOG_LEVEL": "ERROR", "ENABLE_VERSION_UPDATE_CHECK": "false",
            "SCARF_NO_ANALYTICS": "true", "DO_NOT_TRACK": "true", "ANONYMIZED_TELEMETRY": "false",
            "ENABLE_SIGNUP": "true", "WEBUI_AUTH": "true", "BYPASS_MODEL_ACCESS_CONTROL": "true",
            "UVICORN_WORKERS": "1", "ENABLE_BASE_MODELS_CACHE": "true",
        },
    )  # fmt: skip
    person = {"name": "bench", "email": "bench@example.com", "password": secrets.token_urlsafe()}
    token = str(call(f"{url}/api/v1/auths/signup", person)["token"])
    call(f"{url}/api/models", bearer=token)  # it must have seen the models once
    return Running(
        kind="http", port=port, path="/api/chat/completions", token=token, measured=(started,)
    )


PEERS: Mapping[str, Peer] = {
    "litellm": Peer("litellm", LITELLM, "litellm", _litellm),
    "openwebui": Peer("openwebui", OPEN_WEBUI, "open-webui", _open_webui, WITHOUT_TORCH),
}
