"""Generation for GRPO in processes of their own, whose environment may be another than the trainer's.

vLLM pins another torch than WhisperX, so both cannot be installed together. A worker gets token ids, and frames and
sound that have been sampled already, and returns ids and log-probabilities; weights reach it as the folder of a LoRA
adapter.

- ``messages``: what is sent, as bytes without pickles.
- ``worker``: the process, ``python -m omnisense.rl.rollouts.worker``; ``transformers_engine`` and ``vllm_engine`` are
  what generates in it.
- ``workers``: the trainer's side, with workers as child processes or as Ray actors; ``generation`` connects them with
  the trainer, and stops it where a worker reads other prompts.
"""
