"""Policies: language and omni models behind one interface, local, remote or scripted."""
