"""The Grafana dashboards, one per question, written from this table: `python -m tests.tools.dashboards`.

The chart ships what is written here, and `services/compose.yaml` mounts the same files.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "charts" / "attackacrack" / "files" / "dashboards"
SOURCE = {"type": "prometheus", "uid": "${source}"}
WIDTH, HEIGHT, COLUMNS = 12, 8, 24


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph, or with `is_stat` a number; each query has its legend. `unit` is Grafana's."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    is_stat: bool = False


@dataclass(frozen=True, slots=True)
class Dashboard:
    name: str
    question: str
    panels: tuple[Panel, ...]


def quantiles(metric: str, label: str, selector: str = "") -> tuple[tuple[str, str], ...]:
    rate = f"sum by (le, {label}) (rate({metric}_bucket{selector}[5m]))"
    return tuple((f"histogram_quantile({q}, {rate})", f"p{q * 100:g} {{{{{label}}}}}") for q in (0.5, 0.99))


def rate_by(metric: str, label: str, selector: str = "") -> tuple[tuple[str, str], ...]:
    return ((f"sum by ({label}) (rate({metric}{selector}[5m]))", f"{{{{{label}}}}}"),)


DASHBOARDS = (
    Dashboard(
        "healthy",
        "Is it healthy?",
        (
            Panel("Parts that are not well", (("sum(attackacrack_health_well == bool 0)", "unwell"),), is_stat=True),
            Panel("Each part", (("min by (part) (attackacrack_health_well)", "{{part}}"),)),
            Panel(
                "Waits for a person",
                (('attackacrack_waiting{what=~"quarantined|held|dead_letters|reviews"}', "{{what}}"),),
            ),
            Panel(
                "Webhooks by the provider's version", rate_by("attackacrack_webhooks_versions_total", "version"), "ops"
            ),
            Panel("Work that gave up", rate_by("attackacrack_dead_letters_total", "reason")),
            Panel("Tasks by their end", rate_by("attackacrack_task_duration_seconds_count", "end"), "ops"),
            Panel("Chores of the clock", rate_by("attackacrack_beat_chores_total", "chore, end"), "ops"),
            Panel("Certificate holds for", (("attackacrack_certificate_left_seconds", "certificate"),), "s"),
            Panel("Age of the webhook's key", (("attackacrack_secret_age_seconds", "key"),), "s"),
        ),
    ),
    Dashboard(
        "sending",
        "Is sending on schedule?",
        (
            Panel("Texts due", (('attackacrack_waiting{what="due"}', "due"),)),
            Panel("The oldest due text waits for", (('attackacrack_waiting_age_seconds{what="due"}', "oldest"),), "s"),
            Panel("No text has left for", (("attackacrack_sending_still_seconds", "still"),), "s"),
            Panel("Texts by their new state", rate_by("attackacrack_messages_transitions_total", "status"), "ops"),
            Panel("What the gate decides", rate_by("attackacrack_gate_decisions_total", "gate, decision"), "ops"),
            Panel(
                "Unknown outcomes",
                (
                    ('attackacrack_waiting{what="uncertain"}', "how many"),
                    ('attackacrack_waiting_age_seconds{what="uncertain"}', "oldest, in seconds"),
                ),
            ),
            Panel("Due times without a run", (("attackacrack_schedule_missed", "missed"),), is_stat=True),
            Panel("Stopped by a person", (("attackacrack_sending_stopped", "stopped"),), is_stat=True),
            Panel("Stopped for", (("attackacrack_sending_stopped_age_seconds", "stopped"),), "s", is_stat=True),
        ),
    ),
    Dashboard(
        "webhooks",
        "Are webhooks keeping up?",
        (
            Panel("Deliveries by verdict", rate_by("attackacrack_webhooks_received_total", "verdict"), "ops"),
            Panel("Refused to be sent again", rate_by("attackacrack_webhooks_not_stored_total", "reason"), "ops"),
            Panel(
                "Answers by status",
                rate_by(
                    "http_server_request_duration_seconds_count",
                    "http_response_status_code",
                    '{http_request_method="POST"}',
                ),
                "ops",
            ),
            Panel(
                "Time to answer",
                quantiles(
                    "http_server_request_duration_seconds", "http_request_method", '{http_request_method="POST"}'
                ),
                "s",
            ),
            Panel("New events", (('attackacrack_waiting{what="inbox"}', "waiting"),)),
            Panel(
                "The oldest new event waits for", (('attackacrack_waiting_age_seconds{what="inbox"}', "oldest"),), "s"
            ),
            Panel("Events by what became of them", rate_by("attackacrack_inbox_events_total", "status"), "ops"),
            Panel("Opt-outs", rate_by("attackacrack_opt_outs_total", "source"), "ops"),
            Panel(
                "Time to handle",
                quantiles("attackacrack_task_duration_seconds", "task", '{task="process_webhook"}'),
                "s",
            ),
        ),
    ),
    Dashboard(
        "queues",
        "Which queue is behind, and since when?",
        (
            Panel("Tasks in each queue", (("attackacrack_queue_depth", "{{queue}}"),)),
            Panel("Age of the oldest work", (("attackacrack_queue_age_seconds", "{{queue}}"),), "s"),
            Panel("Tasks with each pool's workers", (("attackacrack_pool_running", "{{pool}}"),)),
            Panel("Tasks done", rate_by("attackacrack_task_duration_seconds_count", "task"), "ops"),
            Panel("How long tasks take", quantiles("attackacrack_task_duration_seconds", "task"), "s"),
            Panel("Canaries", (('min by (part) (attackacrack_health_well{part=~"canary.*"})', "{{part}}"),)),
        ),
    ),
    Dashboard(
        "provider",
        "What is the provider doing?",
        (
            Panel(
                "Calls by answer",
                rate_by("http_client_request_duration_seconds_count", "http_response_status_code"),
                "ops",
            ),
            Panel("How long it takes", quantiles("http_client_request_duration_seconds", "http_request_method"), "s"),
            Panel("What became of texts", rate_by("attackacrack_messages_submissions_total", "outcome"), "ops"),
            Panel("Why it refuses", rate_by("attackacrack_provider_refusals_total", "reason"), "ops"),
            Panel("Refuses the account", (("attackacrack_provider_refused", "refused"),), is_stat=True),
            Panel(
                "The webhook at the provider, and our address",
                (('attackacrack_health_well{part=~"provider.*|webhook loop"}', "{{part}}"),),
            ),
        ),
    ),
    Dashboard(
        "limits",
        "How close are we to limits and caps?",
        (
            Panel(
                "Requests a second, and the limit",
                (
                    ("sum(rate(http_client_request_duration_seconds_count[1m]))", "requests"),
                    ("max(attackacrack_limiter_rate)", "limit"),
                ),
                "reqps",
            ),
            Panel("Waiting for a slot", quantiles("attackacrack_limiter_wait_seconds", "kind"), "s"),
            Panel(
                "Texts today, and the cap",
                (("attackacrack_cap_used", "{{scope}}"), ("attackacrack_cap_limit", "{{scope}}, cap")),
            ),
            Panel(
                "Part of the cap used",
                (("attackacrack_cap_used / attackacrack_cap_limit", "{{scope}}"),),
                "percentunit",
            ),
            Panel(
                "Put off by a cap or by the frequency",
                rate_by("attackacrack_gate_decisions_total", "gate", '{gate=~"G4|G5"}'),
                "ops",
            ),
        ),
    ),
    Dashboard(
        "scaling",
        "What did KEDA do?",
        (
            Panel("What KEDA reads", (("keda_scaler_metrics_value", "{{scaledObject}} {{metric}}"),)),
            Panel("Is the scaler active", (("keda_scaler_active", "{{scaledObject}} {{metric}}"),)),
            Panel("Errors of scalers", (("rate(keda_scaler_detail_errors_total[5m])", "{{scaledObject}}"),)),
            Panel(
                "Pods wanted and ready",
                (
                    ('kube_deployment_spec_replicas{deployment=~".*-worker"}', "{{deployment}} wanted"),
                    ('kube_deployment_status_replicas_ready{deployment=~".*-worker"}', "{{deployment}} ready"),
                ),
            ),
            Panel("Tasks in each queue", (("attackacrack_queue_depth", "{{queue}}"),)),
            Panel("Tasks with each pool's workers", (("attackacrack_pool_running", "{{pool}}"),)),
        ),
    ),
)


def document(dashboard: Dashboard) -> dict[str, Any]:
    """As Grafana reads it."""
    return {
        "uid": f"attackacrack-{dashboard.name}",
        "title": f"Attack-a-Crack: {dashboard.question}",
        "tags": ["attackacrack"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}],
        },
        "panels": [_panel(number, panel) for number, panel in enumerate(dashboard.panels)],
    }


def text(dashboard: Dashboard) -> str:
    """The file of a dashboard."""
    return json.dumps(document(dashboard), indent=2) + "\n"


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    per_row = COLUMNS // WIDTH
    return {
        "id": number + 1,
        "title": panel.title,
        "type": "stat" if panel.is_stat else "timeseries",
        "datasource": SOURCE,
        "gridPos": {"x": number % per_row * WIDTH, "y": number // per_row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
            for place, (expression, legend) in enumerate(panel.queries)
        ],
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for dashboard in DASHBOARDS:
        (FOLDER / f"{dashboard.name}.json").write_text(text(dashboard))
