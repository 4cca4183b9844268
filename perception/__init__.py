"""Perception: a clip becomes three time-aligned streams and one timeline.

Read in this order: ``media`` (what is looked at), ``visual``, ``audio``, ``transcript`` (the three
extractors), ``percepts`` (the types that travel), ``timeline`` (how they are fused), ``perceive`` (all of it,
side by side and cached). Still pictures of several people have a road of their own: ``people`` (who is there, by
annotations, ``coco``, or by models), ``bodies`` (poses in words), ``colours``, ``grounding`` (where is what a phrase
names).
"""
