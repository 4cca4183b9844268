"""Reasoning: from percepts to an answer with its evidence.

Read in this order: ``policy`` (a model behind two verbs) with ``transformers_policy`` and ``chat_model_policy``,
``emotion`` (what is felt, from measured channels), ``state``, ``decide``, ``prompts`` and ``nodes`` (what the loop
carries, how it decides, asks and steps), ``checks`` (what a good reply must pass), ``safety``, and ``graph``, which
ties them together.
"""
