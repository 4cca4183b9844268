"""What the name of a model tells of how it is used."""

import pytest

from omnisense.reasoning.policies.chat_model import ChatModelPolicy
from omnisense.reasoning.policies.model_names import bare_model_name, parameters_in_name
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from omnisense.reasoning.profile import profile_of


@pytest.mark.parametrize(
    "name",
    [
        "smollm2-135m-instruct",
        "chat:smollm2:135m",
        "chat:HuggingFaceTB/SmolLM2-135M-Instruct",
        "/models/SmolLM2-135M-Instruct-Q4_K_M.gguf",
        "C:\\models\\smollm2-135m-instruct-q8_0.gguf",
    ],
)
def test_a_model_is_the_same_under_the_names_of_services_and_files(name):
    assert bare_model_name(name) == "smollm2-135m"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("chat:qwen2.5:0.5b", 0.5e9),
        ("chat:google/gemma-3-270m-it", 270e6),
        ("chat:llama3.2:1b-instruct-q4_0", 1e9),
        ("chat:Qwen/Qwen2.5-14B-Instruct-1M", 14e9),  # a context of a million
        ("chat:qwen3-30b-a3b", 30e9),
        ("chat:mixtral-8x7b", None),
        ("chat:phi-3-mini-128k-4bit", None),
        ("chat:gpt-4.1-mini", None),
    ],
)
def test_a_name_tells_the_size_or_nothing(name, parameters):
    assert parameters_in_name(name) == parameters


class Served:
    def __init__(self, model_name):
        self.model_name = model_name


@pytest.mark.parametrize(("name", "small"), [("qwen2.5:0.5b", True), ("qwen2.5:7b", False), ("mystery", False)])
def test_a_served_model_whose_name_tells_that_it_is_small_is_guided(name, small):
    policy = ChatModelPolicy(Served(name))
    assert policy.needs_guidance == small
    assert profile_of(policy).leads != small


def test_the_default_is_known_by_its_name_wherever_it_runs():
    measured = profile_of(ScriptedPolicy())
    assert measured.source == "prior"
    served = profile_of(ChatModelPolicy(Served("HuggingFaceTB/SmolLM2-135M-Instruct")))
    assert (served.source, served.leads) == ("measured", False)
    assert served.policy == "chat:HuggingFaceTB/SmolLM2-135M-Instruct"
    assert served.weights_of("emotion")["policy"] == 0  # that of the adapter is not its own
