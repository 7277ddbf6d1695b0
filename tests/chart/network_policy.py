"""Which connections NetworkPolicies allow, by the rules of the API: no policy allows all, policies add up, and both
ends must agree.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.chart.rendering import Object

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Peer:
    """One end of a connection: a pod with labels in a namespace with labels, or an address outside."""

    labels: Labels = field(default_factory=dict)
    namespace: str = "texts"
    address: str | None = None

    @property
    def namespace_labels(self) -> Labels:
        return {"kubernetes.io/metadata.name": self.namespace}


def allows(policies: Iterable[Object], source: Peer, destination: Peer, *, port: int, protocol: str = "TCP") -> bool:
    """Whether `source` may open a connection to `port` of `destination`."""
    policies = list(policies)
    return _side_allows(policies, source, destination, port, protocol, side="egress") and _side_allows(
        policies, destination, source, port, protocol, side="ingress"
    )


def _side_allows(policies: list[Object], owner: Peer, other: Peer, port: int, protocol: str, *, side: str) -> bool:
    if owner.address is not None:
        return True
    applying = [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == owner.namespace
        and side.capitalize() in policy["spec"]["policyTypes"]
        and _selects(policy["spec"]["podSelector"], owner.labels)
    ]
    rules = [rule for policy in applying for rule in policy["spec"].get(side) or []]
    peers_key = "to" if side == "egress" else "from"
    return not applying or any(
        _has_port(rule.get("ports"), port, protocol) and _has_peer(rule.get(peers_key), other, owner.namespace)
        for rule in rules
    )


def _has_port(ports: list[Object] | None, port: int, protocol: str) -> bool:
    return ports is None or any(each.get("protocol", "TCP") == protocol and int(each["port"]) == port for each in ports)


def _has_peer(peers: list[Object] | None, other: Peer, own_namespace: str) -> bool:
    return peers is None or any(_is_peer(peer, other, own_namespace) for peer in peers)


def _is_peer(peer: Object, other: Peer, own_namespace: str) -> bool:
    if block := peer.get("ipBlock"):
        return other.address is not None and _in_block(block, other.address)
    if other.address is not None:
        return False
    if "namespaceSelector" in peer:
        if not _selects(peer["namespaceSelector"], other.namespace_labels):
            return False
    elif other.namespace != own_namespace:
        return False
    return _selects(peer.get("podSelector", {}), other.labels)


def _in_block(block: Object, address: str) -> bool:
    ip = ipaddress.ip_address(address)

    def is_in(network: str) -> bool:
        return ip in ipaddress.ip_network(network)

    return is_in(block["cidr"]) and not any(map(is_in, block.get("except", [])))


def _selects(selector: Object, labels: Labels) -> bool:
    wanted: Labels = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()
