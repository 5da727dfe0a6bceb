"""The backend that a line of MODEL_SERVERS_FILE asks for."""

from brain.vram.backends.base import Backend
from brain.vram.backends.lmstudio import LMStudioBackend
from brain.vram.backends.ollama import OllamaBackend
from brain.vram.backends.openai import OpenAIBackend
from brain.vram.backends.sglang import SglangBackend
from brain.vram.backends.tensorrt import TensorRTBackend
from brain.vram.backends.vllm import VllmBackend
from brain.vram.servers_file import ServerEntry


def open_backend(one: ServerEntry) -> Backend:
    """Nothing is connected to yet. The file's reader lets no other kind through."""
    match one.kind:
        case "ollama":
            return OllamaBackend(one.url, name=one.name)
        case "sglang":
            return SglangBackend(one.url, name=one.name, memory_gb=one.memory_gb)
        case "vllm":
            return VllmBackend(one.url, name=one.name, memory_gb=one.memory_gb)
        case "tensorrt":
            return TensorRTBackend(
                one.url, name=one.name, memory_gb=one.memory_gb, control_key=one.control_key
            )
        case "lmstudio":
            return LMStudioBackend(one.url, name=one.name)
        case "openai" | "llamacpp":
            return OpenAIBackend(one.url, name=one.name, memory_gb=one.memory_gb)
