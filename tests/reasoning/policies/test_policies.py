"""Policies: the script, and the tiny transformers model built on the spot."""

import json
import time

import pytest

from omnisense import InputError, ModelError, PolicyError, ScriptedPolicy, TransformersPolicy, load_policy
from omnisense.benchmarks.harness.systems import SystemSettings
from omnisense.reasoning.policies import prefix_cache
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.choice_adapter import write_options
from omnisense.reasoning.policies.messages import message, text_of

HI = [message("user", "Hi there")]
LONG = [
    message("system", "Be kind."),
    message("user", "Tell me something about the sea and the people who live by it."),
]


# --- scripted -----------------------------------------------------------------------------------------------


def test_the_script_is_followed_and_recorded():
    policy = ScriptedPolicy(["one", "two"], [1, "c"], repeat=False)
    assert isinstance(policy, Policy)
    assert policy.write([HI, LONG]) == ["one", "two"]
    taken = policy.choose([HI, HI], [["a", "b"], ["a", "b", "c"]])
    assert [c.index for c in taken] == [1, 2]
    assert all(sum(c.probabilities) == pytest.approx(1) for c in taken)
    assert len(policy.calls) == 4
    with pytest.raises(PolicyError, match="run out"):
        policy.write([HI])


def test_scripts_may_be_functions_and_choices_must_exist():
    policy = ScriptedPolicy(lambda m: text_of(m[-1]).upper(), lambda m, options: options[-1])
    pieces = []
    assert policy.write([HI], on_token=pieces.append) == ["HI THERE"]
    assert "".join(pieces).strip() == "HI THERE"
    assert policy.choose([HI], [["x"]])[0].probabilities == (1.0,)
    with pytest.raises(PolicyError, match="not among"):
        ScriptedPolicy(choices=["z"]).choose([HI], [["a"]])


def test_scripts_from_files(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps({"replies": ["from a file"], "choices": [1]}))
    assert load_policy(f"scripted:{tmp_path / 's.json'}").write([HI]) == ["from a file"]
    (tmp_path / "s.json").write_text('{"answers": []}')
    for path in (tmp_path / "s.json", tmp_path / "absent.json"):
        with pytest.raises(InputError, match=path.name):
            ScriptedPolicy.from_file(path)


# --- transformers -------------------------------------------------------------------------------------------


OPTIONS = [["yes", "no, not at all"], ["Paris", "London it is", "Rome"]]


def test_choices_equal_a_plain_forward(tiny):
    """The cached, padded, batched path gives the likelihoods of one row at a time."""
    import torch

    model, encoder = tiny.load()
    tokenizer = encoder.tokenizer
    for prompt, options, choice in zip([HI, LONG], OPTIONS, tiny.choose([HI, LONG], OPTIONS), strict=True):
        flat = [{"role": m["role"], "content": text_of(m)} for m in prompt]
        head = tokenizer(
            tokenizer.apply_chat_template(flat, tokenize=False, add_generation_prompt=True), add_special_tokens=False
        )["input_ids"]
        means = []
        for option in options:
            tail = tokenizer(f"{option}<|end|>", add_special_tokens=False)["input_ids"]
            with torch.no_grad():
                logs = torch.log_softmax(model(torch.tensor([head + tail])).logits[0].double(), -1)
            means.append(sum(logs[len(head) - 1 + i, t] for i, t in enumerate(tail)) / len(tail))
        expected = torch.softmax(torch.stack(means), 0)
        assert torch.allclose(torch.tensor(choice.probabilities, dtype=torch.float64), expected, atol=1e-5)
        assert choice.index == int(expected.argmax())


def test_batches_do_not_change_choices_or_greedy_replies(tiny, tiny_model):
    prompts, options = [HI, LONG, HI], [OPTIONS[0], OPTIONS[1], ["a", "b"]]
    together = tiny.choose(prompts, options)
    alone = [tiny.choose([p], [o])[0] for p, o in zip(prompts, options, strict=True)]
    for one, other in zip(together, alone, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
    written = tiny.write(prompts, max_new_tokens=8)
    assert written == [tiny.write([p], max_new_tokens=8)[0] for p in prompts]
    assert written == TransformersPolicy(tiny_model, batch_size=1).write(prompts, max_new_tokens=8)


def test_seeds_sampling_stop_and_streaming(tiny):
    sampled = [tiny.write([HI, LONG], max_new_tokens=12, temperature=1.5, seed=s) for s in (1, 1, 2)]
    assert sampled[0] == sampled[1] != sampled[2]
    pieces = []
    reply = tiny.write([LONG, HI], max_new_tokens=12, on_token=pieces.append)[0]
    assert "".join(pieces) == reply.rstrip("\N{REPLACEMENT CHARACTER}") or reply.startswith("".join(pieces))
    stop = next(c for c in reply if c.isascii() and c.isprintable())
    assert stop not in tiny.write([LONG], max_new_tokens=12, stop=[stop])[0]


def test_writing_stops_when_the_time_is_up(tiny, tiny_model):
    tiny.write([LONG], max_new_tokens=8)
    began = time.perf_counter()
    full = tiny.write([LONG], max_new_tokens=400)[0]
    took_s = time.perf_counter() - began
    cut = tiny.write([LONG], max_new_tokens=400, max_seconds=took_s / 3)[0]  # however busy the machine is
    assert cut
    assert full.startswith(cut.rstrip("\N{REPLACEMENT CHARACTER}"))
    assert len(cut) < len(full)
    alone = TransformersPolicy(tiny_model, batch_size=1)
    alone.load()
    first, second = alone.write([LONG, HI], max_new_tokens=400, max_seconds=1e-9)
    assert first == second == ""


def test_choices_stop_when_the_time_is_up(tiny):
    assert [c.readable for c in tiny.choose([HI, LONG], OPTIONS, max_seconds=60)] == [True, True]
    late = tiny.choose([HI, LONG], OPTIONS, max_seconds=0)
    assert [(c.readable, len(c.probabilities)) for c in late] == [(False, len(row)) for row in OPTIONS]


def test_a_long_prompt_is_read_in_pieces_and_reading_it_is_interrupted(tiny_model, monkeypatch):
    monkeypatch.setattr(prefix_cache, "_READ_AT_ONCE", 32)
    long = [message("user", "A person walks along the sea. " * 40)]
    plain, timed = (TransformersPolicy(tiny_model) for _ in range(2))
    for whole, pieces in zip(
        plain.choose([long, HI], OPTIONS), timed.choose([long, HI], OPTIONS, max_seconds=60), strict=True
    ):
        assert pieces.probabilities == pytest.approx(whole.probabilities, abs=1e-5)
    assert timed.write([long], max_new_tokens=8, max_seconds=60) == plain.write([long], max_new_tokens=8)
    slow, seen = TransformersPolicy(tiny_model), []

    def wait(_, args):
        seen.append(args[0].shape[1])
        time.sleep(0.05)

    slow.load()[0].get_input_embeddings().register_forward_pre_hook(wait)
    [choice] = slow.choose([long], OPTIONS[:1], max_seconds=0.12)
    assert not choice.readable
    assert slow.write([long], max_new_tokens=8, max_seconds=0.12) == [""]
    assert len(seen) <= 6
    assert max(seen) == 32


def test_sampling_leaves_the_users_random_state_alone(tiny):
    import torch

    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    tiny.write([HI], max_new_tokens=4, temperature=1.0)
    assert torch.rand(1) == expected


def test_an_assistant_message_is_continued(tiny):
    text = tiny.prepare([*HI, message("assistant", "I hear")]).inputs.text
    assert text.endswith("<|start|>assistant\nI hear")
    assert tiny.write([[*HI, message("assistant", "I hear")]], max_new_tokens=3)


def test_text_models_refuse_media_and_empty_options(tiny):
    with pytest.raises(PolicyError, match="video"):
        tiny.write([[{"role": "user", "content": [{"type": "video", "path": "x.mp4"}]}]])
    with pytest.raises(PolicyError, match="options"):
        tiny.choose([HI], [[]])
    with pytest.raises(PolicyError, match="empty"):
        tiny.choose([HI], [["", "a"]])


@pytest.fixture
def lora(tiny_model, tmp_path):
    """The folder of an adapter with random weights."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    adapted = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_model),
        LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False),
    )
    adapted.save_pretrained(tmp_path / "lora")
    return tmp_path / "lora"


def test_a_lora_adapter_changes_the_model(tiny, tiny_model, tmp_path, lora):
    import torch

    policy = TransformersPolicy(tiny_model, adapter=lora)
    one, other = policy.choose([HI], [OPTIONS[1]])[0], tiny.choose([HI], [OPTIONS[1]])[0]
    assert not torch.allclose(torch.tensor(one.probabilities), torch.tensor(other.probabilities), atol=1e-4)
    with pytest.raises(ModelError, match="adapter"):
        TransformersPolicy(tiny_model, adapter=tmp_path / "nothing").load()


def test_an_adapter_may_be_for_choices_among_given_options_only(tiny_model, lora):
    """These are chosen as with the adapter merged; other choices, and writing, are as without it."""
    base, merged = (TransformersPolicy(tiny_model, adapter=a, dtype="float32") for a in (None, lora))
    merged.load()
    write_options(lora, OPTIONS[1])
    policy = TransformersPolicy(tiny_model, adapter=lora, dtype="float32")
    prompts, options = [HI, LONG, HI, HI], [OPTIONS[1], OPTIONS[0], OPTIONS[1][:2], [*OPTIONS[1], "more"]]
    for _ in range(2):  # the second time, from the caches
        chosen = policy.choose(prompts, options)
        for i, reference in enumerate((merged, base, merged, base)):
            [expected] = reference.choose([prompts[i]], [options[i]])
            assert chosen[i].probabilities == pytest.approx(expected.probabilities, abs=1e-5)
        assert policy.write([LONG], max_new_tokens=6) == base.write([LONG], max_new_tokens=6)
    (lora / "choices.json").write_text('{"options": 1}')
    with pytest.raises(ModelError, match="options of this adapter"):
        TransformersPolicy(tiny_model, adapter=lora).load()
    assert chosen[0].probabilities != pytest.approx(base.choose([HI], [OPTIONS[1]])[0].probabilities, abs=1e-4)


def test_models_that_cannot_be_used(tmp_path, tiny_model):
    import shutil

    with pytest.raises(ModelError, match="cannot be loaded"):
        TransformersPolicy(tmp_path).load()
    shutil.copytree(tiny_model, tmp_path / "bare")
    (tmp_path / "bare" / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="chat template"):
        TransformersPolicy(tmp_path / "bare").load()
    with pytest.raises(ModelError, match="models list"):
        TransformersPolicy("no-such-name").load()


@pytest.mark.parametrize(
    ("name", "content"),
    [("model.safetensors", b""), ("model.safetensors", None), ("config.json", b"[]"), ("tokenizer.json", b"{}")],
)
def test_a_damaged_model_is_an_error_with_its_folder(tmp_path, tiny_model, name, content):
    import shutil

    damaged = shutil.copytree(tiny_model, tmp_path / "damaged")
    whole = (damaged / name).read_bytes()
    (damaged / name).write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ModelError, match=r"damaged: it cannot be loaded \(\w"):
        TransformersPolicy(damaged).load()


@pytest.mark.parametrize(("name", "content"), [("adapter_model.bin", b""), ("adapter_config.json", b"[]")])
def test_a_damaged_adapter_is_an_error_with_its_folder(tiny_model, lora, name, content):
    if name == "adapter_model.bin":
        (lora / "adapter_model.safetensors").unlink()
    (lora / name).write_bytes(content)
    with pytest.raises(ModelError, match=r"lora: the adapter cannot be loaded \(\w"):
        TransformersPolicy(tiny_model, adapter=lora).load()


def test_an_adapter_that_comes_with_a_model_can_be_left_out(tmp_path, monkeypatch):
    table = '[{}]\nrole = "r"\npath = "{}"\n'
    listed = table.format("toy", tmp_path) + 'adapter = "toy-lora"\n' + table.format("toy-lora", tmp_path)
    (tmp_path / "list.toml").write_text(listed + table.format("plain", tmp_path))
    monkeypatch.setenv("OMNISENSE_MODELS", str(tmp_path / "list.toml"))
    with pytest.raises(ModelError, match=r"no adapter_config\.json"):
        load_policy("toy")
    (tmp_path / "adapter_config.json").write_text("{}")
    assert load_policy("toy").name == load_policy("toy", adapter="default").name == "toy+toy-lora"
    assert load_policy("toy", adapter=None).name == load_policy("toy", adapter="none").name == "toy"
    assert load_policy("toy", adapter=tmp_path).name == f"toy+{tmp_path}"
    assert load_policy("plain").name == "plain"
    assert SystemSettings(policy="toy").label == "toy+toy-lora"
    assert SystemSettings(kind="agent", policy="toy", adapter=None).label == "agent (toy)"
    assert SystemSettings(**SystemSettings(policy="toy").to_dict()) == SystemSettings(policy="toy")


def test_small_models_say_so(tiny):
    assert tiny.needs_guidance
    assert not ScriptedPolicy().needs_guidance


@pytest.mark.models
def test_the_offline_default_writes_and_chooses():
    policy = load_policy()
    [reply] = policy.write([[message("user", "Say hello in one short sentence.")]], max_new_tokens=20)
    assert len(reply.split()) >= 2
    question = [message("user", "The capital of France is which city? Answer with one word.")]
    assert policy.choose([question], [["Paris", "banana"]])[0].index == 0


def test_unknown_dtypes_are_errors(tiny_model):
    with pytest.raises(InputError, match="unknown dtype 'float31'"):
        TransformersPolicy(tiny_model, dtype="float31").load()
