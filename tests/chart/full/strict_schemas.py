"""Every object of every shape against the API's own schemas, strictly: `python -m tests.chart.full.strict_schemas`.

Part of `make chart-full`, since the schemas are 108 MB; custom resources have theirs in test_autoscaling.py.
"""

import sys

import kubernetes_validate  # type: ignore[import-not-found, unused-ignore]

from tests.chart.rendering import SHAPES, render_shape

VERSIONS = ("1.31", "1.34", "1.37")


def main() -> int:
    faults, checked = [], 0
    for shape in SHAPES:
        for found in render_shape(shape):
            for version in VERSIONS:
                try:
                    kubernetes_validate.validate(found, version, strict=True)
                    checked += 1
                except kubernetes_validate.SchemaNotFoundError:
                    break  # a custom resource
                except kubernetes_validate.ValidationError as fault:
                    faults.append(f"{shape}: {found['kind']}/{found['metadata']['name']} in {version}: {fault}")
    sys.stdout.write("".join(f"{fault}\n" for fault in faults))
    sys.stdout.write(f"{checked} objects checked, {len(faults)} faults\n")
    return 1 if faults or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
