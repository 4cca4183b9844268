"""Metrics in Prometheus' format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest

# LiveKit's names for the parts of a spoken turn; see omnisense.agent.live.
LATENCIES = (
    "transcription_delay",
    "end_of_turn_delay",
    "llm_node_ttft",
    "llm_node_ttfs",
    "tts_node_ttfb",
    "playback_latency",
    "e2e_latency",
)
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Metrics:
    """The service's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("requests", "HTTP requests.", "method", "route", "status")
        self.request_seconds = self._histogram("request_seconds", "Time to the end of the answer.", "route")
        self.turn_seconds = self._histogram("turn_seconds", "Time of a turn, without waiting in the queue.")
        self.running = self._gauge("turns_running", "Turns and perceptions that run.")
        self.waiting = self._gauge("queue_length", "Turns and perceptions that wait.")
        self.sessions = self._gauge("sessions_active", "Live sessions.")
        self.sessions_cut = self._counter("sessions_cut_off", "Live sessions that were cut off.", "reason")
        self.escalations = self._counter("safety_escalations", "Turns that call for a person.", "category")
        self.escalations_failed = self._counter("safety_escalations_failed", "Escalations that reached nobody.")
        self.latencies = {
            name: self._histogram(f"{name}_seconds", "Part of a spoken turn, by LiveKit's name.") for name in LATENCIES
        }

    def render(self) -> bytes:
        """Return all metrics as text."""
        return generate_latest(self.registry)

    def collect(self) -> list[Metric]:
        """Return all metrics as they are now, to be sent elsewhere."""
        return list(self.registry.collect())

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"omnisense_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"omnisense_{name}", text, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"omnisense_{name}", text, labels, registry=self.registry, buckets=_BUCKETS)


def render_together(replicas: Mapping[str, Iterable[Metric]]) -> bytes:
    """Return the metrics of several servers as one text.

    Args:
        replicas: what :meth:`Metrics.collect` returned there, by name; the name becomes the label ``replica``.
    """
    together = CollectorRegistry()
    together.register(_Collected(replicas))
    return generate_latest(together)


class _Collected:
    """Metrics that were collected elsewhere."""

    def __init__(self, replicas: Mapping[str, Iterable[Metric]]) -> None:
        self._replicas = replicas

    def collect(self) -> Iterable[Metric]:
        """Return each metric once, with the samples of all servers."""
        found: dict[str, Metric] = {}
        for name, metrics in self._replicas.items():
            for metric in metrics:
                merged = found.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                merged.samples += [
                    sample._replace(labels={**sample.labels, "replica": name}) for sample in metric.samples
                ]
        return found.values()
