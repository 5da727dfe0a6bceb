"""
A llama.cpp server on a free port, with a model made for this run.

The model is a small random one of real weights for a real engine, and makes no sense at all.
"""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import anyio
import pytest

CONTEXT = 2048
WIDTH = 64
HEADS = 4
LAYERS = 2
INNER = 128
SPECIAL = ("<unk>", "<s>", "</s>")
PRINTABLE = range(0x20, 0x7F)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:"
)
START_SECONDS = 30.0


@pytest.fixture(scope="session")
def server_python() -> str:
    """The interpreter that has `llama_cpp` with its server; compiling it takes minutes."""
    python = os.environ.get("LLAMA_SERVER_PYTHON", sys.executable)
    check = subprocess.run([python, "-c", "import llama_cpp.server.app"], capture_output=True)
    if check.returncode != 0:
        pytest.skip(
            f"{python} has no llama_cpp.server: pip install 'llama-cpp-python[server]' into some "
            "environment and name its Python in LLAMA_SERVER_PYTHON"
        )
    return python


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file."""
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    write_tiny_model(path)
    return path


@pytest.fixture
async def llama_url(server_python: str, tiny_gguf: Path) -> AsyncIterator[str]:
    """The server's address."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    await listener.aclose()
    command = [
        server_python, "-m", "llama_cpp.server", "--model", str(tiny_gguf),
        "--model_alias", "tiny", "--host", "127.0.0.1", "--port", str(port),
        "--n_ctx", "2048", "--n_threads", "1", "--n_threads_batch", "1",
        "--interrupt_requests", "false",
    ]  # fmt: skip
    process = await anyio.open_process(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        await _answering(url, process)
        yield url
    finally:
        if process.returncode is None:
            process.kill()
        with anyio.CancelScope(shield=True):
            await process.aclose()


async def _answering(url: str, process: anyio.abc.Process) -> None:
    with anyio.fail_after(START_SECONDS):
        async with aiohttp.ClientSession() as session:
            while True:
                assert process.returncode is None, "the server ended at once"
                try:
                    async with session.get(f"{url}/v1/models") as response:
                        if response.status == 200:
                            return
                except aiohttp.ClientConnectionError:
                    await anyio.sleep(0.05)


def write_tiny_model(path: Path, *, seed: int = 1) -> None:
    """Half a megabyte of llama architecture: two layers, and the bytes for a vocabulary."""
    import numpy as np  # only a live run pays for these imports
    from gguf import GGUFWriter, TokenType

    random = np.random.default_rng(seed)
    tokens = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL, *[TokenType.BYTE] * 256]
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(CHAT_TEMPLATE)

    def matrix(name: str, rows: int, columns: int) -> None:
        weights = random.normal(0, 0.1, (rows, columns)).astype(np.float32)
        writer.add_tensor(f"{name}.weight", weights)

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, dtype=np.float32))

    matrix("token_embd", len(tokens), WIDTH)
    norm("output_norm")
    # Only printable characters are ever likely: the server holds back what is not whole UTF-8, and
    # works longer and longer on it. As the end-of-answer token never comes, answers hit a limit.
    spoken = np.zeros((len(tokens), WIDTH), dtype=np.float32)
    for byte in PRINTABLE:
        spoken[len(SPECIAL) + byte] = random.normal(0, 0.5, WIDTH)
    writer.add_tensor("output.weight", spoken)
    for layer in range(LAYERS):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrix(f"blk.{layer}.{part}", WIDTH, WIDTH)
        norm(f"blk.{layer}.attn_norm")
        norm(f"blk.{layer}.ffn_norm")
        matrix(f"blk.{layer}.ffn_gate", INNER, WIDTH)
        matrix(f"blk.{layer}.ffn_up", INNER, WIDTH)
        matrix(f"blk.{layer}.ffn_down", WIDTH, INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
