"""`GET /metrics`: what the receiver counted, and what the store tells; for app.web only.

Counts are of this process. With several web processes each answers for itself, so let the scraper add up.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import structlog
from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from app.errors import RelayError
from app.events import Admission
from app.web.answer import FIXED_HEADERS

ANSWERS = ("200", "400", "401", "404", "408", "413", "503")
FATES = ("accepted", "duplicates", "ignored", "quarantined")
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reading:
    """One number of the store: `name` without prefix (`open`), labels by name (`{"kind": "sale"}`)."""

    name: str
    meaning: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


StoreReadings = Callable[[], Iterable[Reading]]


class StoreCollector(Collector):
    """Asks the store at scraping time. A store that is down costs its own numbers, not the page."""

    def __init__(self, readings: StoreReadings) -> None:
        self._readings = readings

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the store."""
        return []

    def collect(self) -> Iterator[Metric]:
        """One gauge a name, and `relay_store_up`."""
        try:
            readings = list(self._readings())
        except RelayError as error:
            log.warning("metrics.store_unreadable", error=type(error).__name__)
            yield GaugeMetricFamily("relay_store_up", "1 when the store answered", value=0)
            return
        yield GaugeMetricFamily("relay_store_up", "1 when the store answered", value=1)
        yield from _families(readings)


def _families(readings: Iterable[Reading]) -> Iterable[Metric]:
    families: dict[str, GaugeMetricFamily] = {}
    for reading in readings:
        family = families.get(reading.name)
        if family is None:
            names = list(reading.labels)
            family = GaugeMetricFamily(f"relay_{reading.name}", reading.meaning, labels=names)
            families[reading.name] = family
        family.add_metric(list(reading.labels.values()), reading.value)
    return families.values()


class Meters:
    """The receiver's own counters. Labels are looked up once: that costs more than counting."""

    def __init__(self, readings: StoreReadings | None = None) -> None:
        self.registry = CollectorRegistry()
        deliveries = Counter("relay_deliveries", "Deliveries by answer", ["answer"], registry=self.registry)
        events = Counter("relay_events", "Events by fate", ["fate"], registry=self.registry)
        self._seconds = Histogram(
            "relay_delivery_seconds",
            "Seconds from request to answer",
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._answers = {int(status): deliveries.labels(status) for status in ANSWERS}
        self._fates = [(fate, events.labels(fate)) for fate in FATES]
        if readings is not None:
            self.registry.register(StoreCollector(readings))

    def delivered(self, status: int, seconds: float) -> None:
        """One delivery was answered."""
        self._answers[status].inc()
        self._seconds.observe(seconds)

    def admitted(self, admission: Admission) -> None:
        """The store took these events."""
        for fate, counter in self._fates:
            if count := getattr(admission, fate):
                counter.inc(count)


def blueprint(meters: Meters) -> Blueprint:
    """The page. It is open: it holds counts and no names of persons."""
    pages = Blueprint("metrics", __name__)
    headers = [("Content-Type", CONTENT_TYPE_LATEST), *FIXED_HEADERS[1:]]

    @pages.get("/metrics")
    def metrics() -> Response:
        return Response([generate_latest(meters.registry)], 200, headers)

    return pages
