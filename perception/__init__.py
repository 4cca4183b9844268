"""Perception: a clip to three time-aligned streams, one timeline, and a summary of each person.

To read the code, start with ``types`` (streams, events, people) and ``pipeline`` (the three extractors side by side,
joined and cached), then follow a clip:

1. ``media``: open (``clip``), choose frames (``sampling``; ``moments`` finds those in which something happens),
   ``decode``, ``encode``.
2. The visual stream: ``vision.tracking`` (faces, expression, shot cuts) and ``vision.landmarks`` (lips, head pose,
   gaze, bodies) with their networks, ``vision.gestures`` and ``vision.expressions``.
3. The audio stream: ``audio.chunks`` (voice activity), ``audio.diarization``, ``audio.prosody``, ``audio.baselines``
   and ``audio.events``, all used by ``audio.analysis``; ``emotion.voice``.
4. The transcript: ``speech.transcribe`` and ``speech.align``; ``emotion.text``.
5. ``fusion``: who said which words (``speakers``), which face speaks (``active_speaker``), one summary per person
   (``people``), whether the channels agree (``agreement``), the ``timeline``.
6. ``percepts``: the result, with its JSON form. ``settings`` and ``registry``: which models, loaded on first use.
   ``extractors``: channels of your own.

``streaming`` does the same for live audio and frames. ``images`` is for still images of several people: annotated or
detected people, poses, colors, grounding.
"""
