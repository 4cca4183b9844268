"""The command with a baseline that takes its time, so that a kill finds it at work; workers are slow too."""

import time

from omnisense.benchmarks.harness.baselines import Baseline

_answer = Baseline.answer


def _slowly(self, batch):
    time.sleep(0.002 * len(batch))
    return _answer(self, batch)


Baseline.answer = _slowly

if __name__ == "__main__":
    from omnisense.agent.cli.main import main

    main()
