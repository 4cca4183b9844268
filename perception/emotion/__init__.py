"""Small heads that this project trains and ships: what a voice and a text carry.

``linear`` is their form, ``voice`` and ``text`` read with them (or with any Hugging Face classifier instead), ``train``
makes them again from the data sets, with the cards beside the files.
"""
