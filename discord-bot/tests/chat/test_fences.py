"""Code blocks as Discord knows them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.fences import ZERO_WIDTH, as_discord_has_them

APART = ZERO_WIDTH.join("```")
LINES = st.sampled_from(
    ["```", "````", "```py", "~~~", "~~~~ c", "  ```", "- ```js", "> ```", "1. ````md", "text",
     "a ```b``` c", "a ``` b", "``````", "`x`", "", "\r"]
)  # fmt: skip
TEXTS = st.lists(LINES, max_size=12).map("\n".join)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("```py\nx\n```", "```py\nx\n```"),
        ("````md\n```py\nx\n```\n````\nafter", f"```md\n{APART}py\nx\n{APART}\n```\nafter"),
        ("~~~\nx\n~~~", "```\nx\n```"),
        ("```python title=a.py\nx\n```", "```python\nx\n```"),
        ("1. ```sh\n   ls\n   ```\n2. b", "1. ```sh\n   ls\n   ```\n2. b"),
        ("> ```\n> x\n> ```", "> ```\n> x\n> ```"),
        ("use ```x``` here", "use `x` here"),
        ("three ``` alone", f"three {APART} alone"),
        ('```py\nd = """```"""\n```', f'```py\nd = """{APART}"""\n```'),
        ("no code", "no code"),
    ],
)
def test_a_fence_is_written_as_discord_wants_it(written: str, shown: str) -> None:
    assert as_discord_has_them(written) == shown


@given(TEXTS)
def test_three_backticks_stand_in_fences_alone(text: str) -> None:
    for line in as_discord_has_them(text).split("\n"):
        assert "```" not in line or re.fullmatch(r"[ \t>*+\d.)-]*```[\w+#.-]*", line)


@given(TEXTS)
def test_what_is_right_already_stays(text: str) -> None:
    once = as_discord_has_them(text)
    assert as_discord_has_them(once) == once


@given(TEXTS)
def test_no_word_is_lost(text: str) -> None:
    def words(one: str) -> str:
        return re.sub(r"[`~\u200b]", "", one)

    assert words(as_discord_has_them(text)).split() == words(text).split()
