"""A release of the chart on the current cluster, as a test handles it: installed, watched, disturbed, asked."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client

from tests.tools.kubernetes_tools import find_program
from tests.tools.waiting import wait_until

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "attackacrack"
NAME = "attackacrack"


class CommandFailed(Exception):
    """A program ended with an error; the text is what it said."""


def run(program: str, *arguments: str, stdin: str | None = None, within: float = 600) -> str:
    """Run helm or kubectl against the current context and return what it prints. Raises `CommandFailed`."""
    command = (str(find_program(program)), *arguments)
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=within)
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(command)}: {done.stderr}{done.stdout}")
    return done.stdout


def eventually(is_so: Callable[[], bool], *, within: float, what: str) -> float:
    """Look every two seconds until something is so; answers after how many. Raises `AssertionError`."""
    began = time.monotonic()
    wait_until(is_so, within=within, every=2, what=what)
    return time.monotonic() - began


@contextmanager
def forwarded(namespace: str, target: str, port: int) -> Iterator[str]:
    """`kubectl port-forward` to, say, `service/console`; yields its address here, at a port that is free."""
    command = (str(find_program("kubectl")), "port-forward", "--namespace", namespace, target, f":{port}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+)", first)
            assert found, f"nothing was forwarded to {target}: {first}"
            yield f"http://127.0.0.1:{found[1]}"
        finally:
            process.terminate()


@dataclass(frozen=True, slots=True)
class Release:
    """One release in a namespace of its own."""

    namespace: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def install(self, *, values: Mapping[str, Any] | None = None, within: float = 600, wait: bool = True) -> float:
        """Install or upgrade and wait; answers after how many seconds everything was ready."""
        began = time.monotonic()
        text = yaml.safe_dump(dict(self.values if values is None else values))
        options = ["--namespace", self.namespace, "--timeout", f"{within:g}s", "--values", "-"]
        options += ["--wait"] if wait else []
        run("helm", "upgrade", "--install", NAME, str(CHART), *options, stdin=text, within=within + 60)
        return time.monotonic() - began

    def rollback(self, revision: int) -> None:
        run(
            "helm",
            "rollback",
            NAME,
            str(revision),
            "--namespace",
            self.namespace,
            "--wait",
            "--timeout",
            "600s",
            within=660,
        )

    def uninstall(self) -> None:
        run("helm", "uninstall", NAME, "--namespace", self.namespace, "--wait", "--timeout", "300s")

    def helm_test(self) -> str:
        return run("helm", "test", NAME, "--namespace", self.namespace, "--timeout", "400s")

    def pods(self, component: str | None = None) -> list[Any]:
        """The release's pods that are not on their way out, tests and finished Jobs not counted."""
        labels = f"app.kubernetes.io/instance={NAME}"
        labels += f",app.kubernetes.io/component={component}" if component else ""
        core: Any = client.CoreV1Api()
        found = core.list_namespaced_pod(self.namespace, label_selector=labels).items
        return [pod for pod in found if pod.metadata.deletion_timestamp is None and pod.status.phase != "Succeeded"]

    def restarts(self) -> dict[str, int]:
        return {
            pod.metadata.name: status.restart_count
            for pod in self.pods()
            for status in pod.status.container_statuses or []
            if status.restart_count
        }

    def scale(self, kind: str, component: str, replicas: int) -> None:
        run("kubectl", "-n", self.namespace, "scale", f"{kind}/{NAME}-{component}", f"--replicas={replicas}")

    def restart(self, *names: str) -> None:
        """Roll these, as `deployment/name`, or everything, and wait until the new pods are ready."""
        kinds = names or ("statefulset,deployment",)
        run("kubectl", "-n", self.namespace, "rollout", "restart", *kinds)
        for name in names or run("kubectl", "-n", self.namespace, "get", *kinds, "-o", "name").split():
            run("kubectl", "-n", self.namespace, "rollout", "status", name, "--timeout=600s", within=660)

    def execute(self, component: str, *command: str, stdin: str | None = None) -> str:
        """Run a command in the first pod of a component."""
        pod = self.pods(component)[0].metadata.name
        options = ("-n", self.namespace, "exec", "-i", pod, "-c", component, "--")
        return run("kubectl", *options, *command, stdin=stdin)

    def python(self, component: str, script: str, *arguments: str) -> str:
        return self.execute(component, "python", "-", *arguments, stdin=script)

    def tell(self, *command: str) -> Any:
        """What a verb of the command line answers in the console's pod, as its JSON document."""
        return json.loads(self.execute("console", "attackacrack", *command, "--json"))

    def waiting(self, status: str) -> int:
        """How many texts are in a state, at most a hundred."""
        return len(self.tell("messages", "list", "--status", status, "--limit", "100")["items"])

    def settle(self) -> int:
        """Let what is in doubt be looked up by stepping the clock, and send after all what the provider never had.

        Answers how many that were.
        """
        for _ in range(40):
            if not self.waiting("uncertain"):
                break
            self.execute("console", "attackacrack", "clock", "move", "--by", "PT5M")
            time.sleep(5)
        held = [each["message_id"] for each in self.tell("held", "list")["items"]]
        for message in held:
            reason = ("--by", "e2e", "--reason", "the provider's list lacks it")
            self.execute("console", "attackacrack", "held", "release", str(message), *reason)
        return len(held)

    def ledger(self) -> list[dict[str, Any]]:
        """Every text that the simulated provider took."""
        lines = self.execute("provider-simulator", "cat", "/data/ledger.jsonl").splitlines()
        return [entry for entry in map(json.loads, lines) if entry["kind"] == "text"]

    @contextmanager
    def pod_running(self, name: str, script: str, *arguments: str) -> Iterator["RunningPod"]:
        """A pod like those of `helm test`, with the same secrets and connections, that runs `script`."""
        hooks = yaml.safe_load_all(run("helm", "get", "hooks", NAME, "--namespace", self.namespace))
        manifest = next(hook for hook in hooks if hook["metadata"]["name"].endswith("-test-webhook"))
        manifest["metadata"] = {"name": name, "labels": manifest["metadata"]["labels"]}
        manifest["spec"]["containers"][0]["command"] = ["python", "-c", script, *arguments]
        run("kubectl", "-n", self.namespace, "create", "-f", "-", stdin=yaml.safe_dump(manifest))
        try:
            yield RunningPod(self.namespace, name)
        finally:
            run("kubectl", "-n", self.namespace, "delete", "pod", name, "--wait", "--grace-period=0", "--force")


@dataclass(frozen=True, slots=True)
class RunningPod:
    namespace: str
    name: str

    @property
    def phase(self) -> str:
        core: Any = client.CoreV1Api()
        phase: str = core.read_namespaced_pod(self.name, self.namespace).status.phase
        return phase

    def wait_until_begun(self) -> None:
        """It has read its settings, and what it is there for has begun."""

        def has_begun() -> bool:
            return self.phase != "Pending" and "begun" in run("kubectl", "-n", self.namespace, "logs", self.name)

        eventually(has_begun, within=120, what=f"{self.name} has begun")

    def result(self, *, within: float) -> dict[str, Any]:
        """What it printed last, as JSON, once it is done."""
        eventually(lambda: self.phase in ("Succeeded", "Failed"), within=within, what=f"{self.name} is done")
        lines = run("kubectl", "-n", self.namespace, "logs", self.name).strip().splitlines()
        result: dict[str, Any] = json.loads(lines[-1])
        return result
