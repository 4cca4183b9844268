"""The Python API (``Agent``), conversation memory, and the ``omnisense`` command."""
