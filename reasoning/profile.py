"""How a policy is used by the agent: what it may decide, and how far each source of evidence is trusted beside it.

``omnisense calibrate`` measures a profile on labelled data and writes it to a file. Without one, a stated prior is
used: a model that needs guidance decides little, any other leads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from omnisense.errors import InputError
from omnisense.files import home_dir
from omnisense.reasoning.policies.base import Policy

SHIPPED = Path(__file__).with_name("profiles")


@dataclass(frozen=True)
class PolicyProfile:
    """How a policy is used.

    Attributes:
        policy: its name.
        source: ``measured`` by ``omnisense calibrate``, or the stated ``prior``.
        leads: whether the policy writes the whole appraisal and the reply itself, in one pass. Otherwise it chooses
            among options and continues an opening, and the rules made for small models apply to it.
        weights: by decision (``emotion``, ``need``, ``strategy``, ``answer``, ...) the weight of each channel and of
            the ``policy`` in the log-linear pool. A decision that is absent uses the stated prior.
        accuracy: by decision, held-out accuracy of the pooled decision, of the policy alone, and of the best single
            channel; empty in a prior.
    """

    policy: str
    source: Literal["measured", "prior"] = "prior"
    leads: bool = True
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    accuracy: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def save(self, path: str | Path) -> None:
        """Write the profile as JSON."""
        Path(path).write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")

    @classmethod
    def from_file(cls, path: str | Path) -> PolicyProfile:
        """Read a profile.

        Raises:
            InputError: the file cannot be read, or is no profile.
        """
        try:
            return cls(**json.loads(Path(path).read_text("utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"the profile cannot be read ({error})", "Make it again with omnisense calibrate.", path
            ) from error


def profile_file(policy_name: str) -> str:
    """Return the name of the file that holds a policy's profile."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in policy_name).strip(".") + ".json"


def profile_of(policy: Policy) -> PolicyProfile:
    """Return a policy's profile: the user's, else the one that ships, else the prior.

    Raises:
        InputError: its file cannot be read.
    """
    for folder in (home_dir() / "profiles", SHIPPED):
        path = folder / profile_file(policy.name)
        if path.is_file():
            return PolicyProfile.from_file(path)
    return PolicyProfile(policy.name, leads=not policy.needs_guidance)
