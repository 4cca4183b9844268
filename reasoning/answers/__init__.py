"""Questions and answers: formatting a question, parsing a reply, answering from perception."""
