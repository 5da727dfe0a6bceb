"""Files out of answers: which, under which names, byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.artifacts.detect import Earlier, Wish
from brain.artifacts.extract import MAX_FILES, NewFile, files_in

CODE = """\
def is_prime(n):
    if n < 2:
        return False
    return all(n % d for d in range(2, n))
"""
ASKED = Wish()
CODE_ASKED = Wish(firm=False, suffix=".py")


def names(answer: str, wish: Wish = ASKED) -> list[str]:
    return [file.filename for file in files_in(answer, wish)]


def only(answer: str, wish: Wish = ASKED) -> NewFile:
    (file,) = files_in(answer, wish)
    return file


def fenced(text: str, label: str = "", mark: str = "```") -> str:
    return f"{mark}{label}\n{text}{mark}\n"


# ---------------------------------------------------------------- bytes


def test_a_block_becomes_a_file_byte_for_byte() -> None:
    file = only(f"Here it is:\n\n{fenced(CODE, 'python')}\nEnjoy!", CODE_ASKED)
    assert file == NewFile("is_prime.py", "text/x-python", CODE.encode())


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="`~"), min_size=1),
    st.sampled_from(["```", "````", "~~~", "~~~~~"]),
)
def test_any_text_without_fences_survives(text: str, mark: str) -> None:
    if not text.strip():
        return
    answer = f"Your file:\n\n{mark}csv\n{text}\n{mark}\n"
    assert only(answer, Wish(names=("a.csv",), suffix=".csv")).data == f"{text}\n".encode()


def test_tabs_line_ends_and_trailing_spaces_stay() -> None:
    text = "all:\r\n\tcc  x.c  \r\n\r\n\techo 'ü ✅'\r\n"
    file = only(f"```makefile\r\n{text}```\r\n", ASKED)
    assert (file.filename, file.data) == ("Makefile", text.encode())


def test_a_block_in_a_list_loses_the_indent_of_its_fence_only() -> None:
    answer = "1. Save this:\n\n   ```python\n   def f():\n       return 1\n   ```\n"
    assert only(answer).data == b"def f():\n    return 1\n"


def test_a_block_that_is_not_closed_goes_to_the_end() -> None:
    assert only("Sure:\n```python\nx = 1\ny = 2\n").data == b"x = 1\ny = 2\n"


# ---------------------------------------------------------------- nested fences


@pytest.mark.parametrize(
    ("outer", "inner"), [("````", "```"), ("~~~", "```"), ("```", "~~~"), ("`````", "````")]
)
def test_a_longer_or_other_outer_fence_holds_the_inner(outer: str, inner: str) -> None:
    guide = f"# Docker Guide\n\n{inner}bash\ndocker ps\n{inner}\n\nAnd:\n\n{inner}\nlogs\n{inner}\n"
    file = only(f"Here:\n\n{outer}markdown\n{guide}{outer}\nBye", Wish(suffix=".md"))
    assert (file.filename, file.data) == ("docker_guide.md", guide.encode())


def test_a_markdown_block_may_hold_labelled_fences_of_its_own_length() -> None:
    guide = "# Guide\n\n```bash\nls\n```\n\ntext\n\n```python\nx = 1\n```\n\nthe end\n"
    assert only(f"Here you go:\n\n```markdown\n{guide}```\n", Wish(suffix=".md")).data == (
        guide.encode()
    )


def test_an_inner_fence_that_is_never_closed_ends_with_the_outer() -> None:
    answer = "```markdown\n# Title\n````bash\nls\n```\nBye"
    assert only(answer, Wish(suffix=".md")).data == b"# Title\n````bash\nls\n"


def test_backticks_in_a_line_of_prose_open_nothing() -> None:
    answer = "Use ```x``` here.\n``` not `a` fence\n" + fenced(CODE, "python")
    assert only(answer, CODE_ASKED).data == CODE.encode()


def test_a_code_block_ends_at_its_own_mark_even_with_a_label_inside() -> None:
    text = 'doc = """\n~~~bash\nls\n~~~\n"""\n'
    assert only(fenced(text, "python")).data == text.encode()


# ---------------------------------------------------------------- which blocks


def test_no_block_and_a_file_in_words_makes_the_whole_answer_the_file() -> None:
    file = only("Roses are red.\nViolets are blue.", Wish(suffix=".txt"))
    assert file == NewFile("answer.txt", "text/plain", b"Roses are red.\nViolets are blue.")


def test_no_block_and_no_file_in_words_makes_none() -> None:
    assert files_in("A prime has two divisors.", CODE_ASKED) == ()
    assert files_in("   \n", ASKED) == ()


def test_one_line_of_code_is_no_file_unless_one_was_asked_for() -> None:
    answer = fenced("print(sum(range(10)))\n", "python")
    assert files_in(answer, CODE_ASKED) == ()
    assert only(answer, Wish(suffix=".py")).data == b"print(sum(range(10)))\n"


def test_a_document_keeps_its_examples() -> None:
    answer = (
        "# Docker\n\nA long introduction to containers and images.\n\n"
        + fenced("docker ps\n", "bash")
        + "\n## Compose\n\n\n\n`docker-compose.yml`:\n\n"
        + fenced("services: {}\n", "yaml")
        + "\nThat is all there is to say about it."
    )
    file = only(answer, Wish(suffix=".md"))
    assert (file.filename, file.data) == ("docker.md", answer.encode())


def test_a_document_about_markdown_is_not_its_example() -> None:
    example = fenced("# A title\n", "markdown")
    answer = f"# Markdown\n\nA heading begins with a hash sign:\n\n{example}\nThat is all."
    assert only(answer, Wish(suffix=".md")).data == answer.encode()


def test_what_a_program_says_is_no_file_that_nobody_asked_for() -> None:
    assert files_in(fenced("one\ntwo\nthree\n", "output"), Wish(firm=False)) == ()


def test_of_code_and_its_data_only_the_longest_is_a_file_unless_files_were_asked_for() -> None:
    answer = fenced(CODE, "python") + fenced('{\n"a": 1\n}\n', "json")
    assert names(answer, Wish(firm=False)) == ["is_prime.py"]
    assert names(answer, ASKED) == ["is_prime.py", "file.json"]


def test_a_document_of_no_named_kind_begins_with_its_title_too() -> None:
    assert only("Here you are:\n\n# Git\n\nCommit early.").data == b"# Git\n\nCommit early."


def test_the_line_before_a_title_is_no_part_of_the_document() -> None:
    answer = "Sure! Here is your guide:\n\n# Git\n\nCommit early."
    assert only(answer, Wish(suffix=".md")).data == b"# Git\n\nCommit early."


def test_how_to_run_it_and_what_comes_out_are_no_files() -> None:
    answer = (
        fenced("pip install x\n", "bash") + fenced(CODE, "python")
        + fenced("print(is_prime(7))\n", "python") + fenced("True\nTrue\nTrue\n", "output")
    )  # fmt: skip
    assert names(answer, CODE_ASKED) == ["is_prime.py"]
    assert names(answer, ASKED) == ["is_prime.py"]


def test_a_shell_script_that_was_asked_for_is_the_file() -> None:
    answer = fenced("#!/bin/bash\nset -e\ntar czf b.tgz ~/x\n", "bash") + fenced(CODE, "python")
    assert names(answer, Wish(firm=False, suffix=".sh")) == ["file.sh"]


def test_a_page_with_style_and_script_is_three_files() -> None:
    answer = (
        fenced("<html>\n<body>\nhi\n</body></html>\n", "html")
        + fenced("body {\n  margin: 0;\n}\n", "css")
        + fenced("function go() {\n  return 1;\n}\n", "js")
    )
    assert names(answer, Wish(firm=False)) == ["index.html", "style.css", "go.js"]


def test_many_blocks_are_at_most_ten_files() -> None:
    answer = "".join(f"**part{n}.py**\n{fenced(CODE, 'python')}" for n in range(30))
    assert len(files_in(answer, ASKED)) == MAX_FILES


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    "before",
    [
        "**src/app.py**", "### `app.py`", "File: app.py", "1. **app.py**:", "Filename: `app.py`",
        "Datei: app.py", "- app.py (the entry point)", "ファイル: app.py", "app.py", "*app.py*:",
        "#### File 1: `app/app.py`",
    ],
)  # fmt: skip
def test_a_name_on_the_line_before_names_the_file(before: str) -> None:
    assert names(f"Here.\n\n{before}\n\n{fenced(CODE, 'python')}") == ["app.py"]


@pytest.mark.parametrize(
    "line",
    ["Run it like app.py does", "Now app.py uses it:", "See app.py and b.py", "It costs 3.50"],
)  # fmt: skip
def test_a_sentence_that_mentions_a_name_does_not(line: str) -> None:
    assert names(f"{line}\n\n{fenced(CODE, 'python')}") == ["is_prime.py"]


@pytest.mark.parametrize(
    "label",
    [
        'python title="App.py"', "python App.py", "python:src/App.py", "src/App.py",
        "python {title=App.py}",
    ],
)  # fmt: skip
def test_a_name_on_the_fence_names_the_file(label: str) -> None:
    assert names(fenced(CODE, label)) == ["App.py"]


def test_a_name_in_the_first_comment_names_the_file() -> None:
    assert names(fenced("// src/index.js\nlet a = 1;\n", "js")) == ["index.js"]
    assert names(fenced("#!/usr/bin/env python\n# filename: run.py\nx = 1\n", "python")) == [
        "run.py"
    ]


def test_the_name_of_the_request_wins_over_the_content() -> None:
    wish = Wish(names=("primes.py",), suffix=".py")
    assert names(fenced(CODE, "python"), wish) == ["primes.py"]


def test_names_of_the_request_go_to_the_blocks_of_their_kind() -> None:
    wish = Wish(names=("a.css", "b.html"))
    answer = fenced("<html></html>\n", "html") + fenced("p {}\n", "css")
    assert names(answer, wish) == ["b.html", "a.css"]


@pytest.mark.parametrize(
    ("label", "text", "name"),
    [
        ("java", "import x;\npublic final class PrimeChecker {\n}\n", "PrimeChecker.java"),
        ("js", "export default function parseUrl(a) {\n}\n", "parse_url.js"),
        ("html", "<html><title>My  Page!</title></html>\n", "my_page.html"),
        ("dockerfile", "FROM python:3.12\n", "Dockerfile"),
        ("sql", "CREATE TABLE IF NOT EXISTS users (id int);\n", "users.sql"),
        ("", '{"a": [1, 2]}\n', "file.json"),
        ("", "#!/usr/bin/env bash\nls\n", "file.sh"),
        ("", "a,b\n1,2\n3,4\n", "file.csv"),
        ("", "import os\n\nprint(os.name)\n", "file.py"),
        ("text", "BEGIN:VCALENDAR\nEND:VCALENDAR\n", "answer.txt"),
        ("rust", "fn main() {}\npub fn area(r: f64) {}\n", "area.rs"),
        ("haskell", "main = print 1\n", "file.hs"),
    ],
)
def test_content_names_and_types_what_nobody_named(label: str, text: str, name: str) -> None:
    assert names(fenced(text, label)) == [name]


def test_two_of_one_name_are_numbered() -> None:
    answer = f"**a.py**\n{fenced(CODE, 'python')}\n**lib/A.py**\n{fenced(CODE, 'python')}"
    assert names(answer) == ["a.py", "A_2.py"]


@pytest.mark.parametrize(
    ("given_name", "safe"),
    [
        ("../../etc/passwd.txt", "passwd.txt"), ("C:\\x\\con.txt", "_con.txt"),
        ("a\u202etxt.exe.md", "atxt.exe.md"), ('b<>:"|?*.md', "b_______.md"),
        (".hidden.md", "hidden.md"), ("LPT1.md", "_LPT1.md"), ("x.md. .", "x.md"),
        ("é\x00\n.md", "é .md"), ("/", "file"), ("🦙.md", "🦙.md"),
    ],
)  # fmt: skip
def test_names_are_safe_everywhere(given_name: str, safe: str) -> None:
    assert names(fenced("# t\n", "md"), Wish(names=(given_name,), suffix=".md")) == [safe]


# ---------------------------------------------------------------- versions


def test_a_changed_file_keeps_its_name_and_counts_on() -> None:
    wish = Wish(changes="guide.md", suffix=".md", earlier=(Earlier("guide.md", 2),))
    file = only("# Another Title\n\nNew.", wish)
    assert (file.filename, file.version) == ("guide.md", 3)


def test_a_new_file_of_an_old_name_is_its_next_version() -> None:
    wish = Wish(firm=False, suffix=".py", earlier=(Earlier("is_prime.py", 1),))
    assert only(fenced(CODE, "python"), wish).version == 2


def test_a_file_beside_the_changed_one_has_a_name_of_its_own() -> None:
    wish = Wish(changes="app.py", suffix="", earlier=(Earlier("app.py", 1),))
    answer = fenced(CODE, "python") + fenced("body {\n}\n", "css")
    assert [(file.filename, file.version) for file in files_in(answer, wish)] == [
        ("app.py", 2), ("style.css", 1),
    ]  # fmt: skip
