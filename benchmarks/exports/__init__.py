"""Exports: suites as tasks of other harnesses, and runs as logs and data sets of other tools."""
