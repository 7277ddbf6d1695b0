"""How long the opt-out decision takes by the length of the text: `python -m tests.benchmarks.opt_out`.

Processor time, so that others on the machine do not count. `first` is the first decision of a process about words that
it has not met: their patterns are compiled then. `factor` is what four times the length costs: 4 is linear.
"""

import sys
import time
from collections.abc import Callable, Iterator

from services.core.domain.opt_out import decide_opt_out

LENGTHS = (160, 1_600, 6_400, 25_600, 250_000)
REPEATS = 3
TEXTS = {
    "prose": "Hello there, I would like to know when you could come by tomorrow to look at the porch. ",
    "keywords": "stop ",
    "nearly": "please do not stop texting me ",
    "lines": "> can you stop by\n",
    "quotes": '"reply stop to end" ',
    "spelt": "s t o p x ",
    "han": "请不要撤吧 ",
}


def milliseconds(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return (time.process_time() - began) * 1000


def measured() -> Iterator[str]:
    """A line for each kind of text."""
    yield f"{'text':<10}{'first':>9}" + "".join(f"{length:>10}" for length in LENGTHS) + f"{'factor':>8}   milliseconds"
    for name, piece in TEXTS.items():
        texts = [(piece * (length // len(piece) + 1))[:length] for length in LENGTHS]
        first = milliseconds(lambda text=texts[0]: decide_opt_out(text))  # type: ignore[misc]
        took = [
            min(milliseconds(lambda text=text: decide_opt_out(text)) for _ in range(REPEATS))  # type: ignore[misc]
            for text in texts
        ]
        factor = took[3] / took[2]
        yield f"{name:<10}{first:>9.1f}" + "".join(f"{each:>10.2f}" for each in took) + f"{factor:>8.1f}"


if __name__ == "__main__":
    for line in measured():
        sys.stdout.write(f"{line}\n")
