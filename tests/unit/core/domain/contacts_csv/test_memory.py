import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[5]

# A fresh process, because the peak of a process never falls.
PROGRAM = """
import resource
from services.core.domain.contacts_csv import read_contacts
from services.core.domain.phone_numbers import parse_phone_number

def chunks():
    yield b"phone,first_name,city,notes\\n"
    for block in range(100):
        yield b"".join(b"212555%04d,Ann,\\"Reno, NV\\",block %d\\n" % (row, block) for row in range(1000))

next(iter(read_contacts([b"phone\\n2125550101\\n"], parse_number=parse_phone_number)))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = sum(1 for _ in read_contacts(chunks(), parse_number=parse_phone_number))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_hundred_thousand_rows_need_a_few_megabytes() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    rows, grown_kilobytes = map(int, ran.stdout.split())
    assert rows == 100_000
    assert grown_kilobytes < 20_000
