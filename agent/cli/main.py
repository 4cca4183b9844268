"""The ``omnisense`` command.

Exit codes: 0 success, 1 some items failed or a bug, 2 bad input, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import platform
import sys

import click

from omnisense.agent.cli.annotate import annotate_command
from omnisense.agent.cli.calibrate import calibrate_command
from omnisense.agent.cli.evaluate import eval_group
from omnisense.agent.cli.evaluate_all import all_command
from omnisense.agent.cli.export import export_group
from omnisense.agent.cli.forget import forget_command, notes_command, threads_command
from omnisense.agent.cli.models import models_group
from omnisense.agent.cli.options import print_text
from omnisense.agent.cli.perceive import perceive_command
from omnisense.agent.cli.report import report, score_group
from omnisense.agent.cli.respond import chat_command, demo_command, respond_command
from omnisense.agent.cli.schema import schema_command
from omnisense.agent.cli.serve import serve_command
from omnisense.agent.cli.talk import talk_command
from omnisense.agent.cli.train import train_group
from omnisense.compat import set_library_defaults
from omnisense.errors import OmniSenseError
from omnisense.logging import LEVELS, configure_logging
from omnisense.version import __version__

_log = logging.getLogger("omnisense.agent.cli.main")  # __name__ is "__main__" under python -m

_DISK_FAULTS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO))


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(__version__, prog_name="omnisense")
@click.option(
    "--log-level",
    type=click.Choice(LEVELS, case_sensitive=False),
    help="Log to standard error from this level on. [default: OMNISENSE_LOG, else warning]",
)
@click.option("-v", "verbose", is_flag=True, help="Same as --log-level info.")
@click.option("--log-json", is_flag=True, help="Log one JSON object per line.")
def cli(log_level: str | None, verbose: bool, log_json: bool) -> None:
    """Perceive video, audio and text of a person, and respond with empathy.

    \b
    Examples:
      omnisense demo
      omnisense respond clip.mp4
      omnisense --log-level debug perceive clip.mp4
    """
    configure_logging(log_level or ("info" if verbose else None), log_json or None)
    _log.debug("omnisense %s, Python %s", __version__, platform.python_version())


for _command in (
    respond_command,
    chat_command,
    talk_command,
    demo_command,
    serve_command,
    notes_command,
    threads_command,
    forget_command,
    perceive_command,
    models_group,
    eval_group,
    score_group,
    report,
    export_group,
    train_group,
    annotate_command,
    calibrate_command,
    schema_command,
):
    cli.add_command(_command)
eval_group.add_command(all_command)


def main() -> None:
    """Run the command and turn exceptions into exit codes."""
    set_library_defaults()
    try:
        cli.main(prog_name="omnisense", standalone_mode=False)
    except OmniSenseError as error:
        _log.debug("the command failed", exc_info=True)
        print_text(f"omnisense: {' '.join(str(error).split())}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:  # the reader, `head` for instance, has gone
        _discard_output()
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _DISK_FAULTS:
            _log.debug("the command failed", exc_info=True)
            where = error.filename or "the output"
            remedy = "Free some space or write to another disk, then run the same command again."
            print_text(f"omnisense: {where}: it cannot be written ({error.strerror}). {remedy}", err=True)
            _discard_output()
            sys.exit(2)
        _log.exception("unexpected error: this is a bug in OmniSense, please report it with this traceback")
        sys.exit(1)


def _discard_output() -> None:
    """Throw away what is left to be printed, which would fail again when the process ends."""
    with contextlib.suppress(OSError, ValueError):  # it is no file, or closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
