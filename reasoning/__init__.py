"""Reasoning: from percepts to an answer with its evidence.

Read in this order: ``policy`` (a model behind two verbs) with ``transformers_policy``, ``encoding`` (from prompts with
media to tensors) and ``chat_model_policy``; ``emotion`` (what is felt, from measured channels), ``state``, ``decide``,
``prompts`` and ``nodes`` (what the loop carries, how it decides, asks and steps), ``checks`` (what a good reply must
pass), ``safety``, and ``graph``, which ties them together. Questions with one right answer have a road of their own:
``question``, ``answer`` (what a reply says), ``measured`` (what perception itself says to it) and ``answer_graph``.
"""
