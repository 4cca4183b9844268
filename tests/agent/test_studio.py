"""The graph that LangGraph Studio opens."""

import importlib.util
import json
from pathlib import Path

import pytest

from omnisense import Agent, ScriptedPolicy

ROOT = Path(__file__).parents[2]


def test_the_graph_of_langgraph_json_answers_a_turn_and_shows_the_loop():
    graphs = json.loads((ROOT / "langgraph.json").read_text("utf-8"))["graphs"]
    path, _, name = graphs["omnisense"].partition(":")
    spec = importlib.util.spec_from_file_location("studio", ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert {"turn"} <= set(getattr(module, name)().nodes)
    graph = module.turn_graph(Agent(ScriptedPolicy(["I am sorry about your dog."]), memory=None))
    answer = graph.invoke({"text": "My dog died and I am so sad."})
    assert answer["response"] == "I am sorry about your dog."
    assert (answer["emotion"], answer["escalate"]) == ("sadness", False)
    assert json.loads(json.dumps(answer)) == answer
    ((_, loop),) = graph.get_subgraphs()
    assert {"guard", "compose", "release", "care"} <= set(loop.nodes)


@pytest.mark.models
def test_a_clip_is_given_by_its_path(perception, short_demo):
    from omnisense.agent.studio import turn_graph

    graph = turn_graph(Agent(ScriptedPolicy(["You look calm."]), perception, memory=None))
    assert graph.invoke({"clip": str(short_demo)})["response"] == "You look calm."
