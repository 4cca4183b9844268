"""Training: GRPO and supervised fine-tuning on models that see, hear and read, with TRL.

``train`` does a run by a ``recipe``, ``curriculum`` several in a row; ``omni`` is the GRPO trainer, ``sft`` the other
one. ``data`` turns questions into prompts, ``prepare`` and ``sources`` make the questions' files, ``rewards`` and
``judged`` pay, ``finish`` says what a run was worth.
"""
