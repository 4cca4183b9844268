"""Try an installed OmniSense as a user would: ``python scripts/smoke_test.py``, with the Python to be tested.

Everything heavy is called once: media readers, face and speech models, the default policy, an evaluation, a step of
training. The working folder is a new one, so that nothing of a checkout is imported. ``make test-matrix`` runs it for
a wheel and an sdist.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STAGES = ("form", "video", "audio", "both")  # each has steps of its own
COMMANDS = (
    "omnisense --version",
    "omnisense models pull default",
    "omnisense demo --no-cache",
    "omnisense schema respond",
    "python -m omnisense.benchmarks.sample_data samples",
    "omnisense eval daily-omni --data samples/daily-omni --baseline random --output runs/random",
    "python -m omnisense.rl.tiny tiny",
    "omnisense train curriculum tiny --output runs/tiny " + " ".join(f"stages.{s}.trainer.max_steps=1" for s in STAGES),
)
IMPORT = "import omnisense; print(omnisense.__file__, [getattr(omnisense, name) for name in omnisense.__all__][:0])"


def main() -> None:
    """Run the commands one after the other.

    Raises:
        SystemExit: one of them failed, or OmniSense comes from a checkout.
    """
    bin_dir = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as folder:
        where = subprocess.run([sys.executable, "-c", IMPORT], cwd=folder, check=True, capture_output=True, text=True)
        if not Path(where.stdout.split()[0]).is_relative_to(sys.prefix):
            raise SystemExit(f"this is not an installation: {where.stdout.split()[0]}")
        for command in COMMANDS:
            program, *arguments = command.split()
            begun = time.monotonic()
            env = os.environ | {"PYTHONPATH": ""}
            done = subprocess.run(
                [bin_dir / program, *arguments], cwd=folder, capture_output=True, text=True, check=False, env=env
            )
            print(f"{time.monotonic() - begun:6.1f} s  exit {done.returncode}  {command}", flush=True)
            if done.returncode:
                raise SystemExit(done.stdout[-2000:] + done.stderr[-4000:])


if __name__ == "__main__":
    main()
