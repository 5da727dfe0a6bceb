"""Scripts are read, laid over the default and refused with a sentence."""

from pathlib import Path

import pytest

from rehearsal import ScriptError, default_script, load_script


def test_the_default_script_holds_the_roster_of_the_product() -> None:
    sizes = {model.name: model.size_gb for model in default_script().models if model.installed}
    assert sizes == {
        "gpt-oss:20b": 13.0,
        "rnj-1:8b": 5.1,
        "ministral-3:14b": 9.1,
        "deepseek-ocr:3b": 6.7,
        "qwen3-embedding:4b": 2.5,
        "gpt-oss:120b": 76.0,
        "devstral-2:123b": 74.0,
        "deepseek-r1:70b": 42.0,
        "devstral-small-2:24b": 15.0,
        "nemotron-3-nano:30b": 24.0,
        "gpt-oss-120b-eagle3": 84.0,
    }


def test_a_model_loads_at_ten_gigabytes_a_second_unless_scripted(tmp_path: Path) -> None:
    path = tmp_path / "script.toml"
    path.write_text(
        '[[models]]\nname = "a:1b"\nsize_gb = 20\n'
        '[[models]]\nname = "b:1b"\nsize_gb = 20\nload_seconds = 7\n'
    )
    assert [model.seconds_to_load for model in load_script(path).models] == [2.0, 7.0]


def test_what_a_script_leaves_out_comes_from_the_default(tmp_path: Path) -> None:
    path = tmp_path / "script.toml"
    path.write_text('[[replies]]\nmatch = "ping"\ntext = "pong"\n[ollama]\nmemory_gb = 16\n')
    script = load_script(path)
    assert script.models == default_script().models
    assert script.replies[0].text == "pong"
    assert len(script.replies) == len(default_script().replies) + 1
    assert script.ollama.memory_gb == 16


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("models = [", "is not valid TOML"),
        ('[[models]]\nname = "a"\n', "models.0.size_gb: Field required."),
        ('[[models]]\nname = "a"\nsize_gb = -1\n', "models.0.size_gb: Input should be greater"),
        ('[[models]]\nname = "a"\nsize_gb = 1\ncolour = 1\n', "models.0.colour: Extra inputs"),
        ('[[models]]\nname = "a"\nsize_gb = 1\n' * 2, "the model 'a' stands there twice."),
        ('[[replies]]\nmatch = "("\ntext = ""\n', "`match` is not a regular expression"),
    ],
)
def test_a_wrong_script_is_refused_with_the_place(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "script.toml"
    path.write_text(text)
    with pytest.raises(ScriptError) as refused:
        load_script(path)
    assert complaint in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_missing_script_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="Cannot read the script"):
        load_script(tmp_path / "nowhere.toml")
