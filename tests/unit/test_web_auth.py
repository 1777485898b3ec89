"""Who gets in."""

import pytest

from app.web import auth
from app.web.answer import Refusal
from tests.receiver import basic, merchant


def gets_in(guard: auth.Guard, header: str | None) -> bool:
    try:
        guard.check(header)
    except Refusal as refusal:
        return refusal.status != 401
    return True


def test_current_and_previous_password_are_valid() -> None:
    guard = auth.Guard(merchant(passwords=["new", "old"]))
    assert gets_in(guard, basic(secret="new"))
    assert gets_in(guard, basic(secret="old"))
    assert not gets_in(guard, basic(secret="older"))
    assert not gets_in(guard, basic(name="Demo", secret="new"))


@pytest.mark.parametrize(("name", "passwords"), [("", ["x"]), ("demo", []), ("demo", [""]), ("", [""])])
def test_a_merchant_without_credentials_lets_nobody_in(name: str, passwords: list[str]) -> None:
    guard = auth.Guard(merchant(name=name, passwords=passwords))
    for header in (basic(name, passwords[0] if passwords else ""), basic("", ""), basic(name, "x"), None):
        assert not gets_in(guard, header)


def test_an_empty_previous_password_is_no_password() -> None:
    guard = auth.Guard(merchant(passwords=["new", ""]))
    assert gets_in(guard, basic(secret="new"))
    assert not gets_in(guard, basic(secret=""))


def test_colons_belong_to_the_password() -> None:
    assert gets_in(auth.Guard(merchant(passwords=["a:b:c"])), basic(secret="a:b:c"))


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_passwords_beyond_ascii_match_in_both_usual_encodings(encoding: str) -> None:
    guard = auth.Guard(merchant(name="Zoë", passwords=["süß"]))
    assert gets_in(guard, basic("Zoë", "süß", encoding))
    assert not gets_in(guard, basic("Zoë", "suess", encoding))


def test_passwords_beyond_latin_1_match() -> None:
    assert gets_in(auth.Guard(merchant(passwords=["пароль"])), basic(secret="пароль"))


@pytest.mark.parametrize("header", ["basic ", "BASIC ", "Basic   "])
def test_scheme_and_spaces_are_free(header: str) -> None:
    assert gets_in(auth.Guard(merchant()), header + basic().removeprefix("Basic "))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic ZG!VtbzpkZW1v",  # right but for a sign in between
        "Basic ZGVtbzpkZW1",  # cut off
        "Basic ZGVtbw==",  # no colon
        "Basic ZGVtbzpkZW1v,Basic ZGVtbzpkZW1v",  # two headers, joined by the server
        "Bearer ZGVtbzpkZW1v",
        "ZGVtbzpkZW1v",
        "Basic ZGVtbzpkZW1vé",
        "Basic " + "A" * 100_000,
    ],
)
def test_malformed_headers_do_not_get_in(header: str) -> None:
    assert not gets_in(auth.Guard(merchant()), header)


def test_name_and_every_password_are_compared_whatever_the_first_comparison_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = []

    def counting(left: bytes, right: bytes) -> bool:
        compared.append((len(left), len(right)))
        return left == right

    monkeypatch.setattr(auth, "compare_digest", counting)
    guard = auth.Guard(merchant(passwords=["new", "old"]))
    lengths = []
    for name, secret in [("demo", "new"), ("demo", "old"), ("x", "new"), ("x" * 99, "y" * 99)]:
        compared.clear()
        gets_in(guard, basic(name, secret))
        lengths.append(list(compared))
    assert lengths == [[(32, 32)] * 3] * 4


def test_the_guard_does_not_show_its_secrets() -> None:
    guard = auth.Guard(merchant(passwords=["hush"]))
    assert "hush" not in repr(vars(guard))
