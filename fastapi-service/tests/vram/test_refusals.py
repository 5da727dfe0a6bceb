"""What people read when a model cannot be had."""

import pytest

from brain.vram.errors import ModelUnavailable


@pytest.mark.parametrize("name", ["rnj-1:8b", "hf.co/someone/model:Q4_K_M", "llama3.2"])
def test_a_model_that_can_be_installed_comes_with_the_command(name: str) -> None:
    assert f"`ollama pull {name}`" in ModelUnavailable(name).message


@pytest.mark.parametrize("name", ["../../etc/passwd", "-x", "x y", "a;b", ""])
def test_no_command_is_offered_for_what_is_no_name(name: str) -> None:
    assert "pull" not in ModelUnavailable(name).message
