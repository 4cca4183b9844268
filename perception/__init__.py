"""Perception: a clip becomes three time-aligned streams, one timeline, and a row for each person.

Read in this order: ``media`` (what is looked at); the three extractors ``visual`` (with ``watching``: lips, heads and
eyes closely), ``audio`` (with ``voices``: who speaks when, and ``sounds``) and ``transcript``; ``heads`` (the tone of
a voice, what words carry); ``percepts`` (the types that travel); ``speaking`` (which face speaks) and ``fusion`` (one
person, one row); ``timeline`` (events in words); ``registry`` (settings and models) and ``perceive`` (all of it, side
by side and cached); ``live`` (the same as it happens). Still pictures of several people have a road of their own:
``people`` (who is there, by annotations, ``coco``, or by models), ``bodies`` (poses in words), ``colours``,
``grounding`` (where is what a phrase names).
"""
