"""Every suite from its sample data to a finished report: loading, runs, kill and resume, models, agent, baselines."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from omnisense.benchmarks.harness.prompting import PromptBuilder, PromptSettings, text_only
from omnisense.benchmarks.harness.records import read_records
from omnisense.benchmarks.harness.report import write_report
from omnisense.benchmarks.harness.run import RunSettings, run
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.benchmarks.harness.systems import SystemSettings
from omnisense.benchmarks.sample_data import write_samples
from omnisense.benchmarks.suites import find_data, find_suite, get_suite, report_spec_for
from omnisense.errors import InputError
from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.policies.messages import media_of, text_of
from omnisense.testing.tiny_models import tiny_omni, tiny_text

NEW = ["intentbench", "daily-omni", "worldsense", "emobench-m", "omnibench"]
SIZES = {"intentbench": 10, "daily-omni": 12, "worldsense": 6, "emobench-m": 39, "omnibench": 6, "humansense": 5,
         "herm": 8}  # fmt: skip
RANDOM = SystemSettings(kind="baseline", policy="random")


@pytest.fixture(scope="session")
def omni(tmp_path_factory):
    return tiny_omni(tmp_path_factory.mktemp("omni"))


@pytest.fixture(scope="session")
def tiny_llm(tmp_path_factory):
    return tiny_text(tmp_path_factory.mktemp("text"))


def load(data, name, **options):
    place = data / name / "questions.json" if name == "herm" else data / name
    return get_suite(name).load(data=place, model=ModelUnderTest(), **options)


def answers(folder):
    return {r.id: (r.status, r.reply, r.strict, r.official) for r in read_records(folder)}


def finished(settings, dataset):
    plan = run(settings, dataset)
    return write_report(plan.folder, report_spec_for([plan.folder])), read_records(plan.folder)


@pytest.mark.parametrize("name", SIZES)
def test_the_sample_loads_whole_and_is_recognized(data, name):
    dataset = load(data, name)
    assert len(dataset.samples) == SIZES[name] == len({s.id for s in dataset.samples})
    assert dataset.problems == ()
    assert dataset.suite == name
    assert find_suite(Path(dataset.root)).name == name
    assert not dataset.is_official
    assert all(s.source for s in dataset.samples) or name in ("humansense", "herm")
    again = load(data, name)
    assert [s.id for s in again.samples] == [s.id for s in dataset.samples]
    assert again.fingerprint == dataset.fingerprint


@pytest.mark.parametrize("name", ["daily-omni", "worldsense"])
def test_the_form_of_humanomniv2_is_read_too(data, name, tmp_path):
    folder = data / "think" / {"daily-omni": "Daily-Omni", "worldsense": "WorldSense"}[name]
    dataset = get_suite(name).load(data=folder, model=ModelUnderTest())
    assert [s.question.kind for s in dataset.samples] == ["one", "several", "yes_no"]
    assert dataset.problems == ()
    report, _ = finished(RunSettings(get_suite(name), RANDOM, output=tmp_path / "run"), dataset)
    assert report["official_notes"]
    assert "problem type" in report["breakdowns"]


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("baseline", ["random", "majority", "longest"])
def test_baselines_give_a_report(data, name, baseline, tmp_path):
    system = SystemSettings(kind="baseline", policy=baseline)
    report, records = finished(RunSettings(get_suite(name), system, output=tmp_path / "run"), load(data, name))
    assert report["counts"]["answered"] == SIZES[name]
    assert report["breakdowns"] or name in ("humansense", "herm")
    assert (tmp_path / "run" / "report.html").read_text().count("<h2>By ") == len(report["breakdowns"])
    assert "Beside the published results" not in (tmp_path / "run" / "report.html").read_text()
    assert all(r.messages == () and r.media == () for r in records)


@pytest.mark.parametrize("name", NEW)
def test_the_right_answers_score_one(data, name, tmp_path):
    """What a perfect model writes is right by both scores, whatever the kind of question."""
    dataset = load(data, name)
    by_text = {}
    for sample in dataset.samples:
        right = str(sample.row.get("label") or sample.row.get("solution") or sample.gold)
        by_text[sample.question.text] = right
    settings = RunSettings(get_suite(name), SystemSettings(policy="scripted"), text_only(PromptSettings()),
                           output=tmp_path / "run")  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        from omnisense.reasoning.policies.scripted import ScriptedPolicy

        def reply(self, prompt):
            words = text_of(prompt[-1])
            return next(answer for text, answer in by_text.items() if text in words)

        patch.setattr(ScriptedPolicy, "_reply", reply)
        report, records = finished(settings, dataset)
    assert report["strict"]["micro"]["mean"] == 1
    unscored = {"free-form", "OCR"}  # their script gives these 0
    counted = [r for r in records if not unscored & set(r.tags.get("problem type", ()))]
    assert all(r.official == 1 for r in counted)
    assert all(r.prompt and r.messages[-1]["text"] and r.media == () for r in records)


@pytest.mark.parametrize("name", SIZES)
def test_a_killed_run_goes_on(data, name, tmp_path):
    dataset, suite = load(data, name), get_suite(name)
    whole = RunSettings(suite, RANDOM, output=tmp_path / "whole")
    run(whole, dataset)

    def kill(record, seen=[]):  # noqa: B006
        seen.append(record)
        if len(seen) == 3:
            raise KeyboardInterrupt

    broken = RunSettings(suite, replace(RANDOM, batch_size=1), output=tmp_path / "broken")
    with pytest.raises(KeyboardInterrupt):
        run(broken, dataset, on_record=kill)
    file = tmp_path / "broken" / "records.jsonl"
    file.write_bytes(file.read_bytes()[:-25])  # and what a kill leaves of the last line
    assert 0 < len(read_records(tmp_path / "broken")) < SIZES[name]
    run(broken, dataset)
    assert answers(tmp_path / "broken") == answers(tmp_path / "whole")


@pytest.mark.parametrize("name", SIZES)
def test_the_tiny_omni_model_sees_and_hears(data, name, tmp_path, omni):
    settings = RunSettings(
        get_suite(name),
        SystemSettings(policy=str(omni), max_new_tokens=4, batch_size=2),
        PromptSettings(audio=get_suite(name).media == "clips", separate_audio=name == "intentbench",
                       sampling=Sampling(rule="count", count=2, max_pixels=56 * 56)),
        output=tmp_path / "run",
        tasks=("ES",) if name == "humansense" else (),  # others are asked about frames alone, or sound alone
        limit=2,
    )  # fmt: skip
    report, records = finished(settings, load(data, name))
    asked = 1 if name == "humansense" else 2
    counts = report["counts"]
    assert counts["answered"] == counts["with_frames"] == asked
    if name in ("intentbench", "daily-omni", "worldsense"):  # whatever lengths the data state
        assert report["cost"]["media_s"] == pytest.approx(2.0, abs=0.2)
    assert counts["with_sound"] == (0 if name == "herm" else asked)
    for record in records:
        types = [part["type"] for part in record.media]
        if name == "intentbench":
            assert types == ["video", "audio"]
            assert record.media[0]["with_audio"] is False
        elif name in ("omnibench", "herm"):
            assert types == ["image", "audio"][: 1 if name == "herm" else 2]
        else:
            assert types == ["video"]
            assert record.media[0]["with_audio"] is True
        assert record.prompt_tokens > 20
        assert record.reply_tokens is not None
        assert record.messages[-1]["text"].startswith(f"[{types[0]}]")


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.parametrize("name", SIZES)
def test_the_agent_and_a_text_model_answer(data, name, tmp_path):
    dataset = load(data, name)
    agent = SystemSettings(kind="agent", policy="scripted")
    report, records = finished(RunSettings(get_suite(name), agent, output=tmp_path / "agent", limit=2), dataset)
    assert report["counts"]["answered"] == 2
    assert all(record.calls[0]["name"] == "perceive" for record in records)
    settings = {c["name"]: c["here"] for c in report["comparability"]}
    assert settings.get("frames", "as the agent perceives") == settings.get("sound", "as the agent perceives")
    # The report plays what was perceived, also where the policy reads text only.
    perceived = [[medium["path"] for medium in record.media if medium.get("perceived")] for record in records]
    assert all(paths and all(Path(path).is_file() for path in paths) for paths in perceived)
    model = SystemSettings(policy="smollm2-135m-instruct", max_new_tokens=8)
    settings = RunSettings(get_suite(name), model, text_only(PromptSettings()), output=tmp_path / "text", limit=3)
    report, records = finished(settings, dataset)
    assert report["counts"]["answered"] == 3


def test_missing_media_block_questions_only_where_they_are_shown(data, tmp_path):
    (tmp_path / "qa.json").write_text((data / "daily-omni" / "qa.json").read_text())
    suite = get_suite("daily-omni")
    dataset = suite.load(data=tmp_path, model=ModelUnderTest())
    assert len(dataset.samples) == 12
    assert {problem.kind for problem in dataset.problems} == {"missing media"}
    scripted = SystemSettings(policy="scripted")
    report, _ = finished(RunSettings(suite, scripted, text_only(PromptSettings()), output=tmp_path / "text"), dataset)
    assert report["counts"]["answered"] == 12
    report, _ = finished(RunSettings(suite, scripted, output=tmp_path / "seen", limit=5), dataset)
    assert report["counts"]["errors"] == 5


def test_paths_that_leave_the_data_folder_are_refused(data, tmp_path):
    outside = tmp_path / "secret.mp4"
    outside.write_bytes(b"x")
    folder = tmp_path / "data"
    (folder / "videos").mkdir(parents=True)
    rows = json.loads((data / "intentbench" / "qa.json").read_text())[:3]
    (folder / "videos" / "link.mp4").symlink_to(outside)
    for row, path in zip(rows, ["../secret.mp4", str(outside), "link.mp4"], strict=True):
        row["path"] = path
    (folder / "qa.json").write_text(json.dumps(rows))
    dataset = get_suite("intentbench").load(data=folder, model=ModelUnderTest())
    assert [problem.kind for problem in dataset.problems] == ["path refused"] * 3
    assert all(sample.media is None for sample in dataset.samples)


def test_subtitles_at_the_sampled_frames_stand_for_the_sound(data):
    first, *_ = load(data, "worldsense").samples
    settings = PromptSettings(transcript="data", sampling=Sampling(rule="times", times_s=(0.5,)))
    assert "fly to space" in PromptBuilder(settings).build(first).transcript
    assert "hard" not in PromptBuilder(settings).build(first).transcript
    both = PromptSettings(transcript="data", sampling=Sampling(rule="times", times_s=(0.5, 1.5)))
    assert PromptBuilder(both).build(first).transcript.splitlines() == [
        "I am going to fly to space!", "I worked so hard for it."]  # fmt: skip
    assert PromptBuilder(text_only(both)).build(first).transcript == ""


def test_a_clip_without_a_transcript_is_said(data, tmp_path):
    settings = RunSettings(
        get_suite("worldsense"),
        SystemSettings(policy="scripted"),
        PromptSettings(transcript="data", sampling=Sampling(rule="count", count=2)),
        output=tmp_path / "run",
    )
    _, records = finished(settings, load(data, "worldsense"))
    given = {record.group: record.transcript for record in records}
    assert sorted(map(bool, given.values())) == [False, True]
    for record in records:
        assert (record.notes == ("there is no transcript of this clip",)) is (record.transcript == "")


@pytest.mark.parametrize(
    ("image", "sound", "types", "said"),
    [
        ("media", "media", ["image", "audio"], ""),
        ("media", "text", ["image"], "The sound: A voice"),
        ("text", "media", ["audio"], "The image: A portrait"),
        ("text", "text", [], "The sound: A voice"),
        ("media", "none", ["image"], ""),
        ("none", "none", [], ""),
    ],
)
def test_texts_stand_for_image_and_sound(data, image, sound, types, said):
    sample, *_ = load(data, "omnibench", image=image, sound=sound).samples
    asked = PromptBuilder(PromptSettings()).build(sample).messages
    assert [part["type"] for part in media_of(asked)] == types
    assert said in text_of(asked[-1])


def test_a_text_model_is_given_transcripts_in_place_of_clips(data, tmp_path, tiny_llm):
    settings = RunSettings(
        get_suite("worldsense"),
        SystemSettings(policy=str(tiny_llm), max_new_tokens=4),
        PromptSettings(transcript="data"),
        output=tmp_path / "run",
    )
    report, records = finished(settings, load(data, "worldsense"))
    assert report["counts"]["answered"] == 6
    assert any("fly to space" in record.transcript for record in records)
    assert all(record.media == () for record in records)
    assert report["notes"] == {
        "the transcript alone: the model does not take the clip": 3,
        "there is no transcript of this clip": 3,
        "the question alone: the model does not take the clip": 3,
    }


def test_all_suites_in_one_table(run_cli, data, tmp_path):
    assert set(find_data(data)) == {*NEW, "humansense"}
    ran = run_cli("eval", "all", "--data", data, "--baseline", "random", "--limit", "2", "--output", tmp_path / "runs")
    assert ran.returncode == 0, ran.stderr
    rows = json.loads((tmp_path / "runs" / "all.json").read_text())
    assert {row["benchmark"] for row in rows} == {*NEW, "humansense"}
    assert all(row["answered"] == 2 for row in rows)
    ran = run_cli("eval", "all", "--data", data, "--suites", "herm", "--baseline", "random")
    assert ran.returncode == 2
    assert "no data of herm" in ran.stderr
    listed = run_cli("eval", "--suite-list").stdout
    assert all(name in listed for name in [*NEW, "humansense", "herm", "1197", "Apache-2.0"])


def test_a_suite_whose_questions_all_fail_does_not_end_the_others(run_cli, data, tmp_path):
    for name in ("daily-omni", "worldsense"):
        shutil.copytree(data / name, tmp_path / "data" / name)
    for file in (tmp_path / "data" / "daily-omni").rglob("*.mp4"):
        file.unlink()
    out = tmp_path / "runs"
    ran = run_cli("eval", "all", "--data", tmp_path / "data", "--baseline", "random", "--output", out)
    assert ran.returncode == 1
    first, second = json.loads((out / "all.json").read_text())
    assert "the first 12 questions all failed (bad media: there is no" in first["problem"]
    assert second["answered"] == 6


def test_the_same_rows_for_a_seed(data, tmp_path):
    dataset, suite = load(data, "emobench-m"), get_suite("emobench-m")

    def taken(seed, limit):
        out = tmp_path / f"{seed}-{limit}"
        run(RunSettings(suite, replace(RANDOM, seed=seed), output=out, limit=limit), dataset)
        return {r.id for r in read_records(out)}, [r.task for r in read_records(out)]

    first, tasks = taken(0, 13)
    assert len(set(tasks)) == 13
    assert first < taken(0, 20)[0]
    assert first != taken(1, 13)[0]


def test_samples_are_written_only_to_an_empty_folder(data):
    with pytest.raises(InputError, match="not empty"):
        write_samples(data)
