"""Rows of the agent on disk, and a policy's opinions on them."""

from omnisense.reasoning.policies.base import Choice
from omnisense.rl.data.agent_rows import AgentRow, read_agent_rows, write_agent_rows
from omnisense.rl.reporting.choice_evaluation import collect_opinions, read_opinions
from omnisense.rl.trainers.prompt_prefetch import dump_prompt


def row(name, text="I am glad"):
    prompt = dump_prompt([{"role": "user", "content": [{"type": "text", "text": text}]}])
    return AgentRow(
        id=name, group=name, task="t", decision="emotion", verb="choose", prompt=prompt, options=["joy", "fear"]
    )


def test_line_separators_in_a_text_end_no_row(tmp_path):
    rows = [row("a", "one\u2028two\x85three\x0cfour"), row("b")]
    write_agent_rows(rows, tmp_path / "rows.jsonl")
    assert read_agent_rows([tmp_path]) == rows


def test_opinions_go_on_after_a_line_that_a_kill_tore(tmp_path):
    class Sure:
        def choose(self, prompts, options):
            return [Choice(0, (0.75, 0.25)) for _ in prompts]

    file = tmp_path / "opinions.jsonl"
    file.write_text('{"id": "a", "probabilities": [0.5, 0.5]}\n{"id": "b", "prob')
    found = collect_opinions([row("a"), row("b")], Sure, file)
    assert found == {"a": [0.5, 0.5], "b": [0.75, 0.25]}
    assert read_opinions(file) == found
