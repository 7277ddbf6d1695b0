"""A picture of a pool that grows and shrinks: pods as steps, texts as a line, over seconds."""

from collections.abc import Sequence
from pathlib import Path

WIDTH, HEIGHT, LEFT, TOP = 640, 240, 40, 30
Points = Sequence[tuple[float, int]]


def draw(pods: Points, texts: Points, *, title: str, file: Path) -> None:
    """Write an SVG: the pods' steps on the left scale, the share of all texts that have arrived behind them."""
    end = pods[-1][0]
    most_pods, most_texts = max(count for _, count in pods), max(count for _, count in texts)

    def at(seconds: float, share: float) -> str:
        return f"{LEFT + seconds / end * WIDTH:.0f},{TOP + (1 - share) * HEIGHT:.0f}"

    steps, last = [at(0, 0)], 0
    for seconds, count in pods:
        if count != last:
            steps += [at(seconds, last / most_pods), at(seconds, count / most_pods)]
            last = count
    steps.append(at(end, last / most_pods))
    line = " ".join(at(seconds, count / most_texts) for seconds, count in texts)
    labels: list[tuple[float, float, str]] = [
        (LEFT - 12, TOP + (1 - count / most_pods) * HEIGHT + 4, str(count)) for count in range(most_pods + 1)
    ]
    labels += [(LEFT + part * WIDTH / 4, TOP + HEIGHT + 16, f"{end * part / 4:.0f} s") for part in range(5)]
    scales = "".join(f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="middle">{label}</text>' for x, y, label in labels)
    file.parent.mkdir(exist_ok=True)
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 30} {TOP + HEIGHT + 30}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f'<text x="{LEFT}" y="18">campaign workers (steps), and texts arrived of {title} (line)</text>'
        f'<path d="M{LEFT} {TOP}V{TOP + HEIGHT}H{LEFT + WIDTH}" fill="none" stroke="#888"/>'
        f'<polyline points="{line}" fill="none" stroke="#b06000" stroke-dasharray="4 3"/>'
        f'<polyline points="{" ".join(steps)}" fill="none" stroke="#1060a0" stroke-width="2"/>{scales}</svg>\n'
    )
