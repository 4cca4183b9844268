"""A companion in the terminal: it remembers what was said, and shows why it says what it says.

python examples/companion.py, and write to it; Ctrl-D ends. What is kept can be forgotten: omnisense forget --all.
"""

import sys
import tempfile
from pathlib import Path

from omnisense import Agent, LoopSettings, Persona

persona = Persona(name="Ada", tone="warm and calm", max_sentences=3)
memory = Path(tempfile.mkdtemp()) / "conversation.sqlite"  # keep it elsewhere to go on tomorrow
with Agent(memory=memory, settings=LoopSettings(persona=persona)) as agent:
    print("I am Ada, a program. What is on your mind?")
    for line in sys.stdin:
        answer = agent.respond(text=line.strip(), thread_id="me")
        print(answer.response)
        felt = answer.appraisal.emotion
        print(f"  [{felt.value}; next: {answer.appraisal.strategy.value}]", file=sys.stderr)
        if answer.safety.escalate:  # somebody may be in danger: a real application brings in a person here
            print("  [a person should read this]", file=sys.stderr)
    print("What I kept:", [note.text for note in agent.notes("me")])
