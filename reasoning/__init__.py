"""Reasoning: from percepts to an answer with its evidence.

Read in this order:

- ``policies``: a model behind two methods. ``base`` (the interface) and ``messages`` (prompts); ``transformers`` with
  ``loading``, ``families``, ``encoding``, ``media_inputs``, ``batching``, ``scoring`` and ``rope`` for local models;
  ``gguf`` with ``gguf_engine`` for llama.cpp;
  ``chat_model`` with ``chat_requests``, ``chat_content`` and ``chat_choices`` for services; ``tool_calls``;
  ``scripted`` and ``serve`` for tests; ``load`` (a policy by name).
- ``loop``: the agent's turn. ``appraisal`` and ``conversation`` (the types), ``state``, ``graph``; its nodes in
  ``gates`` (with ``safety``), ``appraiser`` (with ``observations``, ``emotion``, ``words``, ``emotion_lexicon``,
  ``emotion_set``, ``strategies`` and ``decisions``)
  and ``reply`` (with ``guided``, which composes the replies of guided policies, ``prompts``, ``paraphrase`` and
  ``checks``). ``look`` (with ``tools`` and ``retrieval``) looks at a clip again; ``notes`` are facts that were told.
- ``profile``: how a policy is used; ``calibrate`` (with ``calibration_rows`` and ``profile_data``) measures it;
  ``pooling`` fits and applies the weights of what is pooled.
- ``language``: which language a text is in. ``search``: the timeline, and any texts, by meaning.
- ``media``: which frames and which sound of a clip go into a prompt (decoded once: ``policies.media_cache``).
- ``answers``: questions with one correct answer. ``question``, ``parser`` (with ``normalize``,
  ``option_marks``, ``statements``, ``parse_letters``, ``parse_values`` and ``boxes``), ``box_notation``; ``channels``
  (which measurements a question asks for), ``measured`` (what they say, with ``asked``, ``values`` and the
  ``measured_*`` modules), ``evidence``, ``choosing`` and ``answerer``.
"""
