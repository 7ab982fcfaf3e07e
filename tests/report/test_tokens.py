"""Token ids back to text, without breaking characters that several byte tokens make up."""

import pytest
from tokenizers import Tokenizer, decoders
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

from tshirt_assets.report.tokens import token_pieces


@pytest.fixture(scope="module")
def byte_tokenizer() -> Tokenizer:
    """One token per byte, as the rarest characters are tokenized by GPT-2."""
    vocab = {letter: i for i, letter in enumerate(sorted(ByteLevel.alphabet()))}
    tokenizer = Tokenizer(BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


@pytest.mark.parametrize(
    "text", ["plain ascii", "na\u00efve", "\u4f60\u597d!", "\U0001f9f5 a", "", "\ufffd"]
)
def test_pieces_add_up_to_the_text(byte_tokenizer: Tokenizer, text: str) -> None:
    ids = byte_tokenizer.encode(text).ids
    pieces = token_pieces(
        ids, [1.0] * max(0, len(ids) - 1), min(1, len(ids)), byte_tokenizer.decode
    )
    assert "".join(piece for piece, _ in pieces) == text


def test_a_character_of_three_bytes_is_one_piece_with_the_sum(byte_tokenizer: Tokenizer) -> None:
    ids = byte_tokenizer.encode("a\u4f60b").ids
    assert len(ids) == 5
    pieces = token_pieces(ids, [0.5, 0.25, 0.125, -1.0], 1, byte_tokenizer.decode)
    assert pieces == [("a", None), ("\u4f60", 0.875), ("b", -1.0)]


def test_with_bos_every_token_has_a_delta(byte_tokenizer: Tokenizer) -> None:
    ids = byte_tokenizer.encode("ab").ids
    assert token_pieces(ids, [0.5, -0.5], 0, byte_tokenizer.decode) == [("a", 0.5), ("b", -0.5)]


def test_a_response_cut_inside_a_character_is_shown_to_its_end(byte_tokenizer: Tokenizer) -> None:
    ids = byte_tokenizer.encode("a\u4f60").ids[:-1]
    pieces = token_pieces(ids, [0.5, 0.5], 1, byte_tokenizer.decode)
    assert pieces[0] == ("a", None)
    assert pieces[-1][0].startswith("\ufffd")
    assert sum(delta or 0 for _, delta in pieces) == 1.0
