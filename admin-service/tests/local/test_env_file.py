import stat
from itertools import count
from pathlib import Path

import pytest
from dotenv import dotenv_values

from admin.local.env_file import MADE, ensure_env_file, with_secrets
from shared.settings import MIN_SECRET_CHARS, SecretSettings


def fill(text: str) -> tuple[str, list[str]]:
    numbers = count(1)
    return with_secrets(text, lambda: f"secret-{next(numbers)}")


def test_an_empty_file_gets_every_secret() -> None:
    assert fill("") == ("JWT_SECRET_KEY=secret-1\nSERVICE_TOKEN=secret-2\n", list(MADE))


def test_a_value_is_never_replaced() -> None:
    text = "SERVICE_TOKEN=mine\nJWT_SECRET_KEY='weak'\n"
    assert fill(text) == (text, [])


@pytest.mark.parametrize(
    "line", ["SERVICE_TOKEN=", "export SERVICE_TOKEN=", "  SERVICE_TOKEN =", 'SERVICE_TOKEN=""']
)
def test_an_empty_value_is_filled_where_it_stands(line: str) -> None:
    text, made = fill(f"# before\n{line}\nJWT_SECRET_KEY=there\nX=1")
    assert made == ["SERVICE_TOKEN"]
    assert text == "# before\nSERVICE_TOKEN=secret-1\nJWT_SECRET_KEY=there\nX=1"


def test_a_comment_is_not_a_value() -> None:
    text, made = fill("#SERVICE_TOKEN=old\nJWT_SECRET_KEY=there")
    assert made == ["SERVICE_TOKEN"]
    assert text == "#SERVICE_TOKEN=old\nJWT_SECRET_KEY=there\nSERVICE_TOKEN=secret-1\n"


def test_the_first_start_copies_the_example_for_its_owner_only(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("# settings\nJWT_SECRET_KEY=\nSERVICE_TOKEN=\n#X=1\n")
    assert ensure_env_file(tmp_path) == list(MADE)
    path = tmp_path / ".env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("# settings\n")
    values = dotenv_values(path)
    assert values["JWT_SECRET_KEY"] != values["SERVICE_TOKEN"]
    assert len(values["JWT_SECRET_KEY"] or "") >= MIN_SECRET_CHARS
    SecretSettings(_env_file=path)


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    ensure_env_file(tmp_path)
    before = (tmp_path / ".env").read_text()
    assert ensure_env_file(tmp_path) == []
    assert (tmp_path / ".env").read_text() == before
