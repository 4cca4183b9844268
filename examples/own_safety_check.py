"""A safety check of your own, beside the built-in one."""

from omnisense import Agent, SafetyFinding, ScriptedPolicy


class NoGambling:
    def check_input(self, text):
        reply = "Would you call the gambling helpline with me before you go?"
        return SafetyFinding("gambling", "casino", escalate=True, reply=reply) if "casino" in text else None

    def check_reply(self, reply):
        return "gambling" if "place a bet" in reply else None


agent = Agent(ScriptedPolicy(["I hear you."]), memory=None, safety_checks=[NoGambling()])
print(agent.respond(text="I am going back to the casino.").response)
