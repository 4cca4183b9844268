"""What is in ``deploy/`` parses, and calls OmniSense as it can be called. No container or cluster runs here."""

import re
import shlex
import subprocess

import pytest
import yaml

from omnisense.agent.cli.main import cli
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
    assert {line.split()[0] for line in instructions("FROM")} == {"python:3.12-slim-bookworm", "cpu"}
    assert instructions("USER") == ["omnisense"]
    assert DOCKERFILE.index("\nUSER ") < DOCKERFILE.index("\nENTRYPOINT ")
    assert "/healthz" in instructions("HEALTHCHECK")[0]
    assert not re.search(r"\b(latest|sudo|chmod 777|ADD http)\b", DOCKERFILE)
    entry = yaml.safe_load(instructions("ENTRYPOINT")[0]) + yaml.safe_load(instructions("CMD")[0])
    accept(entry[1:])
    for file in re.findall(r"-c (\S+)", DOCKERFILE):
        assert (REPOSITORY / file).is_file()


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


@pytest.mark.parametrize("name", ["evaluate.slurm", "train.slurm"])
def test_job_scripts_are_valid_and_their_commands_exist(name):
    assert subprocess.run(["bash", "-n", DEPLOY / name], check=False).returncode == 0
    text = (DEPLOY / name).read_text("utf-8").replace("\\\n", " ")
    for call in re.findall(r"(?:srun omnisense|-m omnisense\.agent\.cli) (.*)", text):
        accept(shlex.split(call))
    for call in re.findall(r"\$\(omnisense ([^)]*)\)", text):
        accept(shlex.split(call.replace('"$CONFIG"', "zero3")))


def test_the_ray_cluster_file_parses():
    cluster = yaml.safe_load((DEPLOY / "ray.yaml").read_text("utf-8"))
    assert cluster["provider"]["type"] == "local"
    assert any("--head" in command for command in cluster["head_start_ray_commands"])
