"""The agent as a service: OpenAI's chat and realtime interfaces, resources of its own, and a web page."""
