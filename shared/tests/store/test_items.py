"""What both stores agree on before they touch a database."""

from hypothesis import example, given
from hypothesis import strategies as st

from shared.store.items import prefix_end


@given(st.text(max_size=3), st.text(max_size=4))
@example("a\ud7ff", "a\ud7ff\uffff")
@example("a\ud7ff", "a\ue000")
@example("a\U0010ffff", "a\U0010ffff\U0010ffff")
@example("\U0010ffff", "\U0010ffff")
def test_the_end_of_a_prefix_comes_right_behind_all_that_begin_with_it(
    prefix: str, text: str
) -> None:
    end = prefix_end(prefix)
    lies_between = prefix <= text and (end is None or text < end)
    assert lies_between == text.startswith(prefix)
    assert end is None or end.encode() > prefix.encode()
