"""Who may speak to whom: every pair of the release and its surroundings, against one table."""

from collections.abc import Mapping

import pytest

from tests.chart.network_policy import Peer, allows
from tests.chart.rendering import RELEASE, SHAPES, Object, of_kind, render, render_shape

PORTS = {
    "webhook-ingress": 8080,
    "console": 8081,
    "flower": 5555,
    "provider-simulator": 8090,
    "postgresql": 5432,
    "valkey": 6379,
    "jaeger": 4318,
}
QUERY = 16686
WORKERS = ("campaign-worker", "webhook-worker", "operations-worker")
COMPONENTS = (*PORTS, *WORKERS, "beat", "migrate", "test")
OF_THE_RELEASE = ("webhook-ingress", "console", *WORKERS, "beat")
INSIDE: Mapping[str, tuple[str, ...]] = {
    "postgresql": (*OF_THE_RELEASE, "migrate", "test"),
    "valkey": (*OF_THE_RELEASE, "flower", "test", "keda"),
    "jaeger": OF_THE_RELEASE,
    "webhook-ingress": ("provider-simulator", "operations-worker", "test"),
    "console": ("test",),
    "provider-simulator": ("console", "campaign-worker", "operations-worker", "test"),
    "flower": (),
}
NEIGHBOURS = {
    "keda": Peer({"app": "keda-operator"}, namespace="keda"),
    "keda's neighbour": Peer({"app": "other"}, namespace="keda"),
    "ingress controller": Peer({"app": "controller"}, namespace="ingress-nginx"),
    "stranger": Peer({"app": "stranger"}, namespace="elsewhere"),
    "stranger beside us": Peer({"app": "stranger"}),
}
PROVIDER = Peer(address="198.51.100.7")
METADATA = Peer(address="169.254.169.254")
PRIVATE = Peer(address="10.1.2.3")
DNS = Peer({"k8s-app": "kube-dns"}, namespace="kube-system")


def component(name: str, release: str = RELEASE) -> Peer:
    return Peer(
        {
            "app.kubernetes.io/name": "attackacrack",
            "app.kubernetes.io/instance": release,
            "app.kubernetes.io/component": name,
        }
    )


def peer(name: str) -> Peer:
    return NEIGHBOURS.get(name) or component(name)


def policies_of(shape: str) -> list[Object]:
    return of_kind(render_shape(shape), "NetworkPolicy")


def allowed_pairs(policies: list[Object]) -> set[tuple[str, str, int]]:
    return {
        (source, destination, port)
        for destination, port in (*PORTS.items(), ("jaeger", QUERY))
        for source in (*COMPONENTS, *NEIGHBOURS)
        if source != destination and allows(policies, peer(source), peer(destination), port=port)
    }


EXPECTED = {(source, destination, PORTS[destination]) for destination, sources in INSIDE.items() for source in sources}
EXPECTED |= {("console", "jaeger", QUERY)}


class TestInside:
    def test_the_table_is_what_is_allowed(self) -> None:
        assert allowed_pairs(policies_of("default")) == EXPECTED

    def test_each_rule_is_needed(self) -> None:
        """Whatever is taken away, some connection of the table is missing; but the console's, which is for people."""
        policies = policies_of("default")
        for policy in policies:
            for side in ("ingress", "egress"):
                for index in range(len(policy["spec"].get(side) or [])):
                    rule = policy["spec"][side].pop(index)
                    is_outside = not [to for to in rule.get("to", rule.get("from", [])) if "podSelector" in to]
                    is_dns = {"protocol": "UDP", "port": 53} in rule["ports"]
                    if not is_outside and not is_dns:
                        assert allowed_pairs(policies) < EXPECTED, (policy["metadata"]["name"], rule)
                    policy["spec"][side].insert(index, rule)

    def test_another_release_is_a_stranger(self) -> None:
        policies = policies_of("default") + of_kind(render(release="attackacrack-2"), "NetworkPolicy")
        for destination, port in PORTS.items():
            source = component("test", release="attackacrack-2")
            assert not allows(policies, source, component(destination), port=port)

    @pytest.mark.parametrize("port", [22, 80, 443, 5432, 6379])
    def test_only_the_port_that_is_named(self, port: int) -> None:
        policies = policies_of("default")
        assert not allows(policies, component("test"), component("webhook-ingress"), port=port)

    def test_every_pod_asks_dns(self) -> None:
        policies = policies_of("default")
        for name in COMPONENTS:
            assert allows(policies, component(name), DNS, port=53, protocol="UDP")
            assert allows(policies, component(name), Peer(address="169.254.20.10"), port=53, protocol="UDP")
            assert not allows(policies, component(name), DNS, port=80)


class TestOutside:
    def test_only_who_asks_the_provider_reaches_it_and_nothing_private(self) -> None:
        policies = policies_of("production")
        for name in COMPONENTS:
            asks = name in ("console", "campaign-worker", "operations-worker")
            assert allows(policies, component(name), PROVIDER, port=443) is asks, name
            assert not allows(policies, component(name), PROVIDER, port=80)
        for secret in (METADATA, PRIVATE):
            assert not allows(policies, component("campaign-worker"), secret, port=443)

    def test_with_the_simulator_no_sender_reaches_the_world(self) -> None:
        assert not allows(policies_of("default"), component("campaign-worker"), PROVIDER, port=443)

    def test_the_api_server_is_for_the_operations_worker(self) -> None:
        policies = policies_of("production")
        reached = {name for name in COMPONENTS if allows(policies, component(name), PRIVATE, port=6443)}
        assert reached == {"operations-worker"}

    def test_external_stores_are_reached_where_they_are(self) -> None:
        policies = policies_of("external-tls")
        database, redis = Peer(address="203.0.113.10"), Peer(address="203.0.113.11")
        for name in COMPONENTS:
            assert allows(policies, component(name), database, port=6432) is (name in INSIDE["postgresql"]), name
            assert allows(policies, component(name), redis, port=6380) is (name in INSIDE["valkey"]), name
            assert not allows(policies, component(name), redis, port=6432), name

    def test_a_collector_outside_is_reached_on_its_port(self) -> None:
        policies = policies_of("production")
        collector = Peer({"app": "collector"}, namespace="observability")
        for name in COMPONENTS:
            assert allows(policies, component(name), collector, port=4318) is (name in OF_THE_RELEASE), name

    def test_the_console_alone_reads_traces_back(self) -> None:
        bundled, named = policies_of("default"), {"otel": {"queryUrl": "http://jaeger.observability.svc:16686"}}
        outside = of_kind(render(named), "NetworkPolicy")
        jaeger = Peer({"app": "jaeger"}, namespace="observability")
        for name in COMPONENTS:
            assert allows(bundled, component(name), component("jaeger"), port=QUERY) is (name == "console"), name
            assert allows(outside, component(name), jaeger, port=QUERY) is (name == "console"), name

    def test_prometheus_reads_metrics_once_it_is_to_and_nothing_else(self) -> None:
        prometheus = Peer({"app.kubernetes.io/name": "prometheus"}, namespace="monitoring")
        policies = of_kind(render({"monitoring": {"podMonitor": {"enabled": True}}}), "NetworkPolicy")
        for name in COMPONENTS:
            assert allows(policies, prometheus, component(name), port=9464) is (name in OF_THE_RELEASE), name
            assert not allows(policies_of("default"), prometheus, component(name), port=9464)
        for name, port in PORTS.items():
            assert not allows(policies, prometheus, component(name), port=port), name
        assert not allows(policies, NEIGHBOURS["stranger"], component("beat"), port=9464)

    @pytest.mark.parametrize(("shape", "is_exposed"), [("default", False), ("production", True)])
    def test_the_ingress_controller_reaches_what_is_exposed(self, shape: str, is_exposed: bool) -> None:
        policies = policies_of(shape)
        controller = NEIGHBOURS["ingress controller"]
        assert allows(policies, controller, component("webhook-ingress"), port=8080) is is_exposed
        assert not allows(policies, controller, component("console"), port=8081)

    def test_the_console_is_reached_from_the_network_that_is_named(self) -> None:
        office = Peer(namespace="office")
        named = {"networkPolicy": {"console": [{"namespaceSelector": {"matchLabels": office.namespace_labels}}]}}
        assert allows(of_kind(render(named), "NetworkPolicy"), office, component("console"), port=8081)
        assert not allows(policies_of("default"), office, component("console"), port=8081)


class TestDefaultDeny:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_both_directions_for_every_pod(self, shape: str) -> None:
        policies = policies_of(shape)
        (default,) = [policy for policy in policies if policy["metadata"]["name"].endswith("-default")]
        assert default["spec"]["policyTypes"] == ["Ingress", "Egress"]
        selected = default["spec"]["podSelector"]["matchLabels"]
        assert selected.keys() == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}

    def test_it_can_be_switched_off(self) -> None:
        assert not of_kind(render({"networkPolicy": {"enabled": False}}), "NetworkPolicy")
