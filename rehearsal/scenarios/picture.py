"""The time line of a scenario as a picture: SVG, the same text for the same run. Pure.

A lane for each slot, with a bar for each instance; below them the changes of etcd's membership, the time until the
cluster was whole again after each step, and the gaps between acknowledged writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from rehearsal.scenarios.timeline import HOOKS, Bar, Episode, Phase, Span, Timeline

_LEFT, _RIGHT = 96, 24
_TOP = 66
_ROW, _BAR = 26, 16
_LANE_GAP = 14
_FIGURES = 12
"""The height of a line of text below a bar."""
_MIN_WIDTH, _MAX_WIDTH = 900, 6000
_POINTS_PER_SECOND = 2.2
_TICKS = (10, 20, 30, 60, 120, 300, 600, 1200)
_TICK_POINTS = 60
"""Two ticks of the axis are at least so far from each other."""

# Colours for light and for dark; the picture follows the reader's browser.
_STYLE = """
svg { font: 11px system-ui, sans-serif; }
.back { fill: #ffffff; } text { fill: #1f2328; } .faint { fill: #59636e; }
.grid { stroke: #d1d9e0; } .step { stroke: #8250df; stroke-dasharray: 3 3; } .stepname { fill: #8250df; }
.booting { fill: #b6c8dc; } .member { fill: #4a9c5d; } .leaving { fill: #d9902f; } .removed { fill: #b9bec4; }
.hook { fill: none; stroke: #1f2328; stroke-width: 1.5; } .leader { fill: #e3b341; stroke: #7a5c00; stroke-width: .5; }
.operation { fill: #8250df; } .until { fill: none; stroke: #59636e; } .writes { fill: #d1e7d6; } .gap { fill: #cf222e; }
@media (prefers-color-scheme: dark) {
  .back { fill: #0d1117; } text { fill: #e6edf3; } .faint { fill: #9198a1; }
  .grid { stroke: #30363d; } .step { stroke: #ab7df8; } .stepname { fill: #ab7df8; }
  .booting { fill: #45607c; } .member { fill: #3f8f53; } .leaving { fill: #bb7a22; } .removed { fill: #555c64; }
  .hook { stroke: #e6edf3; } .until { stroke: #9198a1; } .writes { fill: #1d3b26; } .gap { fill: #ff5c5c; }
  .operation { fill: #ab7df8; }
}
"""
_LEGEND = (
    ("booting", "boots"),
    ("member", "voter of etcd"),
    ("leaving", "voter that leaves"),
    ("removed", "no member, ends"),
    ("leader", "leads etcd"),
    ("hook", "held by a hook"),
    ("operation", "change of members"),
    ("gap", "no write"),
)


def picture(timeline: Timeline) -> str:
    """The whole file."""
    return "\n".join(_Picture(timeline).lines()) + "\n"


class _Picture:
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._end = max(timeline.end, 1.0)
        self._width = min(_MAX_WIDTH, max(_MIN_WIDTH, round(self._end * _POINTS_PER_SECOND) + _LEFT + _RIGHT))
        self._bars = timeline.bars()
        self._rows = {slot: _rows([bar for bar in self._bars if bar.slot == slot]) for slot in range(timeline.slots)}

    def lines(self) -> Iterator[str]:
        tops, below = self._lane_tops()
        bottom = below + 3 * _ROW + _FIGURES
        height = bottom + 34
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self._width}" height="{height}" '
            f'viewBox="0 0 {self._width} {height}" role="img">'
        )
        yield f"<title>{escape(self._timeline.about)}</title>"
        yield f"<style>{_STYLE}</style>"
        yield f'<rect class="back" width="{self._width}" height="{height}"/>'
        yield _text(8, 18, self._timeline.about)
        yield from _legend()
        yield from self._axis(bottom)
        for slot, top in tops.items():
            yield _text(8, top + _BAR - 4, f"slot {slot}")
            for row, bars in enumerate(self._rows[slot]):
                for bar in bars:
                    yield from self._bar(bar, top + row * _ROW)
        yield _text(8, below + _BAR - 4, "etcd")
        for span in self._timeline.operations():
            yield self._rect("operation", span, below + 3, _BAR - 6, span.what)
        yield _text(8, below + _ROW + _BAR - 4, "until whole")
        for episode in self._timeline.episodes:
            yield from self._episode(episode, below + _ROW, bottom)
        yield _text(8, below + 2 * _ROW + _BAR - 4, "writes")
        yield from self._writes(below + 2 * _ROW)
        yield "</svg>"

    def _lane_tops(self) -> tuple[dict[int, int], int]:
        """Where each slot's lane begins, and where the last one ends."""
        tops, top = {}, _TOP
        for slot, rows in self._rows.items():
            tops[slot] = top
            top += max(1, len(rows)) * _ROW + _LANE_GAP
        return tops, top

    def _axis(self, bottom: int) -> Iterator[str]:
        least = _TICK_POINTS * self._end / (self._width - _LEFT - _RIGHT)
        tick = next((each for each in _TICKS if each >= least), _TICKS[-1])
        for moment in range(0, int(self._end) + 1, tick):
            x = self._x(moment)
            yield f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP - 8}" y2="{bottom}"/>'
            yield _text(x, bottom + 14, f"{moment} s", "faint", "middle")

    def _bar(self, bar: Bar, top: int) -> Iterator[str]:
        yield f"<g class={quoteattr('instance')} data-instance={quoteattr(bar.instance_id)}>"
        yield f"<title>{escape(_life(bar))}</title>"
        for span in bar.phases:
            yield self._rect(span.what, span, top, _BAR)
        for span in bar.leads:
            yield self._rect("leader", span, top + _BAR - 5, 5)
        for span in bar.hooks:
            yield self._rect("hook", span, top - 2, _BAR + 4)
        yield _text(self._x(bar.start) + 4, top + _BAR - 5, bar.instance_id[:10])
        yield "</g>"

    def _episode(self, episode: Episode, top: int, bottom: int) -> Iterator[str]:
        start, end, middle = self._x(episode.start), self._x(episode.end), top + _BAR // 2
        yield f'<line class="step" x1="{start}" x2="{start}" y1="{_TOP - 8}" y2="{bottom}"/>'
        yield _text(start + 3, _TOP - 12, episode.what, "stepname")
        yield f'<path class="until" d="M{start} {middle - 4}v8M{start} {middle}H{end}M{end} {middle - 4}v8"/>'
        yield _text((start + end) / 2, middle - 3, f"{episode.seconds:.0f} s", "faint", "middle")

    def _writes(self, top: int) -> Iterator[str]:
        if self._timeline.writing is None:
            return
        yield self._rect("writes", self._timeline.writing, top, _BAR, self._timeline.writing.what)
        named = {episode.gap for episode in self._timeline.episodes}
        for gap in self._timeline.gaps:
            said = f"{gap.seconds:.2f} s"
            yield self._rect("gap", Span("", gap.start, gap.end), top, _BAR, f"{said} from {gap.start:.1f} s")
            if gap in named:
                # Below: beside it there may be others.
                yield _text(self._x(gap.start), top + _BAR + _FIGURES, said)

    def _x(self, moment: float) -> float:
        share = min(max(moment, 0.0), self._end) / self._end
        return round(_LEFT + share * (self._width - _LEFT - _RIGHT), 1)

    def _rect(self, kind: str, span: Span, top: float, height: float, title: str = "") -> str:
        start = self._x(span.start)
        # What is shorter than a point would not be seen.
        width = max(1.0, round(self._x(span.end) - start, 1))
        inner = f"<title>{escape(title)}</title>" if title else ""
        return f'<rect class="{kind}" x="{start}" y="{top}" width="{width}" height="{height}">{inner}</rect>'


def _rows(bars: Sequence[Bar]) -> list[list[Bar]]:
    """The bars of a slot in rows in which none lies over another; `bars` are by beginning."""
    rows: list[list[Bar]] = []
    for bar in bars:
        free = next((row for row in rows if row[-1].end <= bar.start), None)
        if free is None:
            rows.append([bar])
        else:
            free.append(bar)
    return rows


def _life(bar: Bar) -> str:
    names = {HOOKS[0]: "launch hook", HOOKS[1]: "terminating hook", **{phase.value: phase.value for phase in Phase}}
    spans = sorted([*bar.phases, *bar.hooks, *bar.leads], key=lambda span: span.start)
    told = (f"{names.get(span.what, span.what)} {span.start:.0f}-{span.end:.0f} s" for span in spans)
    return f"{bar.instance_id}, slot {bar.slot}: {', '.join(told)}"


def _legend() -> Iterator[str]:
    x = 8
    for kind, said in _LEGEND:
        yield f'<rect class="{kind}" x="{x}" y="28" width="14" height="10"/>'
        yield _text(x + 18, 37, said, "faint")
        x += 34 + 6 * len(said)


def _text(x: float, y: float, said: str, kind: str = "", anchor: str = "") -> str:
    more = (f' class="{kind}"' if kind else "") + (f' text-anchor="{anchor}"' if anchor else "")
    return f'<text x="{x:g}" y="{y:g}"{more}>{escape(said)}</text>'
