"""Rewards: functions of completions, rewards from a judge, and their names in recipes."""
