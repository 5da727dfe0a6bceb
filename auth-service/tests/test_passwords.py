import anyio
import pytest

from auth.errors import TooBusy, Unfit
from auth.passwords import COMMON, MAX_CHARS, Passwords, check_password


def test_a_long_password_of_any_characters_is_fine() -> None:
    check_password("nothing but words", username="ada")
    check_password("correct horse battery", username="ada")
    check_password("lovelace 1815", username="ada")
    check_password("my password is long", username="ada")
    check_password("correct horse ada", username="ada")
    check_password("adamantine", username="ada")
    check_password("73920184", username="ada")
    check_password("пароль с пробелами", username="ada")
    check_password("🦙" * 3 + "trot!", username="ada")
    check_password("x" * 100 + "yz", username="ada")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short12", "at least 8"),
        ("x" * 257, "at most 256"),
        ("Password1", "anybody would try"),
        ("ＰＡＳＳＷＯＲＤ１", "anybody would try"),
        ("aaaaaaaaaaaa", "anybody would try"),
        ("abababababab", "anybody would try"),
        ("Ada.Lovelace", "more than the username"),
        ("ada.lovelace1815!", "more than the username"),
        ("ada.lovelaceada.lovelace", "more than the username"),
        ("P@ssw0rd!!", "anybody would try"),
        ("passwordpassword", "anybody would try"),
        ("2024summer!", "anybody would try"),
        ("Tr0llama2026", "anybody would try"),
        ("abcabcabcabc", "anybody would try"),
        ("abcdefghijkl", "anybody would try"),
        ("poiuytrewq", "anybody would try"),
        ("98765432", "anybody would try"),
        ("1234567890", "anybody would try"),
        ("letmein!!!!", "anybody would try"),
    ],
)
def test_a_password_that_is_guessed_first_is_refused(password: str, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        check_password(password, username="ada.lovelace")


def test_the_sentence_names_the_field_and_not_the_password() -> None:
    with pytest.raises(Unfit, match="`new`") as refusal:
        check_password("Password1", username="ada", field="new")
    assert "Password1" not in refusal.value.message


def test_the_list_is_written_as_it_is_compared() -> None:
    assert len(COMMON) > 250
    assert all(3 <= len(word) <= MAX_CHARS and word == word.casefold() for word in COMMON)


async def test_a_hash_matches_its_password_only() -> None:
    passwords = Passwords(cost=4)
    kept = await passwords.hash("lovelace 1815")
    assert kept.startswith("$2b$04$")
    assert await passwords.matches("lovelace 1815", kept)
    assert not await passwords.matches("lovelace 1816", kept)
    assert not await passwords.matches("lovelace 1815", None)


async def test_every_character_of_a_long_password_counts() -> None:
    passwords = Passwords(cost=4)
    kept = await passwords.hash("é" * 200 + "a")
    assert await passwords.matches("é" * 200 + "a", kept)
    assert not await passwords.matches("é" * 200 + "b", kept)


async def test_a_zero_byte_does_not_end_a_password() -> None:
    passwords = Passwords(cost=4)
    kept = await passwords.hash("zero\0one and more")
    assert not await passwords.matches("zero\0two and more", kept)


async def test_composition_of_letters_makes_no_difference() -> None:
    passwords = Passwords(cost=4)
    assert await passwords.matches("cafe\u0301 noir", await passwords.hash("café noir"))


async def test_two_hashes_of_one_password_differ() -> None:
    passwords = Passwords(cost=4)
    assert await passwords.hash("lovelace 1815") != await passwords.hash("lovelace 1815")


async def test_who_comes_when_the_line_is_full_is_sent_away() -> None:
    passwords = Passwords(cost=8, hashers=1, line=2)
    outcomes: list[str] = []

    async def check() -> None:
        try:
            await passwords.matches("whatever", None)
            outcomes.append("checked")
        except TooBusy:
            outcomes.append("sent away")

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(check)
    assert outcomes.count("checked") == 3
    assert outcomes.count("sent away") == 7
