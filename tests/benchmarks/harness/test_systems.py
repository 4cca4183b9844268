"""Systems under test: baselines, prompts from the authors' templates, own transcripts, the agent."""

import pytest

from omnisense.benchmarks.harness.agent_system import AgentSystem
from omnisense.benchmarks.harness.baselines import Baseline
from omnisense.benchmarks.harness.prompting import PromptBuilder, PromptSettings, text_only
from omnisense.benchmarks.harness.systems import PolicySystem, SystemSettings
from omnisense.benchmarks.humansense.loading import load
from omnisense.benchmarks.humansense.templates import Templates
from omnisense.errors import InputError
from omnisense.reasoning.policies.base import no_choice
from omnisense.reasoning.policies.messages import text_of
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from tests.benchmarks.conftest import NUMBER, SEVERAL, YES_NO, row, write_benchmark


def samples(tmp_path, *rows):
    return load(write_benchmark(tmp_path / "data", list(rows))).samples


def replies(policy, asked):
    system = Baseline(SystemSettings(kind="baseline", policy=policy), asked)
    return [r.text for r in system.answer([system.prepare(i) for i in asked])]


def test_baselines(tmp_path):
    asked = samples(
        tmp_path,
        row("Emo_Strategy", 1, answer="C"),
        row("Emo_Strategy", 2, answer="C"),
        row("Emo_Strategy", 3, answer="A"),
        row("Lie_Detection", 4, pattern=YES_NO, answer="No"),
        row("Human_Counting", 5, pattern=NUMBER, answer="7"),
        row("Emo_Strategy", 6, pattern=SEVERAL, answer="A, D"),
    )
    assert replies("majority", asked) == ["C", "C", "C", "no", "7", "AD"]
    assert replies("longest", asked)[:3] == ["D", "D", "D"]
    chance = replies("random", asked)
    assert chance == replies("random", asked)
    assert chance[3] in ("yes", "no")
    assert 0 <= int(chance[4]) <= 10
    with pytest.raises(InputError, match="no baseline 'best'"):
        replies("best", asked)


def test_random_is_random_over_many(tmp_path):
    asked = samples(tmp_path, *[row("Emo_Strategy", n) for n in range(400)])
    counts = [replies("random", asked).count(letter) for letter in "ABCD"]
    assert all(70 <= count <= 130 for count in counts)


def test_text_only_gives_nothing_of_the_clip_away(clips, many):
    prompting = text_only(PromptSettings(audio=True, transcript="data"))
    for sample in (load(clips).samples[1], load(many).samples[0]):
        (turn,) = PromptBuilder(prompting).build(sample).messages
        assert [part["type"] for part in turn["content"]] == ["text"]
        assert sample.transcript
        assert sample.transcript not in text_of(turn)
    text = PromptBuilder(PromptSettings()).build(load(many).samples[0]).messages[0]
    assert "Line 0." in text_of(text)  # in the ordinary setting the transcript stands for the clip


def test_the_authors_templates_are_read_from_a_checkout(tmp_path):
    folder = tmp_path / "checkout" / "HumanSense_bench" / "src" / "benchmark"
    folder.mkdir(parents=True)
    (folder / "PROMPT_TEMPLATE.py").write_text(
        "raise SystemExit('templates are read, never run')\n"
        "PROMPT_TEMPLATE_SINGLE4 = '''Q {} O {} {} {} {} !'''\nPROMPT_TEMPLATE_QA = 'N {}'\n"
    )
    (folder / "Benchmark.py").write_text('asr = "HEARD:" + question["asr_en"]\nsyst = """LOOK:"""\n')
    asked = samples(tmp_path, row("Emo_Strategy", 1, asr_en="hi"), row("Human_Counting", 2, pattern=NUMBER, answer="1"),
                  row("Lie_Detection", 3, pattern=YES_NO, answer="No"))  # fmt: skip
    prompts = PromptBuilder(
        PromptSettings(templates=str(tmp_path / "checkout"), transcript="data", thought_pattern=True), Templates.read
    )
    first, second, third = (prompts.build(sample) for sample in asked)
    words = "LOOK:HEARD:hiQ Question 1: what is felt? O A. happy B. sad C. angry D. surprised !"
    assert text_of(first.messages[0]) == words
    assert text_of(second.messages[0]) == "LOOK:N Question 2: what is felt?"
    assert (first.ours, third.ours) == (False, True)  # they have none for yes and no
    assert "Yes or No" in text_of(third.messages[0])
    for bad in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match=r"no PROMPT_TEMPLATE\.py"):
            PromptBuilder(PromptSettings(templates=str(bad)), Templates.read)
    with pytest.raises(InputError, match=r"no PROMPT_TEMPLATE_think\.py"):
        PromptBuilder(PromptSettings(templates=str(folder), think=True), Templates.read)
    with pytest.raises(InputError, match="no prompts of its authors"):
        PromptBuilder(PromptSettings(templates=str(folder)))


def test_choosing_gives_probabilities(tmp_path):
    asked = samples(tmp_path, row("Emo_Strategy", 1), row("Emo_Strategy", 2, pattern=SEVERAL, answer="AC"))
    system = PolicySystem(SystemSettings(method="choose"), PromptSettings(), ScriptedPolicy(choices=["C", 0]))
    one, several = system.answer([system.prepare(sample) for sample in asked])
    assert (one.text, one.probabilities["C"]) == ("C", 0.8)
    assert (several.text, several.probabilities) == ("A", None)


def test_a_choice_that_could_not_be_read_is_no_guess(tmp_path, monkeypatch):
    policy = ScriptedPolicy()
    monkeypatch.setattr(policy, "choose", lambda prompts, options: [no_choice(row) for row in options])
    system = PolicySystem(SystemSettings(method="choose"), PromptSettings(), policy)
    [reply] = system.answer([system.prepare(s) for s in samples(tmp_path, row("Emo_Strategy", 1))])
    assert (reply.text, reply.probabilities) == ("", None)


def test_the_agent_asks_a_question_without_a_clip_as_the_policy_alone_is_asked(many):
    asked = load(many).samples[:6]
    for settings, prompting in (
        (SystemSettings(), PromptSettings()),
        (SystemSettings(), PromptSettings(think=True, system="Be brief.")),
        (SystemSettings(method="choose"), PromptSettings()),
    ):
        alone, beside = ScriptedPolicy(["B", "<answer>A</answer>"]), ScriptedPolicy(["B", "<answer>A</answer>"])
        bare, agent = PolicySystem(settings, prompting, alone), AgentSystem(settings, prompting, beside)
        replies = [system.answer([system.prepare(sample) for sample in asked]) for system in (bare, agent)]
        assert replies[0] == replies[1]
        assert alone.calls == beside.calls


class GuidedPolicy(ScriptedPolicy):
    needs_guidance = True


@pytest.mark.models
@pytest.mark.shared
@pytest.mark.slow
def test_the_agent_reads_answers_off_the_clip(shared, tmp_path):
    from omnisense.benchmarks.humansense.build import Builder

    counts = Builder(shared, tmp_path / "bench", 0, 1).build()
    assert counts["Talkingperson_Recognition"] == 42
    dataset = load(tmp_path / "bench")
    assert not [p for p in dataset.problems if p.kind != "other task"]
    by_text = {}
    for sample in dataset.samples:
        by_text.setdefault(sample.question.text, []).append(sample)
    said = by_text["What does the person say?"][0]
    shown = [i for i in by_text["What emotion does the person's face show?"] if i.start_s in (0.0, 12.0)][::2]
    system = AgentSystem(SystemSettings(kind="agent"), PromptSettings(), GuidedPolicy(["I cannot say"]))
    system.load()
    for sample in (said, *shown):
        (reply,) = system.answer([system.prepare(sample)])
        assert reply.text == sample.gold
        assert reply.probabilities[sample.gold] > 0.4


@pytest.mark.models
@pytest.mark.shared
@pytest.mark.slow
def test_our_own_transcript_goes_into_the_prompt(shared, tmp_path):
    import shutil

    (tmp_path / "data" / "videos").mkdir(parents=True)
    shutil.copyfile(shared / "grid" / "lbbc2a.mpg", tmp_path / "data" / "videos" / "g.mpg")
    (sample,) = samples(tmp_path, row("Emo_Strategy", 1, "videos/g.mpg"))
    policy = ScriptedPolicy(["B"])
    system = PolicySystem(SystemSettings(), PromptSettings(transcript="asr"), policy)
    system.load()
    system.answer([system.prepare(sample)])
    assert "blue" in text_of(policy.calls[-1][0]).lower()
