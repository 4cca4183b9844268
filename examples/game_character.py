"""A game character (or a robot) that talks through the Realtime API: python examples/game_character.py [URL]

Any client of OpenAI's Realtime API can do this: the game's engine sends text or sound, and gets words to speak and
an `omnisense.appraisal` to move its face by. Without a URL a service is started in this process.
"""

import sys
import threading
import time
import urllib.error
import urllib.request

from openai import OpenAI

FACES = {"joy": "smiles", "sadness": "lowers the eyes", "fear": "leans in", "anger": "steps back and nods"}


def start_service():
    """Start a service as `omnisense serve --port 0` does; return its address, and what ends it."""
    from omnisense import Agent, LoopSettings, Persona
    from omnisense.agent.service.server import Server
    from omnisense.agent.service.settings import ServiceSettings

    innkeeper = LoopSettings(persona=Persona(name="Mira the innkeeper", tone="hearty", max_sentences=2))
    server = Server(Agent(memory=None, settings=innkeeper), ServiceSettings(port=0))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)

    def stop():
        server.should_exit = True
        thread.join()

    return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", stop


def wait_until_ready(url, seconds=600):
    """Wait while the service loads its models: a client that connects earlier may time out on a busy machine."""
    end = time.monotonic() + seconds
    while True:
        try:
            return urllib.request.urlopen(f"{url}/readyz").read()
        except urllib.error.HTTPError as error:
            if time.monotonic() > end:
                raise SystemExit(error.read().decode()) from error
        time.sleep(0.2)


url, stop = (sys.argv[1], lambda: None) if len(sys.argv) > 1 else start_service()
wait_until_ready(url)
client = OpenAI(base_url=f"{url}/v1", api_key="none")
with client.realtime.connect(model="omnisense") as connection:
    connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
    for line in ("We won against the dragon!", "But my horse died in the fight."):
        print("player:", line)
        content = [{"type": "input_text", "text": line}]
        connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        connection.response.create()
        for event in connection:
            if event.type == "omnisense.appraisal":
                print(f"  (Mira {FACES.get(event.appraisal['emotion']['value'], 'looks up')})")
            elif event.type == "response.output_text.done":
                print("Mira:", event.text)
            elif event.type == "omnisense.turn_recorded":
                break
            elif event.type == "error":
                raise SystemExit(event.error.message)
stop()
