"""The results as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omnisense.benchmarks.agent.questions import AGENT, CHOSEN, SYSTEMS, WRITTEN, Answered, by_system
from omnisense.benchmarks.agent.replies import (
    CRITERIA,
    Input,
    RecordedReply,
    echoes,
    mean_judgements,
    still_given,
)
from omnisense.benchmarks.agent.shapes import shape_counts
from omnisense.benchmarks.harness.statistics import Accuracies, Comparison, Estimate, compare

_SIGNIFICANT = 0.05
_MEASURABLE_S = 0.001  # a scripted policy takes no time to speak of
QUESTIONS_NOTE = (
    "Each question is put to these systems one after the other: the policy alone, which writes its answer or, where "
    "it has likelihoods, takes the likeliest; and the agent around it. All write at temperature 0, at most 64 tokens. "
    "The policy alone gets the media that it takes; of sound that it does not take it gets the transcript, by the "
    "speech recognition that the agent uses; of pictures that it does not take, nothing. Scores with 95% bootstrap "
    "intervals; differences are paired by question, with the p-value of a sign-flip permutation test (McNemar's exact "
    "test where scores are 0 or 1). A row says `worse` where p < 0.05 against either bare system, and `better` where "
    "p < 0.05 against each of them; one in twenty such comparisons would be significant by chance. "
    "Whoever speaks in a question about a voice (EmoDB) is heard by a tone head that was trained without that speaker; "
    "constants of perception were chosen with some of EmoDB's speakers and the seven of GRID "
    "(`perception/fitted_on.toml`). The text emotion heads and the adapter were trained on GoEmotions' training "
    "comments; questions are about its dev comments. Tokens are counted at four characters each, without media; "
    "seconds are without perception, whose results are cached."
)
COST_NOTE = (
    "Medians over turns of text, and over conversations of three turns. A plain call is a system message of one "
    "sentence and the text; what it took is read off where its reply is as long as the agent's. Seconds on the clock "
    "suffer from other work on the machine, CPU seconds do not; modelled seconds are those of a model that reads 500 "
    "and writes 15 tokens a second, without a prefix cache. Read and written tokens are counted at four characters "
    "each, with what a cache holds; `tokens read anew` and `tokens written` are those that a GGUF model has processed "
    "itself. Turns, then plain calls, are measured one after the other, so that a policy that keeps its cache finds "
    "the beginning of its prompt there. Each text is given once: its own tokens are read by both."
)
REPLIES_NOTE = (
    "A shape is a reply without quotations, numbers, feelings and the person's own words. Proxies are counted by a "
    "program and say nothing of how good a reply is; judgements are made by reading, on the sheet."
)
_ALL = "all"


@dataclass(frozen=True)
class Difference:
    """The agent against its bare policy on one task, or on all of them.

    Attributes:
        policy, task: of which.
        scores: mean score of each system, with its 95% interval.
        against: the agent's scores minus each bare system's, paired by question.
    """

    policy: str
    task: str
    scores: Mapping[str, Estimate]
    against: Mapping[str, Comparison]

    @property
    def verdict(self) -> str:
        """``worse`` than a bare system or ``better`` than all of them, significantly; else ``as good``."""
        known = [c for c in self.against.values() if c.difference.mean is not None]
        signs = [(c.difference.mean or 0.0) * (c.p_value < _SIGNIFICANT) for c in known]
        if any(sign < 0 for sign in signs):
            return "worse"
        return "better" if signs and all(sign > 0 for sign in signs) else "as good"


def differences(answers: Sequence[Answered]) -> list[Difference]:
    """Compare the agent with its bare policy: by policy and task, then over all tasks of a policy."""
    found = []
    for policy in dict.fromkeys(entry.policy for entry in answers):
        own = [entry for entry in answers if entry.policy == policy]
        for task in [*sorted({entry.task for entry in own}), _ALL]:
            chosen = [entry for entry in own if task in (_ALL, entry.task)]
            found.append(_difference(policy, task, chosen))
    return found


def _difference(policy: str, task: str, answers: Sequence[Answered]) -> Difference:
    systems = by_system(answers)
    tasks = {entry.id: entry.task for entry in answers}
    scores = {name: {key: entry.score for key, entry in found.items()} for name, found in systems.items()}
    estimates = {}
    for name in SYSTEMS:
        by_task: dict[str, list[float]] = {}
        for key, value in scores[name].items():
            by_task.setdefault(tasks[key], []).append(value)
        estimates[name] = Accuracies(by_task).micro()
    against = {name: compare(scores[name], scores[AGENT]) for name in (WRITTEN, CHOSEN)}
    return Difference(policy, task, estimates, against)


def questions_table(answers: Sequence[Answered]) -> list[str]:
    """Return the table of scores, then the table of costs."""
    lines = [
        "| policy | task | n | bare, written | bare, chosen | agent | agent - written | agent - chosen | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in differences(answers):
        cells = [_score(row.scores[name]) for name in SYSTEMS] + [
            _comparison(row.against[name]) for name in (WRITTEN, CHOSEN)
        ]
        lines.append(f"| {row.policy} | {row.task} | {row.scores[AGENT].n} | {' | '.join(cells)} | {row.verdict} |")
    lines += ["", *_measured_when(answers)]
    lines += ["", "| policy | system | calls | prompts | tokens read | tokens written | seconds | failed |",
              "| --- | --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for policy in dict.fromkeys(entry.policy for entry in answers):
        for system, found in by_system(e for e in answers if e.policy == policy).items():
            entries = list(found.values())
            if entries:
                means = [statistics.fmean(getattr(e, name) for e in entries) for name in ("calls", "prompts", "read",
                         "written", "seconds")]  # fmt: skip
                failed = sum(bool(e.error) for e in entries)
                lines.append(f"| {policy} | {system} | {means[0]:.1f} | {means[1]:.1f} | {means[2]:.0f} | "
                             f"{means[3]:.0f} | {means[4]:.2f} | {failed} |")  # fmt: skip
    return lines


def _measured_when(answers: Sequence[Answered]) -> list[str]:
    """Return a table of the versions that answered, and of what else ran on the machine meanwhile."""
    lines = ["| policy | questions | version | load, median |", "| --- | --- | --- | --- |"]
    for policy in dict.fromkeys(entry.policy for entry in answers):
        own = [entry for entry in answers if entry.policy == policy]
        versions = ", ".join(sorted({entry.version or "not recorded" for entry in own}))
        load = statistics.median(entry.load for entry in own)
        lines.append(f"| {policy} | {len({entry.id for entry in own})} | {versions} | {load:.1f} |")
    return lines


def before_table(before: Sequence[Answered], now: Sequence[Answered]) -> list[str]:
    """Return the agent of an earlier run beside this one's, on the questions that both answered; empty without one.

    A policy is compared with the one of the same name, adapter included; where the earlier run has none, with its
    model without an adapter.
    """
    lines: list[str] = []
    for policy in dict.fromkeys(entry.policy for entry in now):
        earlier = _agent_of(before, policy) or _agent_of(before, policy.partition("+")[0])
        pair = [earlier, _agent_of(now, policy)]
        shared = sorted(pair[0].keys() & pair[1].keys())
        for task in [*sorted({pair[1][key].task for key in shared}), _ALL] if shared else []:
            keys = [key for key in shared if task in (_ALL, pair[1][key].task)]
            scores = [{key: found[key].score for key in keys} for found in pair]
            found = compare(scores[0], scores[1])
            means = [statistics.fmean(values.values()) for values in scores]
            lines.append(
                f"| {policy} | {task} | {len(keys)} | {means[0]:.2f} | {means[1]:.2f} | {_comparison(found)} |"
            )
    head = [
        "",
        "| policy | task | n | agent before | agent now | difference |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    return [*head, *lines] if lines else []


def _agent_of(answers: Sequence[Answered], policy: str) -> dict[str, Answered]:
    """Return the answers of the agent around a policy by question."""
    return {entry.id: entry for entry in answers if entry.system == AGENT and entry.policy == policy}


def _score(estimate: Estimate) -> str:
    if estimate.mean is None:
        return ""
    return f"{estimate.mean:.2f} ({estimate.low:.2f}-{estimate.high:.2f})"


def _comparison(found: Comparison) -> str:
    difference = found.difference
    if difference.mean is None:
        return ""
    return f"{difference.mean:+.2f} ({difference.low:+.2f} to {difference.high:+.2f}), p {found.p_value:.3f}"


# --- cost -------------------------------------------------------------------------------------------------------------


def cost_tables(cost: Mapping[str, Any]) -> list[str]:
    """Return the tables of what a turn costs, of the parts that were measured."""
    lines: list[str] = []
    for name, title in (("plain", "one plain call of the same reply length"), ("commit", "the earlier commit")):
        for policy, figures in cost.get(name, {}).items():
            other = "plain call" if name == "plain" else "commit"
            ours = "agent" if name == "plain" else "now"
            what = f"{policy}, {figures['turns']} turns, beside {title}" + (
                f" {figures['commit']}" if name == "commit" else ""
            )
            lines += ["", f"| {what} | agent | {other} | ratio |", "| --- | --- | --- | --- |"]
            for key, found in figures.items():
                if isinstance(found, dict) and (found[other] > _MEASURABLE_S or not key.endswith("seconds")):
                    ratio = "" if found["ratio"] is None else f"{found['ratio']:.2f}"
                    lines.append(f"| {key} | {found[ours]:.2f} | {found[other]:.2f} | {ratio} |")
    if overhead := cost.get("overhead"):
        lines += ["", "| a turn without the model's time | ms |", "| --- | --- |"]
        for key, value in overhead.items():
            lines.append(f"| {key.removesuffix(' ms')} | {value['clock']:.2f} (CPU {value['cpu']:.2f}) |")
    return lines


# --- replies ----------------------------------------------------------------------------------------------------------


def reply_sections(
    inputs: Sequence[Input],
    versions: Mapping[str, Mapping[str, RecordedReply]],
    judged: Sequence[Mapping[str, Any]],
    page: str,
) -> list[str]:
    """Return statistics of the replies and what was judged of them.

    Args:
        inputs: the inputs.
        versions: replies by input, by the version's name.
        judged: judgements; those of replies that have changed since are left out, and counted.
        page: the name of the file with all replies.
    """
    current = still_given(judged, versions)
    changed = len(judged) - len(current)
    lines = [*reply_statistics(inputs, versions), "", f"All replies: [{page}]({page}). {REPLIES_NOTE}"]
    if changed:
        lines.append(f"{changed} of {len(judged)} judged replies have changed since, and do not count below.")
    return [*lines, *(["", *judgement_table(current)] if current else [])]


def reply_statistics(inputs: Sequence[Input], versions: Mapping[str, Mapping[str, RecordedReply]]) -> list[str]:
    """Return a table of shapes, authors, costs and proxies, a column for each version."""
    by_id = {i.id: i for i in inputs}
    columns = {}
    for version, replies in versions.items():
        for split in (_ALL, "held-out"):
            found = [replies[i.id] for i in inputs if i.id in replies and split in (_ALL, i.split)]
            columns[f"{version}, {split}"] = _statistics(found, by_id)
    head = [f"| | {' | '.join(columns)} |", "| --- |" + " --- |" * len(columns)]
    names = dict.fromkeys(name for column in columns.values() for name in column)
    return head + [f"| {name} | {' | '.join(column.get(name, '') for column in columns.values())} |" for name in names]


def _statistics(found: Sequence[RecordedReply], inputs: Mapping[str, Input]) -> dict[str, str]:
    given = [reply for reply in found if reply.reply]
    if not given:
        return {"replies": "0", "failed": str(len(found))}
    distinct, largest = shape_counts([reply.shape for reply in given if reply.written_by != "safety gate"])
    authors = {reply.written_by: sum(r.written_by == reply.written_by for r in given) for reply in given}
    echoed = [echoes(r.reply, " ".join([r.heard, inputs[r.id].text])) for r in given]
    return {
        "replies": str(len(given)),
        "failed": str(len(found) - len(given)),
        "distinct shapes": str(distinct),
        "largest share of one shape": f"{largest:.2f}",
        "written by": ", ".join(f"{name or 'unknown'} {n}" for name, n in sorted(authors.items())),
        "seconds, median": _median(r.seconds for r in found),
        "tokens, median": _median(r.tokens for r in found),
        "prompts, median": _median(r.prompts for r in found),
        "words, median": _median(len(r.reply.split()) for r in given),
        "end with a question (proxy)": f"{statistics.fmean(r.reply.endswith('?') for r in given):.2f}",
        "repeat five words in a row (proxy)": f"{statistics.fmean(echoed):.2f}",
    }


def _median(values: Any) -> str:
    found = list(values)
    return f"{statistics.median(found):.1f}" if any(found) else "none or not recorded"


def judgement_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the mean points (0 to 2) by class and version."""
    if not rows:
        return []
    names = [name.replace("_", " ") for name in CRITERIA]
    lines = [f"| class | version | {' | '.join(names)} |", "| --- | --- |" + " --- |" * len(names)]
    for (kind, version), means in sorted(mean_judgements(rows).items()):
        cells = [f"{means[name]:.2f}" if name in means else "" for name in CRITERIA]
        lines.append(f"| {kind} | {version} | {' | '.join(cells)} |")
    return lines


def reply_pages(inputs: Sequence[Input], versions: Mapping[str, Mapping[str, RecordedReply]]) -> list[str]:
    """Return all replies by class, those of different versions beside each other."""
    lines: list[str] = []
    for kind in dict.fromkeys(i.kind for i in inputs):
        lines += ["", f"## {kind}", "", f"| input | {' | '.join(versions)} |", "| --- |" + " --- |" * len(versions)]
        for asked in (i for i in inputs if i.kind == kind):
            shown = [_cell(replies[asked.id]) if asked.id in replies else "" for replies in versions.values()]
            said = " / ".join([*asked.history, asked.text or "(no text)"]) + (f" [{asked.clip}]" if asked.clip else "")
            lines.append(f"| {_escaped(said)} | {' | '.join(shown)} |")
    return lines


def _cell(reply: RecordedReply) -> str:
    return _escaped(reply.reply or f"(failed: {reply.error})") + (
        f" *({reply.written_by})*" if reply.written_by else ""
    )


def _escaped(text: str, most: int = 300) -> str:
    plain = " ".join(text.split()).replace("|", "\\|")
    return plain if len(plain) <= most else plain[:most] + " ..."
