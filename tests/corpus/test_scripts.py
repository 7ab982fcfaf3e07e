"""The writing system of a text."""

import pytest

from tshirt_assets.corpus.scripts import script_of


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("How are you? 你好", "Latin"),
        ("你好，世界", "Han"),
        ("日本語を話します", "Japanese"),
        ("שלום עולם", "Hebrew"),
        ("Привет, мир", "Cyrillic"),
        ("Ça va? Très bien", "Latin"),
        ("x" * 30 + "мир" * 200, "Cyrillic"),
        ("x" * 400 + "мир" * 200, "Latin"),  # of letters the first 400 are looked at
        ("1 + 1 = 2", "no letters"),
        ("1 + 1 = ２", "no letters"),
        ("", "no letters"),
    ],
)
def test_the_script_of_most_letters_counts(text: str, script: str) -> None:
    assert script_of(text) == script
