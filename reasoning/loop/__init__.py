"""The agent's loop: appraise a person's emotion and need, then write and check a reply."""
