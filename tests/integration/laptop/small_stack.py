"""Runs a stack of small roles, or of the stores alone, as `up` would: `small_stack.py FOLDER KIND`."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from services.cli.laptop.lock import FolderInUse
from services.cli.laptop.processes import RoleSpec
from services.cli.laptop.readiness import wrote_file
from services.cli.laptop.stack import Stack, StackPlan, StackStopped, laptop_stages
from services.cli.laptop.supervisor import RoleDidNotStart

ROLE = """
import signal, subprocess, sys
from pathlib import Path

name, folder = sys.argv[1], Path(sys.argv[2])
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])

def stop(*_):
    with (folder / "stopped").open("a") as order:
        order.write(name + "\\\\n")
    child.kill()
    child.wait()
    sys.exit(0)

if name != "stubborn":
    signal.signal(signal.SIGTERM, stop)
else:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(name + " speaks", flush=True)
(folder / "run" / name / "ready").touch()
while True:
    signal.pause()
""".replace("\\\\n", "\\n")


async def small_stages(plan: StackPlan) -> AsyncIterator[list[RoleSpec]]:
    yield [_role(plan, "store", stop_rank=3)]
    yield [_role(plan, "worker", stop_rank=1), _role(plan, "producer", stop_rank=0)]


async def stubborn_stages(plan: StackPlan) -> AsyncIterator[list[RoleSpec]]:
    yield [_role(plan, "store", stop_rank=3), _role(plan, "stubborn", stop_rank=1)]


async def patient_stages(plan: StackPlan) -> AsyncIterator[list[RoleSpec]]:
    yield [_role(plan, "store", stop_rank=3), _role(plan, "stubborn", stop_rank=1, grace=600)]


async def broken_stages(plan: StackPlan) -> AsyncIterator[list[RoleSpec]]:
    yield [_role(plan, "store", stop_rank=3)]
    yield [RoleSpec(name="broken", command=("false",), is_ready=lambda _pid: False, environment={})]


async def waiting_stages(plan: StackPlan) -> AsyncIterator[list[RoleSpec]]:
    yield [_role(plan, "store", stop_rank=3), _role(plan, "worker", stop_rank=1, ready_file="never")]


async def stores_only(plan: StackPlan) -> AsyncIterator[list[RoleSpec]]:
    specs = await anext(laptop_stages(plan))
    yield [spec for spec in specs if spec.name in ("postgres", "valkey")]


def _role(
    plan: StackPlan, name: str, *, stop_rank: int, ready_file: str = "ready", grace: float | None = None
) -> RoleSpec:
    run_dir = plan.data_dir / "run" / name
    return RoleSpec(
        name=name,
        command=(sys.executable, "-c", ROLE, name, str(plan.data_dir)),
        is_ready=wrote_file(run_dir / ready_file),
        environment=plan.environment,
        stop_rank=stop_rank,
        grace=timedelta(seconds=grace or (0.5 if name == "stubborn" else 20)),
        run_dir=run_dir,
    )


KINDS = {
    "small": small_stages,
    "stubborn": stubborn_stages,
    "patient": patient_stages,
    "broken": broken_stages,
    "waiting": waiting_stages,
    "stores": stores_only,
}


async def main(folder: Path, kind: str) -> int:
    stages = KINDS[kind]
    try:
        async with Stack(folder, provider_rate=8, stages=stages) as stack:
            await stack.wait_stopped()
    except (FolderInUse, RoleDidNotStart, StackStopped) as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]), sys.argv[2])))
