"""Train the shipped heads again from the data sets, and write their model cards.

    python -m omnisense.perception.emotion.train voice EMODB [OUTPUT]        # ten minutes on one core
    python -m omnisense.perception.emotion.train text GOEMOTIONS CASINO [OUTPUT]    # ten minutes on one core
    python -m omnisense.perception.emotion.train spoken GOEMOTIONS CASINO [OUTPUT]    # two; after `text`

EMODB is a folder with ``labels.csv`` (file, speaker, emotion) and the audio files; GOEMOTIONS one with ``train.tsv.gz``
and ``dev.tsv.gz`` (text, label numbers, id) and ``labels.txt``; CASINO one with
``casino_train.json.gz``. Without OUTPUT the files of the package are replaced.
Everything is seeded: the same data give the same head and the same figures.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from omnisense.errors import OmniSenseError
from omnisense.perception.emotion.train_spoken import train_spoken
from omnisense.perception.emotion.train_text import train_text
from omnisense.perception.emotion.train_voice import train_voice

_HERE = Path(__file__).parent
_SETS = {"voice": 1, "text": 2, "spoken": 2}  # folders of data


def main(arguments: list[str]) -> int:
    """Run the command in the module's docstring; return its exit code."""
    which, folders = arguments[:1], [Path(argument) for argument in arguments[1:]]
    if not which or which[0] not in _SETS or len(folders) - _SETS[which[0]] not in (0, 1):
        print(__doc__, file=sys.stderr)
        return 2
    output = folders[-1] if len(folders) > _SETS[which[0]] else _HERE
    try:
        output.mkdir(parents=True, exist_ok=True)
        if which[0] == "voice":
            figures = train_voice(folders[0], output)
        else:
            train = train_text if which[0] == "text" else train_spoken
            figures = train(folders[0], folders[1], output)
        print(json.dumps(figures, indent=1))
    except OmniSenseError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
