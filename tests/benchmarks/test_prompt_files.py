"""The authors' prompts, read from files in the layout of their repositories, and runs by the published protocol."""

import json

import pytest

from omnisense.benchmarks.harness.prompting import PromptBuilder, PromptSettings
from omnisense.benchmarks.harness.records import read_records
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.benchmarks.suites import get_suite
from omnisense.errors import InputError
from omnisense.reasoning.policies.messages import text_of

# Files with the names that the authors' have, and with texts of our own.
HUMANSENSE = {
    "src/benchmark/PROMPT_TEMPLATE.py": "PROMPT_TEMPLATE_SINGLE4 = '''Q {} O {} {} {} {} !'''\n",
    "src/benchmark/Benchmark.py": 'asr = "HEARD:" + question["asr_en"]\nsyst = """LOOK:"""\n',
    "src/model/Qwen25omini.py": 'turn = {"type": "text", "text": "You are Qwen, a reader."}\n',
}
HUMANOMNI = '''
SYSTEM_PROMPT = """Look closely."""

class Data:
    def __init__(self):
        self.TYPE_TEMPLATE = {
            "multiple choice": " Give the letter in tags.", "judge": " Say yes or no in tags.", "OCR": " Read in tags.",
            "emer_ov_mc": " Give letters.", "numerical": " A number.", "regression": " A number.",
            "free-form": " Write.",
        }

    def __getitem__(self, index):
        data = self.data[index]
        return {"text": f"This is a {data['data_type']}, and its audio.\\n" + self.question}
'''
DAILY = '''
def ask(item):
    turn = {"text": 'You are Qwen, a virtual human.'}
    prompt = f"""
Watch.
Question: {question}
Choices: {choices}
A letter only.
"""
'''
WORLDSENSE = '''
class WorldSense:
    BASE_SYS = 'Watch well. '
    SYS = BASE_SYS + 'Choose one.'
    FRAMES_TMPL_NOSUB = """
Frames. \\
A letter.
"""
    FRAMES_TMPL_SUB = """
Frames and lines:
{}
A letter.
"""
    FRAMES_TMPL_AUDIO = """
Frames and sound. A letter.
"""

    def build_prompt(self, line):
        text_prompt = self.FRAMES_TMPL_SUB.format(subtitles)
        prompt = 'Asked: {}\\nReply: '.format(question_str)
'''
OMNIBENCH = """
def create_prompt(args, question, options, audio_transcript, image_caption):
    if not args.audio_transcript and not args.image_caption and not args.no_image and not args.no_audio:
        prompt = f"Image and sound: {question}|{options}"
    elif not args.audio_transcript and not args.image_caption and args.no_image and not args.no_audio:
        prompt = f"Sound: {question}|{options}"
    elif args.audio_transcript and not args.image_caption and not args.no_image and not args.no_audio:
        prompt = f"Image and text: {audio_transcript} {question}|{options}"
    elif args.image_caption and not args.no_image and args.no_audio:
        prompt = f"Text: {image_caption} {question}|{options}"
    else:
        raise NotImplementedError
    return prompt

def process_row(row, args):
    audio_transcript = f"Heard: {row['audio content']}" if args.audio_transcript else ""
    image_caption = f"Seen: {row['image content']}" if args.image_caption else ""
    prompt = create_prompt(args, question, options, audio_transcript, image_caption)
"""
CHECKOUTS = {
    "humansense": HUMANSENSE,
    "intentbench": {"src/open-r1-multimodal/eval/eval_humanomniv2.py": HUMANOMNI},
    "daily-omni": {"test_model/Qwen2.5-Omni/testmodel.py": DAILY},
    "worldsense": {"vlmeval/dataset/worldsense.py": WORLDSENSE},
    "omnibench": {"inference/demo_api_call.py": OMNIBENCH},
    "emobench-m": {},  # its questions are the whole prompts
}
OPTIONS = "A. happy\nB. sad\nC. angry\nD. surprised"


@pytest.fixture(scope="session")
def checkouts(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkouts")
    for name, files in CHECKOUTS.items():
        for place, text in files.items():
            (root / name / place).parent.mkdir(parents=True, exist_ok=True)
            (root / name / place).write_text(text)
    return root


def ask(data, checkouts, name, settings=None, **options):
    """Return a builder with the authors' prompts, the sample's questions, and the prompt of the first."""
    suite = get_suite(name)
    builder = PromptBuilder(PromptSettings(templates=str(checkouts / name), **settings or {}), suite.load_templates)
    samples = suite.load(data=data / name, model=ModelUnderTest(), **options).samples
    asked = builder.build(samples[0])
    assert asked.ours is False
    return builder, samples, asked.messages


def parts_of(turn):
    return [part.get("text") or part["type"] for part in turn["content"]]


def test_humansense(data, checkouts):
    _, samples, (system, turn) = ask(data, checkouts, "humansense")
    assert text_of(system) == "You are Qwen, a reader."
    assert parts_of(turn) == ["video", f"Q {samples[0].question.text} O A. happy B. sad C. angry D. surprised !"]


def test_intentbench(data, checkouts):
    settings = {"audio": True, "separate_audio": True, "think": True}
    builder, samples, (system, turn) = ask(data, checkouts, "intentbench", settings)
    assert text_of(system) == "Look closely."
    words = (
        f"This is a video, and its audio.\n{samples[0].question.text} Options:\n{OPTIONS}\n Give the letter in tags."
    )
    assert parts_of(turn) == ["video", "audio", words]
    judge = builder.build(samples[2]).messages[1]
    assert text_of(judge).endswith(f"{samples[2].question.text} Say yes or no in tags.")


def test_daily_omni(data, checkouts):
    _, _, (system, turn) = ask(data, checkouts, "daily-omni")
    assert text_of(system) == "You are Qwen, a virtual human."
    assert "Choices: ['A. happy', 'B. sad', 'C. angry', 'D. surprised']" in text_of(turn)


@pytest.mark.parametrize(
    ("settings", "media", "said"),
    [
        ({}, ["video"], "\nFrames. A letter.\n"),
        ({"audio": True, "separate_audio": True}, ["video", "audio"], "\nFrames and sound. A letter.\n"),
        ({"audio": True}, ["video"], "\nFrames and sound. A letter.\n"),
        ({"transcript": "data"}, ["video"],
         "\nFrames and lines:\nI am going to fly to space!\nI worked so hard for it.\nA letter.\n"),
    ],
)  # fmt: skip
def test_worldsense(data, checkouts, settings, media, said):
    _, samples, (turn,) = ask(data, checkouts, "worldsense", settings)
    asked = f"{said}Asked: {samples[0].question.text}\n{OPTIONS}\nReply: "
    assert parts_of(turn) == ["Watch well. Choose one.", *media, asked]


def test_worldsense_never_gives_sound_and_subtitles(data, checkouts):
    with pytest.raises(InputError, match="never give sound and subtitles together"):
        ask(data, checkouts, "worldsense", {"audio": True, "transcript": "data"})


@pytest.mark.parametrize(
    ("image", "sound", "said", "media"),
    [
        ("media", "media", "Image and sound: ", ["image", "audio"]),
        ("none", "media", "Sound: ", ["audio"]),
        ("media", "text", "Image and text: Heard: A voice says that it will fly to space. ", ["image"]),
        ("text", "none", "Text: Seen: A portrait of an astronaut. ", []),
    ],
)
def test_omnibench(data, checkouts, image, sound, said, media):
    _, (first, *_), (turn,) = ask(data, checkouts, "omnibench", image=image, sound=sound)
    options = "\n".join(first.question.options)
    assert parts_of(turn) == [f"{said}{first.question.text}|{options}", *media]


@pytest.mark.parametrize("name", CHECKOUTS)
def test_a_run_as_published(run_cli, data, checkouts, name, tmp_path):
    command = ["eval", name, "--data", data / name, "--policy", "scripted", "--as-published", "--limit", "2"]
    if CHECKOUTS[name]:
        ran = run_cli(*command, "--output", tmp_path / "run")
        assert ran.returncode == 2
        assert "it lacks the authors' prompt file (--templates DIR" in " ".join(ran.stderr.split())
        command += ["--templates", checkouts / name]
    ran = run_cli(*command, "--output", tmp_path / "run")
    assert ran.returncode == 0, ran.stderr
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    found = {c["name"]: c for c in report["comparability"]}
    assert [n for n, c in found.items() if c["same"] is False] == ["data"]  # a sample, not the benchmark
    assert found["prompt wording"]["here"] == ("authors" if CHECKOUTS[name] else "data")
    assert all("no template" not in note for record in read_records(tmp_path / "run") for note in record.notes)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("humansense", ["--frames", "8"], "--frames is not as published"),
        ("humansense", ["--text-only"], "--text-only is not as published"),
        ("daily-omni", ["--method", "choose"], "--method is not as published"),
        ("intentbench", ["--agent"], "a model asked by itself"),
        ("worldsense", ["--audio", "--transcript", "data"], "never give sound and subtitles together"),
        ("omnibench", ["--image", "none", "--sound", "none"], "their words for 6 of 6 questions (kind: one)"),
    ],
)
def test_what_is_not_as_published_is_refused(run_cli, data, checkouts, name, arguments, said, tmp_path):
    command = ["eval", name, "--data", data / name, "--policy", "scripted", "--as-published"]
    ran = run_cli(*command, "--templates", checkouts / name, "--output", tmp_path / "run", *arguments)
    assert ran.returncode == 2
    assert said in " ".join(ran.stderr.split())
    assert not (tmp_path / "run").exists()


def test_an_incomplete_checkout_is_named(run_cli, data, tmp_path):
    (tmp_path / "PROMPT_TEMPLATE.py").write_text("PROMPT_TEMPLATE_SINGLE2 = '{} {} {}'\n")
    command = ["eval", "humansense", "--data", data / "humansense", "--policy", "scripted", "--as-published"]
    ran = run_cli(*command, "--templates", tmp_path)
    said = " ".join(ran.stderr.split())
    assert ran.returncode == 2
    assert "it lacks their system turn (model/Qwen25omini.py" in said
    assert "their words for 5 of 5 questions (kind: one)" in said
    for name, files in CHECKOUTS.items():
        if files:
            with pytest.raises(InputError, match=r"there is no .*\.py"):
                get_suite(name).load_templates(tmp_path / "none", False)
    (tmp_path / "worldsense.py").write_text("SYS = 'a'\n")
    (tmp_path / "demo_api_call.py").write_text("prompt = 'a'\n")
    for name in ("worldsense", "omnibench"):
        with pytest.raises(InputError, match="does not hold the prompts"):
            get_suite(name).load_templates(tmp_path, False)
