"""Options are tokenised as whole words and as whole replies, for all options of a prompt alike."""

import pytest

from omnisense import PolicyError, TransformersPolicy
from omnisense.reasoning.answers.choosing import answer_texts
from omnisense.reasoning.answers.question import Question
from omnisense.reasoning.loop.appraisal import EMOTIONS
from omnisense.reasoning.policies.encoding import Encoder
from omnisense.reasoning.policies.families import TEXT_FAMILY
from omnisense.reasoning.policies.messages import message

LINE = "<|start|>assistant\n"


@pytest.fixture(scope="module")
def words(tiny_model):
    """An encoder whose tokenizer knows words after a space, and only some at the start of a line, as usual."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<|end|>", "<|start|>"]
    )
    inner.train_from_iterator(
        ["I feel sadness", "I feel disgust", "I feel joy", "joy"] * 9 + ["Yes", "No"] * 9, trainer
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|end|>", bos_token="<|start|>")
    fast.chat_template = AutoTokenizer.from_pretrained(tiny_model).chat_template
    return Encoder(fast, TEXT_FAMILY)


def pieces(encoder, text, options):
    return [encoder.tokenizer.convert_ids_to_tokens(ids) for ids in encoder.option_tokens(text, options)]


def test_options_are_whole_words_where_the_tokenizer_has_them(words):
    assert pieces(words, LINE, ["sadness", "joy"]) == [["Ġsadness", "<|end|>"], ["Ġjoy", "<|end|>"]]
    assert pieces(words, "Answer:", ["sadness"]) == [["Ġsadness", "<|end|>"]]
    assert words.tokenizer.convert_ids_to_tokens(words.text_tokens("sadness")) != ["sadness"]


def test_options_at_the_start_of_a_line_get_no_space_that_does_not_help(words):
    assert pieces(words, LINE, ["Yes", "No"]) == [["Yes", "<|end|>"], ["No", "<|end|>"]]
    assert pieces(words, LINE, ["A", "B"]) == [["A", "<|end|>"], ["B", "<|end|>"]]
    assert pieces(words, "Answer:", ["A"]) == [["Ġ", "A", "<|end|>"]]


def test_an_option_without_text_is_an_error(words):
    with pytest.raises(PolicyError, match="empty"):
        words.option_tokens(LINE, ["joy", " "])


def test_an_option_does_not_count_replies_that_only_begin_with_it(tiny_model):
    """The end of the turn is part of an option: its probability is that of the whole reply."""
    import torch

    policy = TransformersPolicy(tiny_model)
    model, encoder = policy.load()
    prompt = [message("user", "Hi")]
    [choice] = policy.choose([prompt], [["a", "ab"]])
    ids = policy.prepare(prompt).inputs.inputs["input_ids"]
    means = []
    for reply in ("a", "ab"):
        tail = torch.tensor([[*encoder.text_tokens(reply), encoder.tokenizer.eos_token_id]])
        with torch.no_grad():
            logs = torch.log_softmax(model(torch.cat([ids, tail], 1)).logits[0, ids.shape[1] - 1 : -1].double(), -1)
        means.append(logs.gather(1, tail.T).mean())
    assert choice.probabilities == pytest.approx(torch.softmax(torch.stack(means), 0).tolist(), abs=1e-5)


def test_questions_with_letters_are_answered_by_letters():
    assert answer_texts(Question("Which?", "one", ("A. sad", "B. happy"))) == ["A", "B"]
    assert answer_texts(Question("Is it?", "yes_no")) == ["Yes", "No"]


@pytest.mark.models
def test_the_default_model_reads_emotions_as_one_token_each():
    encoder = TransformersPolicy().load()[1]
    assert [len(ids) for ids in encoder.option_tokens("<|im_start|>assistant\n", EMOTIONS)] == [2] * 7
