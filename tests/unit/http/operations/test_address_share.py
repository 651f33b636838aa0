"""The share of the most frequent address: never more than it made, and near to it where it made nearly all."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from likes_api import metrics
from likes_api.http.operations.address_share import AddressShare


def noted(addresses: list[str]) -> AddressShare:
    share = AddressShare()
    for address in addresses:
        share.note(address)
    return share


@given(st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]), min_size=1, max_size=500))
def test_count_is_between_its_bounds_whatever_the_order_of_addresses(addresses: list[str]) -> None:
    share = noted(addresses)
    [(_, most)] = Counter(addresses).most_common(1)
    assert share.requests == len(addresses)
    assert max(0, 2 * most - len(addresses)) <= share.of_candidate <= most


def test_share_follows_when_the_proxies_are_put_right() -> None:
    share = noted(["192.0.2.1"] * 10_000)
    assert share.of_candidate == share.requests
    for number in range(4_000):
        share.note(f"192.0.2.{number % 200}")
    assert share.of_candidate < share.requests / 2


def test_metrics_show_what_was_counted_when_enough_has_come() -> None:
    noted(["192.0.2.1"] * 32)
    said = metrics.render().decode()
    assert f"{metrics.ADDRESSED} 32.0" in said
    assert f"{metrics.ONE_ADDRESS} 32.0" in said
    assert "192.0.2" not in said
