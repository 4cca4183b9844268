"""HERM: questions about the people in pictures (its benchmark), and the engine that makes such data from pictures.

``data`` reads questions, ``layout`` puts figures together. ``annotate`` turns pictures into annotations by way of
``facts``, ``refer``, ``texts`` and ``captioner``; ``questions`` makes questions and training rows of those, ``viewer``
shows them. The method is that of "HERM: Benchmarking and Enhancing Multimodal LLMs for Human-Centric
Understanding" (arXiv 2410.06777); none of its code or data is here.
"""
