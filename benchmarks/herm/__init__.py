"""HERM: questions about the people in images (its benchmark), and the engine that makes such data from images.

``suite`` is what the harness sees, ``loading`` reads questions, ``official_score`` is the authors' rule; ``engine``
annotates images. The method is that of "HERM: Benchmarking and Enhancing Multimodal LLMs for Human-Centric
Understanding" (arXiv 2410.06777); none of its code or data is here.
"""
