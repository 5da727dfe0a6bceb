import pytest

from admin.local.processes import Process
from admin.local.state import PlatformState, ServiceState
from admin.local.words import (
    NEXT_COMMAND,
    show_failures,
    show_next_steps,
    show_progress,
)

SUPERVISOR = Process(pid=1, started=0.0)


def platform(*services: ServiceState, rehearsal: bool = False) -> PlatformState:
    return PlatformState(
        supervisor=SUPERVISOR,
        rehearsal=rehearsal,
        model_servers=("http://127.0.0.1:11434",),
        services=services,
    )


def test_progress_is_told_once_a_change(capsys: pytest.CaptureFixture[str]) -> None:
    shown: dict[str, str] = {}
    starting = platform(ServiceState(name="auth", state="starting"))
    show_progress(starting, shown)
    show_progress(starting, shown)
    show_progress(platform(ServiceState(name="auth", state="live", urls=("http://a",))), shown)
    assert capsys.readouterr().out == "  auth      starting …\n  auth      live at http://a\n"


def test_rehearsal_models_are_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    one = ServiceState(name="rehearsal", state="live", urls=("http://r",))
    show_next_steps(platform(one, rehearsal=True))
    said = capsys.readouterr().out
    assert "rehearsal models at http://r" in said
    assert "ollama pull" in said
    assert NEXT_COMMAND in said
    assert "./stop.sh" in said


def test_the_page_to_open_is_named_first(capsys: pytest.CaptureFixture[str]) -> None:
    page = ServiceState(name="web chat", state="live", urls=("http://127.0.0.1:8501",))
    show_next_steps(platform(page))
    said = capsys.readouterr().out
    assert said.index("Open:  http://127.0.0.1:8501") < said.index(NEXT_COMMAND)


def test_the_place_of_the_logs_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    one = ServiceState(name="logs", state="live")
    for services, place in (((one,), "logs/$(date +%Y-%m-%d)/app.log"), ((), "logs/local.log")):
        show_next_steps(platform(*services))
        assert f"Logs:  {place}" in capsys.readouterr().out


def test_real_models_are_named_by_address(capsys: pytest.CaptureFixture[str]) -> None:
    show_next_steps(platform())
    said = capsys.readouterr().out
    assert "http://127.0.0.1:11434" in said
    assert "rehearsal" not in said


def test_the_bot_can_be_tried_where_discord_is_rehearsed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    urls = ("http://r:1", "http://r:2", "http://r:3")
    one = ServiceState(name="rehearsal", state="live", urls=urls)
    bot = ServiceState(name="bot", state="live", urls=("http://b",))
    show_next_steps(platform(one, bot, rehearsal=True))
    said = capsys.readouterr().out
    assert "try the bot without a token at http://r:3\n" in said
    assert "rehearsal models at http://r:1 and http://r:2\n" in said
    show_next_steps(platform(bot))
    assert "Discord" not in capsys.readouterr().out


def test_a_failure_comes_with_its_reason_and_last_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_failures(
        platform(
            ServiceState(name="auth", state="live"),
            ServiceState(name="brain", state="failed", reason="why", tail=("last words",)),
        )
    )
    said = capsys.readouterr().out
    assert "brain is not live: why." in said
    assert "last words" in said
    assert "auth" not in said
