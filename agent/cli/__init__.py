"""The ``omnisense`` command."""
