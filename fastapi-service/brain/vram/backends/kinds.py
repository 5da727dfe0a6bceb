"""Which backend serves which kind of server of the servers file."""

from brain.vram.backends.base import Backend
from brain.vram.backends.lmstudio import LMStudioBackend
from brain.vram.backends.ollama import OllamaBackend
from brain.vram.backends.openai import OpenAIBackend
from brain.vram.backends.sglang import SglangBackend
from brain.vram.backends.tensorrt import TensorRTBackend
from brain.vram.backends.vllm import VllmBackend
from brain.vram.servers_file import ServerEntry


def backend_for(entry: ServerEntry, *, unified: bool) -> Backend:
    """
    The backend that speaks with the server of `entry`.

    `unified`: its GPU shares the memory of its machine, which decides what a sleep frees; say so
    where it is not known. llama.cpp in this process is refused when the file is read.
    """
    match entry.kind:
        case "ollama":
            return OllamaBackend(entry.url, name=entry.name)
        case "lmstudio":
            return LMStudioBackend(entry.url, name=entry.name)
        case "vllm":
            return VllmBackend(
                entry.url, name=entry.name, memory_gb=entry.memory_gb, unified=unified
            )
        case "sglang":
            return SglangBackend(
                entry.url, name=entry.name, memory_gb=entry.memory_gb, unified=unified
            )
        case "tensorrt":
            return TensorRTBackend(
                entry.url, name=entry.name, memory_gb=entry.memory_gb, unified=unified,
                control_key=entry.control_key,
            )  # fmt: skip
        case "openai":
            return OpenAIBackend(entry.url, name=entry.name, memory_gb=entry.memory_gb)
        case "llamacpp":
            raise AssertionError("the servers file refuses this kind")
