"""Replies of guided policies: written sentences, chosen by what the person does, feels and talks about.

A model of a few hundred million parameters cannot be trusted with facts, or to keep to what was said. Its replies are
composed here: ``act`` (what the person does with their words) with ``asked`` (which sentence asks for something),
``reading`` (that, with language, valence and manner), ``scenes`` (what the clip shows, in words), ``compose`` with
``telling`` (and ``manners``), ``asking`` (and ``knowing``, ``helping``, ``advising``, ``correcting``) and ``clips``
(how a reply is put together) and ``phrases`` with ``replies.toml`` (its sentences).
``train`` fits the act head on ``phrasings.toml`` and the event heads on ``events.csv``.
"""
