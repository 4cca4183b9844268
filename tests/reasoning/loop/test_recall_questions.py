"""Which messages ask about what was said earlier in the conversation, and which only hold words of memory."""

import pytest

from omnisense.reasoning.loop.conversation import asks_to_recall


@pytest.mark.parametrize(
    "text",
    [
        "And what did I say first?",
        "Do you still remember my dog?",
        "Have you forgotten where I live?",
        "Remind me what we talked about.",
        "Which day did I tell you I'm off?",
        "What was the trick that you told me?",
        "What's my sister's name?",
        "what do i do for a living",
        "Where do I work?",
        "Okay. What was the name I mentioned?",
        "How old is my son again?",
        "Have I told you about the boat?",
        "What did we speak about earlier?",
    ],
)
def test_a_question_about_the_conversation_asks_to_recall(text):
    assert asks_to_recall(text)


@pytest.mark.parametrize(
    "text",
    [
        "Maybe you are right. What could I do on the first day so that I don't forget things?",
        "What do I do if she leaves?",
        "My boss told me off before everybody. What should I answer?",
        "I asked him for a raise, was that wrong?",
        "I forgot her birthday. How do I make up for it?",
        "How can I learn to remember names?",
        "Remind me to ring Anna?",
        "I mentioned it to him twice. Is he angry with me?",
        "The last time was a disaster. Should I cook again?",
        "I said yes and now I regret it, how do I get out of it?",
        "I remember the war.",
    ],
)
def test_a_question_about_anything_else_does_not(text):
    assert not asks_to_recall(text)
