"""What users touch: ``Agent`` (the Python API), conversation memory, and the ``omnisense`` command."""
