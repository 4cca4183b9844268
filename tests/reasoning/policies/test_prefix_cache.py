"""Caches of earlier prompts change how long a call takes, and nothing else."""

import random
import threading

import pytest

from omnisense import TransformersPolicy
from omnisense.reasoning.policies.messages import message
from omnisense.reasoning.policies.prefix_cache import PrefixCache

RULES = message("system", "You are kind and you listen. " * 4)
NOTES = "A person walks along the sea, and it is cold. " * 6
OPTIONS = ["yes", "no, not at all", "z"]


def ask(question, rules=RULES):
    return [rules, message("user", f"{NOTES}\n{question}")]


@pytest.fixture
def plain(tiny_model):
    return TransformersPolicy(tiny_model, cache_mib=0)


def read_tokens(policy):
    """The number of columns that each forward pass of the model reads, as a list that grows."""
    widths = []
    embeddings = policy.load()[0].get_input_embeddings()
    embeddings.register_forward_pre_hook(lambda _, args: widths.append(args[0].shape[1]))
    return widths


def test_results_equal_those_without_caches(tiny_model, plain):
    """Over a conversation of batches with long, short, repeated and foreign prompts."""
    policy, rng = TransformersPolicy(tiny_model), random.Random(0)
    for turn in range(8):
        prompts = [
            ask(" ".join(rng.choices(["why", "what", "who"], k=rng.randint(1, 20)))) for _ in range(turn % 4 + 1)
        ]
        prompts += [[message("user", "short")]] if turn % 3 == 0 else [prompts[0]]
        rows = [OPTIONS] * len(prompts)
        for one, other in zip(policy.choose(prompts, rows), plain.choose(prompts, rows), strict=True):
            assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
        assert policy.write(prompts, max_new_tokens=8) == plain.write(prompts, max_new_tokens=8)


def test_a_shared_beginning_is_read_once(tiny_model):
    policy = TransformersPolicy(tiny_model)
    widths = read_tokens(policy)
    length = policy.prepare(ask("Who?")).inputs.length
    policy.write([ask("Who?")], max_new_tokens=1)
    assert widths == [length]
    policy.write([ask("What is it?")], max_new_tokens=1)
    assert widths[1] < 40
    policy.write([ask("Where?")], max_new_tokens=1)
    assert widths[2] < 40
    policy.write([ask("Who?")], max_new_tokens=1)
    assert widths[3] == 1  # all of it was read before; its last token gives the logits
    policy.write([ask(q, message("system", "Be brief.")) for q in ("Who?", "Why?", "When?")], max_new_tokens=1)
    assert max(widths[4:]) > 300  # what the batch shares, by itself
    assert sum(widths[4:]) < 400


def test_memory_is_bounded_and_the_oldest_goes_first(tiny_model):
    policy = TransformersPolicy(tiny_model, cache_mib=1)
    widths = read_tokens(policy)
    prompts = [[message("system", f"{i} " * 200), message("user", "x")] for i in range(10)]
    for prompt in [*prompts, prompts[-1], prompts[0]]:
        policy.write([prompt], max_new_tokens=1)
    length = policy.prepare(prompts[0]).inputs.length
    assert widths == [*[length] * 10, 1, length]


def test_changed_weights_need_a_cleared_cache(tiny_model):
    policy, other = TransformersPolicy(tiny_model), TransformersPolicy(tiny_model, cache_mib=0)
    policy.choose([ask("Who?")], [OPTIONS])
    for changed in (policy, other):
        for parameter in changed.load()[0].model.layers.parameters():
            parameter.data *= 0.5
    policy.clear_cache()
    [one], [expected] = policy.choose([ask("Who?")], [OPTIONS]), other.choose([ask("Who?")], [OPTIONS])
    assert one.probabilities == pytest.approx(expected.probabilities, abs=1e-5)


def test_threads_share_the_caches(tiny_model, plain):
    policy, found = TransformersPolicy(tiny_model), {}
    prompts = [ask(f"{i}?") for i in range(8)]

    def work(i):
        found[i] = policy.choose([prompts[i]], [OPTIONS])[0].probabilities

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, choice in enumerate(plain.choose(prompts, [OPTIONS] * 8)):
        assert found[i] == pytest.approx(choice.probabilities, abs=1e-5)


def test_models_with_sliding_windows_are_computed_without(tmp_path, tiny_model):
    import torch
    from transformers import AutoTokenizer, MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=258, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, sliding_window=32, bos_token_id=1, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    MistralForCausalLM(config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path)
    policy, plain = TransformersPolicy(tmp_path), TransformersPolicy(tmp_path, cache_mib=0)
    for question in ("Who?", "What?"):
        [one], [other] = policy.choose([ask(question)], [OPTIONS]), plain.choose([ask(question)], [OPTIONS])
        assert one == other
        assert policy.write([ask(question)], max_new_tokens=4) == plain.write([ask(question)], max_new_tokens=4)


def test_a_prompt_larger_than_the_memory_is_not_kept(tiny_model):
    policy = TransformersPolicy(tiny_model)
    policy._prefixes = PrefixCache(1000)
    widths = read_tokens(policy)
    for _ in range(2):
        policy.write([ask("Who?")], max_new_tokens=1)
    assert widths[0] == widths[1]


@pytest.mark.models
@pytest.mark.slow
def test_the_default_model_writes_and_chooses_the_same():
    policy, plain = TransformersPolicy(dtype="float32"), TransformersPolicy(dtype="float32", cache_mib=0)
    plain._loaded = policy.load()
    for question in ("Where is it?", "Is it cold?"):
        [one], [other] = policy.choose([ask(question)], [OPTIONS]), plain.choose([ask(question)], [OPTIONS])
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)
        assert policy.write([ask(question)], max_new_tokens=12) == plain.write([ask(question)], max_new_tokens=12)
