from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny import alpaca, bpe_tokenizer
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.sample import Message
from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.encoding import adds_bos
from tshirt_assets.scoring.tokenize import tokenize_one_shot, tokenize_sample

PLAIN = bpe_tokenizer()
DEFINED = bpe_tokenizer("defined")
ADDED = bpe_tokenizer("added")


def ids(text, tokenizer=PLAIN):
    return tokenizer.encode(text, add_special_tokens=False)


def test_bos_is_used_only_where_the_tokenizer_itself_adds_it():
    assert not adds_bos(PLAIN)
    assert not adds_bos(DEFINED)  # as SmolLM2 and Pythia: there is one, it is never added
    assert adds_bos(ADDED)


@pytest.mark.parametrize(
    ("tokenizer", "has_bos"), [(PLAIN, False), (DEFINED, False), (ADDED, True)]
)
def test_prompt_ids_begin_with_the_bos_and_response_ids_never_do(tokenizer, has_bos):
    tokenized = tokenize_sample(alpaca("say one", "one two"), tokenizer, "plain", 100)
    lead = [tokenizer.bos_token_id] if has_bos else []
    assert tokenized.status is Status.OK
    assert tokenized.has_bos == has_bos
    assert tokenized.first_delta_index == (0 if has_bos else 1)
    assert tokenized.prompt_ids.tolist() == lead + ids("say one\n")
    assert tokenized.response_ids.tolist() == ids("one two")
    assert tokenized.prompt_ids.dtype == tokenized.response_ids.dtype == "int64"


def test_merges_across_the_border_of_prompt_and_response_do_not_happen():
    prompt, response = "write ten", "\n\nthe end"
    joint = ids(prompt + "\n" + response)
    assert joint != ids(prompt + "\n") + ids(response)  # this tokenizer does merge the newlines
    tokenized = tokenize_sample(alpaca(prompt, response), PLAIN, "plain", 100)
    assert PLAIN.decode(tokenized.prompt_ids) == prompt + "\n"
    assert PLAIN.decode(tokenized.response_ids) == response


def test_a_bos_that_a_chat_template_writes_is_not_doubled():
    tokenized = tokenize_sample(alpaca("say one", "one two"), ADDED, "chat_template", 100)
    assert tokenized.has_bos
    assert tokenized.prompt_ids.tolist() == ids("<s><|user|>say one<|end|>\n<|assistant|>", ADDED)
    assert tokenized.prompt_ids.tolist().count(ADDED.bos_token_id) == 1


def test_a_bos_that_a_chat_template_leaves_out_is_added():
    tokenizer = bpe_tokenizer("added", "{{ messages[0].content }}:")
    tokenized = tokenize_sample(alpaca("say one", "one two"), tokenizer, "chat_template", 100)
    assert tokenized.prompt_ids.tolist() == [tokenizer.bos_token_id, *ids("say one:", tokenizer)]


def test_the_response_is_cut_on_the_right_to_what_the_prompt_leaves():
    sample = alpaca("abc", "0123456789")
    whole = tokenize_sample(sample, PLAIN, "plain", 14)
    cut = tokenize_sample(sample, PLAIN, "plain", 13)
    assert len(whole.prompt_ids) + len(whole.response_ids) == 14
    assert not whole.truncated
    assert cut.truncated
    assert cut.status is Status.OK
    assert PLAIN.decode(cut.response_ids) == "012345678"
    assert cut.prompt_ids.tolist() == whole.prompt_ids.tolist()


def test_a_prompt_that_leaves_room_for_one_token_is_too_long():
    sample = alpaca("abc", "0123456789")  # four prompt tokens
    assert len(tokenize_sample(sample, PLAIN, "plain", 6).response_ids) == 2
    for max_length in (5, 4, 3):
        refused = tokenize_sample(sample, PLAIN, "plain", max_length)
        assert refused.status is Status.PROMPT_TOO_LONG
        assert len(refused.response_ids) == len(refused.prompt_ids) == 0


@pytest.mark.parametrize("response", ["", "x", "the"])
@pytest.mark.parametrize("tokenizer", [PLAIN, ADDED])
def test_empty_and_one_token_responses_are_too_short(response, tokenizer):
    refused = tokenize_sample(alpaca("abc", response), tokenizer, "plain", 100)
    assert refused.status is Status.RESPONSE_TOO_SHORT
    assert f"{len(ids(response))} tokens" in refused.status_detail


@pytest.mark.parametrize("template", ["{{ messages[7].content.x }}", "{% if %}"])
def test_a_template_that_fails_is_a_status(template):
    tokenizer = bpe_tokenizer("none", template)
    refused = tokenize_sample(alpaca("abc", "def"), tokenizer, "chat_template", 100)
    assert refused.status is Status.TEMPLATE_ERROR
    assert refused.status_detail
    assert "\n" not in refused.status_detail


def test_a_tokenizer_without_a_chat_template_fails_at_once():
    with pytest.raises(CorpusError, match="prompt_format"):
        tokenize_sample(alpaca("abc", "def"), bpe_tokenizer("none", None), "chat_template", 100)


def test_an_empty_prompt_is_a_status_unless_a_bos_stands_for_it():
    blank = "{{ '' }}"
    refused = tokenize_sample(
        alpaca("abc", "def"), bpe_tokenizer("none", blank), "chat_template", 100
    )
    assert refused.status is Status.TEMPLATE_ERROR
    kept = tokenize_sample(
        alpaca("abc", "def"), bpe_tokenizer("added", blank), "chat_template", 100
    )
    assert kept.status is Status.OK
    assert len(kept.prompt_ids) == 1


def test_half_a_surrogate_pair_is_a_status():
    assert (
        tokenize_sample(alpaca("abc", "d\ud800ef"), PLAIN, "plain", 100).status is Status.NOT_TEXT
    )


def test_rows_refused_earlier_name_the_reason():
    sample = replace(alpaca("abc", ""), status=Status.EMPTY_RESPONSE, response="")
    refused = tokenize_sample(sample, PLAIN, "plain", 100)
    assert (refused.status, refused.status_detail) == (Status.UPSTREAM, "empty_response")


def anything():
    text = st.text(st.characters(categories=None), max_size=12)  # surrogates and controls too
    return st.builds(alpaca, text, text, text)


@settings(deadline=None)
@given(anything(), anything(), st.integers(4, 40), st.sampled_from(["plain", "chat_template"]))
def test_no_text_raises_and_every_length_fits(demo, sample, max_length, prompt_format):
    one_shot = tokenize_one_shot(demo, sample, ADDED, prompt_format, max_length)
    zero_shot = one_shot.zero_shot
    assert (zero_shot.status is Status.OK) == (len(zero_shot.response_ids) > 0)
    assert len(zero_shot.prompt_ids) + len(zero_shot.response_ids) <= max_length
    if one_shot.status is Status.OK:
        assert len(one_shot.prompt_ids) + len(zero_shot.response_ids) <= max_length
        assert one_shot.prompt_ids[0] == ADDED.bos_token_id


def test_the_demo_stands_between_bos_and_prompt():
    demo, sample = alpaca("say a", "a b c"), alpaca("say one", "one two", "twice")
    one_shot = tokenize_one_shot(demo, sample, ADDED, "plain", 100)
    assert one_shot.prompt_ids.tolist() == [
        ADDED.bos_token_id,
        *ids("say a\na b c\n\n"),
        *ids("say one\ntwice\n"),
    ]
    assert not one_shot.demo_truncated
    assert one_shot.zero_shot.response_ids.tolist() == ids("one two")


def test_in_a_chat_the_demo_is_an_earlier_exchange():
    demo, sample = alpaca("say a", "a b c"), alpaca("say one", "one two")
    one_shot = tokenize_one_shot(demo, sample, ADDED, "chat_template", 200)
    text = ADDED.decode(one_shot.prompt_ids)
    assert text.count("<s>") == 1
    assert text.startswith("<s>")
    assert (
        text.index("say a")
        < text.index("<|assistant|>a b c")
        < text.index("say one")
        < text.rindex("<|assistant|>")
    )
    assert text.endswith("<|assistant|>")


@pytest.mark.parametrize("tokenizer", [PLAIN, ADDED])
def test_the_demo_gives_way_from_its_left_and_the_response_stays_whole(tokenizer):
    demo, sample = alpaca("say a", "0123456789"), alpaca("bcd", "uvwxyz")
    whole = tokenize_one_shot(demo, sample, tokenizer, "plain", 100)
    length = len(whole.prompt_ids) + 6
    fits = tokenize_one_shot(demo, sample, tokenizer, "plain", length)
    cut = tokenize_one_shot(demo, sample, tokenizer, "plain", length - 8)
    bos = [tokenizer.bos_token_id] if tokenizer is ADDED else []
    assert not fits.demo_truncated
    assert fits.prompt_ids.tolist() == whole.prompt_ids.tolist()
    assert cut.demo_truncated
    assert cut.status is Status.OK
    assert cut.prompt_ids.tolist() == bos + whole.prompt_ids.tolist()[len(bos) + 8 :]
    assert cut.zero_shot.response_ids.tolist() == ids("uvwxyz")
    assert not cut.zero_shot.truncated


def test_without_room_for_a_single_demo_token_there_is_no_miwv():
    demo, sample = alpaca("say a", "0123456789"), alpaca("bcd", "uvwxyz")  # 4 + 6 tokens
    assert tokenize_one_shot(demo, sample, PLAIN, "plain", 11).status is Status.OK
    full = tokenize_one_shot(demo, sample, PLAIN, "plain", 10)
    assert full.zero_shot.status is Status.OK
    assert full.status is Status.PROMPT_TOO_LONG
    cut = tokenize_one_shot(demo, sample, PLAIN, "plain", 8)  # the response is cut already
    assert cut.zero_shot.truncated
    assert cut.status is Status.PROMPT_TOO_LONG


def test_one_shot_statuses_of_sample_and_demo():
    good, short = alpaca("say a", "a b c"), alpaca("say b", "")
    refused = replace(good, status=Status.MISSING_FIELD)
    assert tokenize_one_shot(good, short, PLAIN, "plain", 99).status is Status.RESPONSE_TOO_SHORT
    bad_demo = tokenize_one_shot(refused, good, PLAIN, "plain", 99)
    assert bad_demo.status is Status.NO_NEIGHBOUR
    assert "missing_field" in bad_demo.status_detail
    broken = replace(good, instruction="\udc00", messages=(Message("user", "\udc00"),))
    assert tokenize_one_shot(broken, good, PLAIN, "plain", 99).status is Status.NOT_TEXT
