"""Read what ``/metrics`` answers."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Sample = tuple[str, frozenset[tuple[str, str]]]


class Exposition:
    """Prometheus' text format, parsed."""

    def __init__(self, text: str) -> None:
        self._values: dict[Sample, float] = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def total(self, name: str, **labels: str) -> float:
        """Add up the samples of that name that carry these labels, whatever others they have."""
        wanted = labels.items()
        return sum(value for (each, given), value in self._values.items() if each == name and wanted <= set(given))

    def label_values(self, name: str, label: str) -> set[str]:
        """List the values of a label."""
        return {dict(given)[label] for each, given in self._values if each == name}


def difference(after: Exposition, before: Exposition, name: str, labels: Mapping[str, str]) -> float:
    """Return by how much a sum grew."""
    return after.total(name, **labels) - before.total(name, **labels)
