"""Speech of the agent: voices, how a reply is spoken, and which words of it were heard."""
