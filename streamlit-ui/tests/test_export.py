import json

from ui.conversation import Conversation
from ui.export import as_json, filename, markdown

TOLD = {
    "conversation_id": "c1",
    "title": "Two trains",
    "next": "ignored",
    "messages": [
        {"role": "user", "text": "When?", "name": "Anna", "at": "2026-11-20T10:00:00Z",
         "files": [{"filename": "plan.pdf", "file_id": "f"}]},
        {"role": "assistant", "text": "At **noon**.", "route": "math", "model": "m",
         "sources": [{"title": "Timetable", "url": "https://a.example/t"}],
         "artifacts": [{"artifact_id": "x", "filename": "t.csv"}], "new_field": 1},
    ],
}  # fmt: skip


def test_markdown_holds_the_words_and_where_they_came_from() -> None:
    told = markdown(Conversation.model_validate(TOLD))
    assert told.startswith("# Two trains\n\n## Anna, 2026-11-20T10:00:00Z\n\nWhen?\n\n- file: plan")
    assert "## Trollama\n\nAt **noon**.\n\n*math · m*\n\n- [Timetable](https://a.example/t)" in told
    assert told.endswith("- file: t.csv\n")


def test_json_holds_everything_but_the_way_to_more() -> None:
    told = json.loads(as_json(Conversation.model_validate(TOLD)))
    assert [one["text"] for one in told["messages"]] == ["When?", "At **noon**."]
    assert "next" not in told


def test_a_file_is_called_after_the_conversation() -> None:
    assert filename("Two trains / one: 5 km?", "md") == "Two-trains-one-5-km.md"
    assert filename("???", "json") == "conversation.json"
    assert filename("../../etc/passwd", "md") == "etc-passwd.md"
