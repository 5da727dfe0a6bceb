"""The command starts both servers, says where, and ends when told to."""

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "rehearsal", *arguments]


def test_the_command_prints_its_ports_and_ends_on_sigterm() -> None:
    with subprocess.Popen(
        command("--ollama-port", "0", "--openai-port", "0"), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(4)]
        ollama_url, openai_url = said[1].split()[-1], said[2].split()[-1]
        with urllib.request.urlopen(f"{ollama_url}/api/version", timeout=5) as answer:
            assert b"rehearsal" in answer.read()
        with urllib.request.urlopen(f"{openai_url}/models", timeout=5) as answer:
            assert b"gpt-oss-120b-eagle3" in answer.read()
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    ("option", "text", "complaint"),
    [("--script", "models = [", "is not valid TOML"), ("--faults", "{}", "Fault list")],
)
def test_a_file_that_cannot_be_used_stops_the_command_with_a_sentence(
    tmp_path: Path, option: str, text: str, complaint: str
) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    ended = subprocess.run(command(option, str(path)), capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert complaint in ended.stderr
    assert "Traceback" not in ended.stderr
