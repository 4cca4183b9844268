"""How a policy is used by the agent: what it may decide, and how far each source of evidence is trusted beside it.

``omnisense calibrate`` measures a profile on labelled data and writes it to a file. Without one, that of the same model
ships where it is the default, served or as a file too. Else a stated prior is used, by the parameters of the model (by
its weights, or by the name that a service gives it): one that needs guidance, of under a billion, decides little; one
of under two billion leads where something is asked, and where nothing is, the reply is composed; any other leads. A
conversation in which it cannot write what a leading policy writes goes on guided
(:meth:`omnisense.reasoning.loop.state.LoopSettings.is_guided`).
"""

from __future__ import annotations

import functools
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from omnisense import models
from omnisense.errors import InputError, first_problem
from omnisense.files import home_dir, write_atomically
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.model_names import bare_model_name
from omnisense.reasoning.pooling import POLICY_SOURCES, POLICY_WITHOUT_WORDS
from omnisense.text import parse_json

Role = Literal["leads", "only answers", "is guided"]
SHIPPED = Path(__file__).with_name("profiles")
# Stated priors, by decision. A leading policy that is sure moves a decision against any one channel; several channels
# that agree weigh as much as it does. A guided one is heard beside the channels, and has no say where only a table of
# what usually goes with what stands against it.
_OTHER = {"prior": 1.0, "policy": 1.0}
_LEADING: dict[str, dict[str, float]] = {
    "emotion": {"face": 0.5, "words": 0.5, "tone": 0.3, "arousal": 0.2, "policy": 1.0, POLICY_WITHOUT_WORDS: 1.0},
    "answer": {"policy": 1.0},  # it has read what was measured, and decides
}
# Of 36 comments a 1.5B model read the emotion of 25% rightly, the measured words 50%: in the pool it added nothing.
_NO_OPINION = dict.fromkeys(POLICY_SOURCES, 0.0)
# Of 49 unseen messages a blind reader found the composed reply better than that of a 1.5B model in 37, worse in 7.
_ANSWERS_ONLY_BELOW = 2_000_000_000
_GUIDED: dict[str, dict[str, float]] = {
    "emotion": {"face": 0.8, "words": 1.0, "tone": 0.5, "arousal": 0.3, "policy": 0.25, POLICY_WITHOUT_WORDS: 0.0},
    "context": {"prior": 1.0, "policy": 0.0},
    "need": {"prior": 1.0, "policy": 0.0},
    "strategy": {"prior": 1.0, "policy": 0.0},
    "window": {"prior": 1.0, "policy": 0.0},  # which part of a long clip a question is about: the search's prior
    "answer": {
        "tone": 1.0, "expression": 1.0, "text emotion": 0.7, "words": 1.0, "gesture": 0.8, "gaze": 0.8, "speaker": 1.0,
        "people": 1.0, "events": 0.7, "time": 1.0, "policy": 0.3,
    },
}  # fmt: skip


@dataclass(frozen=True)
class PolicyProfile:
    """How a policy is used.

    Attributes:
        policy: its name.
        source: ``measured`` by ``omnisense calibrate``, or the stated ``prior``.
        leads: whether the policy writes the whole appraisal and the reply itself, in one pass. Otherwise it chooses
            among options and continues an opening, and the rules made for small models apply to it.
        weights: by decision (``emotion``, ``need``, ``strategy``, ``answer``, ...) the weight of each channel and of
            the ``policy`` in the log-linear pool; of the emotion also that of a ``policy without words``, where nobody
            said or wrote anything that it reads. A decision that is absent uses the stated prior.
        accuracy: by decision and task, the number of examples ``n`` and the held-out accuracy of the decision as it is
            ``pooled``, of the channels without the policy (``measured``), and of every source alone; the
            ``difference`` of the pool to the best of these, its 95% interval from ``low`` to ``high``, and the ``p`` of
            McNemar's exact test (:func:`omnisense.reasoning.judged_pool.compare_right`). Empty in a prior.
        description: what it was measured on, and how.
        examples: by decision, how many labelled examples each source took part in. A weight whose source has none is
            the stated prior. So are all of a decision without labels: ``context``, ``need`` and ``strategy``, for which
            no free set of labels is known.
        answers_only: whether a policy that leads writes only where something is asked. Where the person tells
            something, the reply is composed, as for a guided policy.
    """

    policy: str
    source: Literal["measured", "prior"] = "prior"
    leads: bool = True
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    accuracy: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    description: str = ""
    examples: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    answers_only: bool = False

    @property
    def role(self) -> Role:
        """What the policy does, in words."""
        return "is guided" if not self.leads else "only answers" if self.answers_only else "leads"

    def weights_of(self, decision: str) -> dict[str, float]:
        """Return the weight of each source in the pool of a decision: as measured, else the stated prior."""
        return {**self._prior_of(decision), **self.weights.get(decision, {})}

    def weights_without_policy(self, decision: str) -> dict[str, float]:
        """Return the weight of each source where the policy's choice cannot be read: as beside a guided policy."""
        return {**_GUIDED.get(decision, _OTHER), **self.weights.get(decision, {}), **dict.fromkeys(POLICY_SOURCES, 0.0)}

    def stated_weights(self, decision: str) -> dict[str, float]:
        """Return the weights of a decision that are stated priors, since no labelled example told of their source."""
        seen, weights = self.examples.get(decision), self.weights_of(decision)
        if seen is None:  # a prior, or measured before examples were counted: what differs from the prior was fitted
            prior = self._prior_of(decision)
            return {name: weight for name, weight in weights.items() if prior.get(name) == weight}
        return {name: weight for name, weight in weights.items() if not seen.get(name)}

    def _prior_of(self, decision: str) -> dict[str, float]:
        if self.answers_only and decision == "emotion":
            return {**_GUIDED[decision], **_NO_OPINION}
        return (_LEADING if self.leads else _GUIDED).get(decision, _OTHER)

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as plain JSON-ready values."""
        return asdict(self)

    def save(self, path: str | Path) -> None:
        """Write the profile as JSON.

        Raises:
            OSError: it cannot be written.
        """
        write_atomically(Path(path), json.dumps(self.to_dict(), indent=2) + "\n")

    @classmethod
    def from_file(cls, path: str | Path) -> PolicyProfile:
        """Read a profile.

        Raises:
            InputError: the file cannot be read, or is no profile.
        """
        from pydantic import TypeAdapter, ValidationError

        try:
            profile = cls(**parse_json(Path(path).read_text("utf-8")))
            profile = TypeAdapter(cls).validate_python(asdict(profile))
            if not all(0 <= weight < math.inf for weights in profile.weights.values() for weight in weights.values()):
                raise ValueError("a weight is not 0 or more")
        except (OSError, ValueError, TypeError) as error:
            reason = first_problem(error) if isinstance(error, ValidationError) else error
            raise InputError(
                f"the profile cannot be read ({reason})", "Make it again with omnisense calibrate.", path
            ) from error
        return profile


def profile_file(policy_name: str) -> str:
    """Return the name of the file that holds a policy's profile."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in policy_name).strip(".") + ".json"


def profile_of(policy: Policy) -> PolicyProfile:
    """Return a policy's profile: the user's, else the one that ships for it, else for the same model, else the prior.

    Raises:
        InputError: its file cannot be read.
    """
    name = profile_file(policy.name)
    for path in (os.path.join(home_dir(), "profiles", name), os.path.join(SHIPPED, name)):
        try:
            written_ns = os.stat(path).st_mtime_ns
        except OSError:
            continue
        return _read_profile(path, written_ns)
    same = _shipped().get(bare_model_name(policy.name))
    if same is not None:
        return replace(_read_profile(str(same), same.stat().st_mtime_ns), policy=policy.name)
    parameters = getattr(policy, "parameters", None)
    is_weak = parameters is not None and parameters < _ANSWERS_ONLY_BELOW
    return PolicyProfile(policy.name, leads=(leads := not policy.needs_guidance), answers_only=leads and is_weak)


@functools.cache
def _shipped() -> dict[str, Path]:
    """Return the files of the profiles that ship, by the bare name of the model; not those of a model with an adapter.

    Those are of the adapter, too: the same model elsewhere does not have it.
    """
    stems = {file.stem: file for file in SHIPPED.glob("*.json")}
    return {bare_model_name(stem): file for stem, file in stems.items() if stem in models.list_models()}


@functools.lru_cache(maxsize=16)  # several decisions of each turn ask for it
def _read_profile(path: str, written_ns: int) -> PolicyProfile:
    """Read a profile once for each time that it was written."""
    return PolicyProfile.from_file(path)
