"""`trollama chat --file`: a file there, a file back, through all processes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RUN = "from admin.cli import main; main()"
QUESTION = "write a python function for primes to a file primes.py"
SMALL = ("--model", "rnj-1:8b")


class Terminal:
    """Somebody who calls `trollama` in a folder of their own."""

    def __init__(self, box: Any, folder: Path) -> None:
        self._box = box
        self.folder = folder
        folder.mkdir()

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": "/usr/bin:/bin",
            "BRAIN_URL": self._box.url,
            "AUTH_URL": self._box.auth_url,
            "CLI_LOGIN_FILE": str(self.folder / "login.json"),
        }
        return subprocess.run(
            [sys.executable, "-c", RUN, *arguments],
            cwd=self.folder, env=environment, input=given, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip


@pytest.fixture
def terminal(box: Any, tmp_path: Path) -> Terminal:
    box.start_all(MAX_FILE_SIZE_MB="1")
    return Terminal(box, tmp_path / "ada")


def test_files_go_there_and_come_back(terminal: Terminal, box: Any) -> None:
    (terminal.folder / "notes.txt").write_text("The cat is called Barnaby.")
    (terminal.folder / "more.csv").write_text("name,age\nBarnaby,7\n")
    asked = terminal.run("chat", "--file", "notes.txt", "--file", "more.csv", "the cat?", *SMALL)
    assert asked.returncode == 0, asked.stderr
    assert "sending notes.txt" in asked.stderr
    assert "reading the files (notes.txt)" in asked.stderr
    assert "reading the files (more.csv)" in asked.stderr
    prompt = box.call(f"{box.control_url}/log")["requests"][-1]["messages"][-1]["text"]
    assert "Barnaby." in prompt
    assert "| Barnaby | 7 |" in prompt

    made = terminal.run("chat", QUESTION, *SMALL, "--save", "out")
    assert made.returncode == 0, made.stderr
    assert "✅ Artifact saved: primes.py" in made.stdout
    code = (terminal.folder / "out" / "primes.py").read_text()
    assert code.startswith("def primes_up_to")
    assert "saved out/primes.py" in made.stderr

    artifact_id = made.stderr.partition("trollama artifact ")[2].split()[0]
    for _ in range(2):
        assert terminal.run("artifact", artifact_id).returncode == 0
    assert (terminal.folder / "primes.py").read_text() == code
    assert (terminal.folder / "primes_2.py").read_text() == code
    assert terminal.run("artifact", artifact_id, "-o", "-").stdout == code
    gone = terminal.run("artifact", "0" * 32)
    assert gone.returncode == 1
    assert "does not exist" in gone.stderr


def test_refusals_reach_the_terminal_as_sentences(terminal: Terminal) -> None:
    (terminal.folder / "big.txt").write_text("x" * 1_100_000)
    big = terminal.run("chat", "--file", "big.txt", "read it")
    assert big.returncode == 1
    assert "big.txt is too large" in big.stderr
    assert "1 MB" in big.stderr
    absent = terminal.run("chat", "--file", "absent.txt", "read it")
    assert absent.returncode == 2
    (terminal.folder / "tool.bin").write_bytes(b"\0\1\2" * 99)
    odd = terminal.run("chat", "--json", "--file", "tool.bin", "read it")
    assert odd.returncode == 1
    assert json.loads(odd.stdout)["code"] == "file.unsupported"


@pytest.mark.parametrize(
    ("path", "said"), [("/dev/zero", "not an ordinary file"), ("nothing.txt", "is empty")]
)
def test_what_cannot_be_sent_is_said_before_anything_is(
    path: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "nothing.txt").touch()
    asked = subprocess.run(
        [sys.executable, "-c", RUN, "chat", "--file", path, "what is it?"],
        cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert asked.returncode == 2
    assert said in " ".join(asked.stderr.split())
    assert "Traceback" not in asked.stderr
