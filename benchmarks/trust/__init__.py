"""Whether the toolkit can be trusted: attacks, damaged files, kills, memory. See ``__main__``."""
