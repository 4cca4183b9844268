"""Training: GRPO and supervised fine-tuning of models that take text, images, video and audio, with TRL.

Where to start reading:

- ``recipe`` (with ``overrides``, ``data.settings`` and ``trainers.weights``) is what a user writes; ``preflight``
  checks it.
- ``train`` performs one run and ``curriculum`` several stages, with ``run_folder`` and ``progress``.
- ``data``: ``split`` and ``rows`` turn question files into prompts; ``prepare`` and the converters make such files.
- ``trainers``: ``grpo`` and ``sft`` subclass TRL's trainers, with ``prompt_prefetch``, ``full_forward`` and
  ``checkpoints``.
- ``rewards``: ``functions`` and ``judge`` are the rewards, ``registry`` their names; ``judge_calibration`` and
  ``calibrate_judge`` calibrate a judge of empathy.
- ``rewards.replies`` and ``rewards.empathy_head`` reward replies without a judge; ``trainers.alarms`` watches them.
- ``rollouts``: generation in other processes.
- ``reporting``: ``evaluate``, ``curves``, ``model_card`` and ``run_summary``, with the types of ``results``.
- ``tiny`` and ``tiny_herm`` make models and data with which all of it runs on a laptop.
"""
