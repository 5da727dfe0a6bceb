import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.errors import Unfit
from auth.users import canonical, check_display_name, check_email, check_username


@given(st.text())
def test_a_canonical_name_is_its_own_canonical_name(name: str) -> None:
    assert canonical(canonical(name)) == canonical(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "aDA"),
        ("Straße", "STRASSE"),
        ("ｆｕｌｌ", "full"),
        ("Zoe\u0308", "zoë"),
        ("ﬁn", "FIN"),
    ],
)
def test_names_that_look_alike_are_one_name(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize("name", ["Ada", "ada.l-1_x", "李小龍", "Ольга", "हिन्दी", "a@b.org", "42"])
def test_names_of_any_script_are_fine(name: str) -> None:
    assert check_username(f" {name} ") == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "a b",
        "a\u200bb",
        "a\u202eb",
        "a\x00b",
        "a'b",
        "a/b",
        "<b>",
        "...",
        "bob\ufe0f",
        "bob\u3164",
        "bo\u034fb",
        "b\u115fob",
        "b\uffa0ob",
        "bob\U000e0100",
        "x" * 65,
        "ﷺ" * 9,
    ],
)
def test_a_name_nobody_could_read_or_type_is_refused(name: str) -> None:
    with pytest.raises(Unfit, match="`username`"):
        check_username(name)


@given(st.text(max_size=80))
def test_a_name_that_was_accepted_is_accepted_again(name: str) -> None:
    try:
        kept = check_username(name)
    except Unfit:
        return
    assert check_username(kept) == kept


def test_a_display_name_defaults_to_the_username() -> None:
    assert check_display_name("  ", otherwise="ada") == "ada"
    assert check_display_name(None, otherwise="ada") == "ada"


def test_white_space_in_a_display_name_is_made_single() -> None:
    assert check_display_name(" Ada \n Lovelace ", otherwise="ada") == "Ada Lovelace"


@pytest.mark.parametrize("name", ["x" * 65, "a\x00b", "a\x1bb"])
def test_a_display_name_that_cannot_be_shown_is_refused(name: str) -> None:
    with pytest.raises(Unfit, match="`display_name`"):
        check_display_name(name, otherwise="ada")


@pytest.mark.parametrize("email", ["ada", "@x", "a@", "a b@c", "a" * 250 + "@b.org"])
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(Unfit, match="`email`"):
        check_email(email)


def test_an_address_is_optional() -> None:
    assert check_email(None) is None
    assert check_email(" ") is None
    assert check_email(" ada@example.org ") == "ada@example.org"
