"""Vocal and text emotion: small classification heads that ship with OmniSense, or any Hugging Face classifier.

``linear`` is the form of the heads, ``voice`` and ``text`` classify with them, ``train`` trains them again from the
data sets and writes the model cards beside the files.
"""
