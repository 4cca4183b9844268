"""``python -m omnisense.agent.cli``: the command, where a launcher needs a module."""

from omnisense.agent.cli.main import main

main()
