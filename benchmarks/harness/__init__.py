"""The evaluation harness shared by all suites.

Read in this order: ``dataset`` (the questions), ``suite`` (what a benchmark provides), ``prompting`` (how a question is
asked), ``systems`` (the model, agent or baseline under test), ``scorer``, ``worker`` (samples to records), ``records``,
``dispatch`` and ``executors`` (who does the work, and where), ``run_folder`` and ``run``; then ``statistics``,
``figures``, ``summary``, ``charts`` and ``report`` (what it found).
"""
