"""Tables in a place that has none."""

from time import process_time

from hypothesis import given
from hypothesis import strategies as st

from bot.chat.tables import tables_as_blocks, width

TABLE = "Before\n\n| Name | Size |\n|---|---:|\n| **rnj-1** | 8 |\n| gpt-oss | 20 |\n\nAfter"


def test_a_table_becomes_an_aligned_block() -> None:
    assert tables_as_blocks(TABLE).split("\n") == [
        "Before", "", "```",
        "Name     Size",
        "───────  ────",
        "rnj-1       8",
        "gpt-oss    20",
        "```", "", "After",
    ]  # fmt: skip


def test_a_column_stands_where_its_separator_says() -> None:
    table = "| left | middle | right |\n|:--|:-:|--:|\n| a | b | c |"
    assert tables_as_blocks(table).split("\n")[3] == "a       b         c"


def test_a_wide_table_becomes_a_list() -> None:
    wide = f"| Name | About |\n|---|---|\n| one | {'long ' * 20}|\n"
    assert tables_as_blocks(wide).startswith("- **Name** one · **About** long")


def test_a_table_inside_a_code_block_stays() -> None:
    code = "```\n| a | b |\n|---|---|\n| 1 | 2 |\n```"
    assert tables_as_blocks(code) == code


def test_wide_characters_take_two_columns() -> None:
    block = tables_as_blocks("| a | b |\n|---|---|\n| 日本 | x |\n| c | y |").split("\n")
    assert [width(line) for line in block[3:5]] == [7, 7]


def test_a_cell_may_hold_a_bar() -> None:
    assert "a|b" in tables_as_blocks("| x | y |\n|---|---|\n| a\\|b | c |")


def test_ragged_rows_lose_nothing() -> None:
    block = tables_as_blocks("| x | y |\n|---|---|\n| 1 |\n| 1 | 2 | 3 |")
    assert "3" in block


@given(st.text(alphabet="ab -*#`\n", max_size=200))
def test_text_without_a_table_is_untouched(text: str) -> None:
    assert tables_as_blocks(text) == text


@given(st.text(alphabet="|-: ab\\`\n", max_size=120))
def test_no_text_breaks_it(text: str) -> None:
    assert text.count("a") <= tables_as_blocks(text).count("a") + text.count("|a")


def test_a_bar_in_code_is_no_end_of_a_cell_where_the_columns_say_so() -> None:
    block = tables_as_blocks("| op | means |\n|---|---|\n| `a || b` | or |\n| `c` | d | e |")
    assert "a || b  or" in block
    assert "c       d      e" in block


def test_a_row_of_very_many_bars_is_read_at_once() -> None:
    tables_as_blocks("| a | b |\n|---|---|\n" + "|" * 100_000)


def test_a_line_of_spaces_is_read_as_fast_as_any_other() -> None:
    """Nothing else happens in the bot meanwhile; models loop on blanks, and people ask for them."""
    began = process_time()
    tables_as_blocks(f"a|b\n{' ' * 20_000}|x\n|-{' ' * 20_000}x")
    assert process_time() - began < 0.5
