"""How the options of a choice are written, and how their likelihoods are compared."""
