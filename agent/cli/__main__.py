"""``python -m omnisense.agent.cli``: the ``omnisense`` command, for launchers that take a module."""

from omnisense.agent.cli.main import main

main()
