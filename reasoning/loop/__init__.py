"""The conversational loop: appraisal, strategy, reply, self-check and safety."""
