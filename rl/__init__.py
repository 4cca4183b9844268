"""Training: GRPO and supervised fine-tuning of models that take text, images, video and audio, with TRL.

Where to start reading:

- ``recipe`` (with ``overrides``, ``data.settings`` and ``weights``) is what a user writes; ``preflight`` checks it.
- ``train`` performs one run and ``curriculum`` several stages; ``run_folder``, ``trainer_config``, ``progress`` and
  ``step_log`` support them.
- ``data.split`` and ``data.rows`` turn question files into prompts; ``data.prepare`` and the converters make such
  files.
- ``trainer`` (GRPO) and ``sft`` subclass TRL's trainers, with ``prompt_prefetch``, ``full_forward`` and
  ``checkpoints``.
- ``rewards`` and ``judge_rewards`` are the rewards, ``reward_registry`` their names; ``judge_calibration`` and
  ``calibrate_judge`` calibrate a judge of empathy.
- ``evaluate``, ``curves``, ``model_card`` and ``run_summary`` report on a run, with the types of ``results``.
- ``tiny`` and ``tiny_herm`` make models and data with which all of it runs on a laptop.
"""
