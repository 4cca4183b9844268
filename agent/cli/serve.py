"""``omnisense serve``: the agent as a service with a web page."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import click

from omnisense.agent.cli.options import (
    FOLDER,
    PATH,
    AgentOptions,
    PerceptionOptions,
    agent_options,
    perception_options,
    print_status,
)
from omnisense.errors import InputError


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option(
    "--api-key-file",
    type=PATH,
    help="File with a line NAME KEY for each user. Needed with any --host but this machine's own.",
)
@click.option(
    "--allow-host", "allowed_hosts", multiple=True, metavar="NAME", help="Accept this Host name too. May be repeated."
)
@click.option(
    "--allow-origin",
    "allowed_origins",
    multiple=True,
    metavar="URL",
    help="Accept pages of this origin. May be repeated.",
)
@click.option("--allow-remote-media", is_flag=True, help="Fetch media by http(s) URL from public addresses.")
@click.option(
    "--max-turns",
    default=4,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Turns that run at the same time.",
)
@click.option(
    "--max-queue",
    default=64,
    show_default=True,
    type=click.IntRange(0),
    metavar="N",
    help="Turns that wait; more get 429.",
)
@click.option(
    "--max-sessions",
    default=8,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Live sessions at the same time.",
)
@click.option(
    "--max-sessions-per-key",
    default=8,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Live sessions of one key.",
)
@click.option("--voice", default="hibari", show_default=True, metavar="NAME", help="Voice of live sessions, or none.")
@click.option(
    "--rate",
    "requests_per_minute",
    default=600.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="Requests per minute and key.",
)
@click.option(
    "--runs", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of evaluation runs to show."
)
@click.option("--escalation-webhook", metavar="URL", help="Tell this URL of turns that call for a person.")
@click.option("--escalation-log", type=PATH, help="Append such turns to this file.")
@click.option(
    "--uploads",
    type=FOLDER,
    help="Folder for uploaded clips, shared by all nodes of a cluster. [default: in the user's data folder]",
)
@click.option("--ray", "ray_address", metavar="ADDRESS", help="Serve on a Ray cluster; `local` starts one.")
@click.option("--replicas", default=2, show_default=True, type=click.IntRange(1), help="Copies on the Ray cluster.")
@click.option("--gpus-per-replica", default=0.0, show_default=True, type=click.FloatRange(0), help="Of each copy.")
@agent_options
@perception_options
def serve_command(
    api_key_file: Path | None,
    voice: str,
    ray_address: str | None,
    replicas: int,
    gpus_per_replica: float,
    agent: AgentOptions,
    perception: PerceptionOptions,
    **service: Any,
) -> None:
    """Serve the agent: a web page at /, OpenAI's chat and realtime interfaces, resources of its own.

    \b
    Examples:
      omnisense serve
      omnisense serve --host 0.0.0.0 --allow-host agent.example.org --api-key-file keys.txt
      omnisense serve --ray local --replicas 4 --memory postgresql://omnisense@db/omnisense
    """
    try:
        from omnisense.agent.service.ray_serve import RaySettings, check_memory, serve_on_ray
        from omnisense.agent.service.server import serve
    except ModuleNotFoundError as error:
        raise InputError(f"the service needs {error.name}", "Install it: pip install 'omnisense[serve]'.") from error
    from omnisense.agent.cli.respond import load_agent
    from omnisense.agent.service.settings import ServiceSettings, read_api_keys
    from omnisense.agent.voice.load import load_voice

    if ray_address:
        check_memory(agent.memory, not agent.no_store)
    with ExitStack() as stack:
        if agent.no_store and service["uploads"] is None:
            service["uploads"] = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="omnisense-uploads-")))
        settings = ServiceSettings(**service, api_keys=read_api_keys(api_key_file) if api_key_file else {})
        settings.check()
        make_agent = partial(load_agent, agent, perception, is_service=True)
        make_voice = partial(load_voice, voice)
        address = f"http://{settings.host}:{settings.port}"
        if ray_address:
            cluster = RaySettings(ray_address, replicas, gpus_per_replica)
            ready = partial(print_status, f"serving on {address} with {replicas} replicas (Ctrl-C ends it)")
            serve_on_ray(make_agent, make_voice, settings, cluster, ready)
            return
        loaded, speaker = make_agent(), make_voice()
        serve(loaded, settings, speaker, partial(print_status, f"serving on {address} (Ctrl-C ends it)"))
