"""Where everything of the fleet's map stands: four quadrants, agents in a grid, lines between them.

Lines run in the gutters between rows and columns only, each in a track of its own, so none crosses
an agent and the same fleet is always drawn the same. The quadrants go round clockwise, as the work
does: Acquire, Serve, Grow, Optimize.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from agents.wiring import Line, Wiring

WIDTH = 1040
COLUMNS = 3
NODE_W, NODE_H = 132, 78
PAD, BETWEEN, GAP = 26, 34, 8
HEADER = 30
FOOT = 14
TRACK, ENTRY = 7, 14
LEAST = 16
CORNER = 5
PORTS = (0, -10, 10, -20, 20, -30, 30)
CHARS = 13
FEW = 1
"""So few agents leave room to name every line; else the one pointed at is named."""

PLACES = {"acquire": (0, 0), "serve": (1, 0), "optimize": (0, 1), "grow": (1, 1)}
ORDER = ("acquire", "serve", "grow", "optimize")
ORIGINS = {
    "webhook": "Webhook",
    "schedule": "Clock",
    "operator": "You",
    "elsewhere": "Elsewhere",
}

Point = tuple[float, float]


@dataclass(frozen=True)
class Region:
    """One quadrant's ground."""

    name: str
    x: float
    y: float
    width: float
    height: float
    empty: bool


@dataclass(frozen=True)
class Node:
    """One agent's place; `x` and `y` are its top left corner."""

    name: str
    title: str
    x: float
    y: float


@dataclass(frozen=True)
class Path:
    """One line as SVG draws it, with the arrow at its end and where its words go."""

    source: str
    target: str
    events: tuple[str, ...]
    d: str
    tip: str = ""
    label: Point = (0, 0)
    anchor: str = "middle"

    @property
    def words(self) -> str:
        """The events that pass."""
        return ", ".join(self.events)


@dataclass(frozen=True)
class Port:
    """Where events of one origin come in, on the edge of a quadrant."""

    origin: str
    label: str
    x: float
    y: float
    anchor: str


@dataclass
class Map:
    """The whole drawing."""

    height: float
    named: bool
    regions: list[Region] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    ports: list[Port] = field(default_factory=list)
    width: int = WIDTH


@dataclass(frozen=True)
class _Cell:
    column: int
    row: int


def draw(agents: Iterable[tuple[str, str]], wiring: Wiring) -> Map:
    """Return the map of these agents, given as (name, quadrant)."""
    placed = list(agents)
    return _Drawing(placed, wiring).drawn()


def ranked(names: Sequence[str], links: Iterable[Line]) -> list[str]:
    """Return the names with those that hand over before those that are handed to.

    Of a circle the alphabet's first goes first.
    """
    wanted = set(names)
    inner = [(line.source, line.target) for line in links if {line.source, line.target} <= wanted]
    left = sorted(names)
    found: list[str] = []
    while left:
        blocked = {target for source, target in inner if source in left and target in left}
        free = [name for name in left if name not in blocked] or left[:1]
        # Follow a chain rather than list all that are free: neighbours then stand side by side.
        after = [name for name in free if found and (found[-1], name) in inner]
        found.append((after or free)[0])
        left.remove(found[-1])
    return found


class _Drawing:
    """Places the agents, then gives each line its tracks, then measures."""

    def __init__(self, agents: list[tuple[str, str]], wiring: Wiring) -> None:
        self.wiring = wiring
        self.members = {
            quadrant: ranked([name for name, where in agents if where == quadrant], wiring.links)
            for quadrant in ORDER
        }
        rows = {
            quadrant: max(1, -(-len(names) // COLUMNS)) for quadrant, names in self.members.items()
        }
        self.top = max(rows["acquire"], rows["serve"])
        self.rows = self.top + max(rows["grow"], rows["optimize"])
        self.cells = {
            name: _Cell(PLACES[quadrant][0] * COLUMNS + at % COLUMNS, self._row(quadrant, at))
            for quadrant, names in self.members.items()
            for at, name in enumerate(names)
        }
        self.named = len(self.cells) <= FEW
        self.links = [
            line for line in wiring.links if {line.source, line.target} <= self.cells.keys()
        ]
        self.entries = [line for line in wiring.entries if line.target in self.cells]
        self.loose = [line for line in wiring.loose if line.source in self.cells]
        self._assign()
        self._measure()

    def _row(self, quadrant: str, at: int) -> int:
        return PLACES[quadrant][1] * self.top + at // COLUMNS

    def _direct(self, line: Line) -> bool:
        source, target = self.cells[line.source], self.cells[line.target]
        return source.row == target.row and source.column + 1 == target.column

    def _assign(self) -> None:
        """Give each line its tracks in the gutters and its ports on the agents."""
        self.vertical: dict[int, int] = defaultdict(int)
        self.horizontal: dict[int, int] = defaultdict(int)
        self.slots: dict[Line, tuple[int, int, int]] = {}
        for line in self.links:
            if self._direct(line):
                continue
            source, target = self.cells[line.source], self.cells[line.target]
            first, last = source.column + 1, target.column
            out = self._next(self.vertical, first)
            if first == last:
                self.slots[line] = (out, -1, out)
            else:
                bus = self._next(self.horizontal, target.row)
                self.slots[line] = (out, bus, self._next(self.vertical, last))
        self.origins: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for line in self.entries:
            cell = self.cells[line.target]
            key = (cell.column // COLUMNS, line.source)
            if key not in self.origins[cell.row]:
                self.origins[cell.row].append(key)
        self._ports()

    def _ports(self) -> None:
        direct = [line for line in self.links if self._direct(line)]
        straight_out = {line.source for line in direct}
        straight_in = {line.target for line in direct}
        out, into = ({name: itertools.count() for name in self.cells} for _ in range(2))
        for name in straight_out:
            next(out[name])
        for name in straight_in:
            next(into[name])
        self.out_port, self.in_port = {}, {}
        for line in self.links:
            middle = self._direct(line)
            self.out_port[line] = 0 if middle else _port(next(out[line.source]))
            self.in_port[line] = 0 if middle else _port(next(into[line.target]))
        for line in self.loose:
            self.out_port[line] = _port(next(out[line.source]))

    @staticmethod
    def _next(tracks: dict[int, int], at: int) -> int:
        tracks[at] += 1
        return tracks[at] - 1

    def _levels(self, row: int) -> int:
        """Return how many entry tracks a row needs: left and right share their height."""
        sides = [side for side, _ in self.origins[row]]
        return max((sides.count(side) for side in (0, 1)), default=0)

    def _measure(self) -> None:
        y = 0.0
        self.row_y: list[float] = []
        self.bus_y: list[float] = []
        for row in range(self.rows):
            if row == self.top:
                y += FOOT + GAP
            if row in (0, self.top):
                y += HEADER
            self.bus_y.append(y + 4)
            y += max(LEAST, 8 + ENTRY * self._levels(row) + TRACK * self.horizontal[row] + CORNER)
            self.row_y.append(y)
            y += NODE_H
        self.height = y + FOOT

    def column_x(self, column: int) -> float:
        """Return the left edge of a column."""
        side, at = divmod(column, COLUMNS)
        return side * (WIDTH + GAP) / 2 + PAD + at * (NODE_W + BETWEEN)

    def _gutter_x(self, gutter: int, slot: int) -> float:
        """Return the x of a track in the gutter left of a column, or right of the last."""
        right = self.column_x(gutter) if gutter < 2 * COLUMNS else float(WIDTH)
        left = self.column_x(gutter - 1) + NODE_W if gutter else 0.0
        return left + (right - left) * (slot + 1) / (self.vertical[gutter] + 1)

    def _bus(self, row: int, slot: int) -> float:
        return self.bus_y[row] + 4 + ENTRY * self._levels(row) + TRACK * slot

    def _entry_y(self, row: int, side: int, origin: str) -> float:
        mine = [name for where, name in self.origins[row] if where == side]
        return self.bus_y[row] + 4 + ENTRY * mine.index(origin)

    def _middle(self, name: str) -> float:
        return self.row_y[self.cells[name].row] + NODE_H / 2

    def drawn(self) -> Map:
        """Return the drawing."""
        found = Map(height=self.height, named=self.named)
        found.regions = [self._region(name) for name in ORDER]
        found.nodes = [
            Node(name, _short(name), self.column_x(cell.column), self.row_y[cell.row])
            for name, cell in self.cells.items()
        ]
        found.paths = [
            *(self._link(line) for line in self.links),
            *(self._entry(line) for line in self.entries),
            *(self._loose(line) for line in self.loose),
        ]
        found.ports = [
            Port(
                origin,
                ORIGINS.get(origin, origin.capitalize()),
                12 if side == 0 else WIDTH - 12,
                self._entry_y(row, side, origin) + 4,
                "start" if side == 0 else "end",
            )
            for row, keys in self.origins.items()
            for side, origin in keys
        ]
        return found

    def _region(self, name: str) -> Region:
        side, below = PLACES[name]
        x = side * (WIDTH + GAP) / 2
        top = 0.0 if not below else self.row_y[self.top - 1] + NODE_H + FOOT + GAP
        bottom = self.height if below else self.row_y[self.top - 1] + NODE_H + FOOT
        width = (WIDTH - GAP) / 2
        return Region(name, x, top, width, bottom - top, not self.members[name])

    def _link(self, line: Line) -> Path:
        source, target = self.cells[line.source], self.cells[line.target]
        start = (self.column_x(source.column) + NODE_W, self._middle(line.source))
        end = (self.column_x(target.column), self._middle(line.target))
        a = (start[0], start[1] + self.out_port[line])
        b = (end[0], end[1] + self.in_port[line])
        if self._direct(line):
            points = [a, b]
        else:
            out, bus, back = self.slots[line]
            x1 = self._gutter_x(source.column + 1, out)
            if bus < 0:
                points = [a, (x1, a[1]), (x1, b[1]), b]
            else:
                y, x2 = self._bus(target.row, bus), self._gutter_x(target.column, back)
                points = [a, (x1, a[1]), (x1, y), (x2, y), (x2, b[1]), b]
        return _path(line, points, _arrow_right(b))

    def _entry(self, line: Line) -> Path:
        cell = self.cells[line.target]
        side = cell.column // COLUMNS
        y = self._entry_y(cell.row, side, line.source)
        label = 7 * len(ORIGINS.get(line.source, line.source)) + 16
        x = label if side == 0 else WIDTH - label
        same = sorted(each.source for each in self.entries if each.target == line.target)
        shift = 12 * (same.index(line.source) - (len(same) - 1) / 2)
        end_x = self.column_x(cell.column) + NODE_W * (0.62 if side == 0 else 0.38) + shift
        end = (end_x, self.row_y[cell.row])
        made = _path(line, [(x, y), (end_x, y), end], _arrow_down(end))
        if self.named:
            return Path(
                *(line.source, line.target, line.events, made.d, made.tip),
                label=(end_x + 8, y + 4) if side == 0 else (end_x - 8, y + 4),
                anchor="start" if side == 0 else "end",
            )
        return made

    def _loose(self, line: Line) -> Path:
        cell = self.cells[line.source]
        x = self.column_x(cell.column) + NODE_W
        y = self._middle(line.source) + self.out_port[line]
        d = f"M{x:g} {y:g}h12m5 0a2.5 2.5 0 1 1-5 0a2.5 2.5 0 1 1 5 0"
        label = (x + 24, y + 4 - 7 * (len(line.events) - 1))
        return Path(line.source, "", line.events, d, label=label, anchor="start")


def _port(number: int) -> int:
    return PORTS[min(number, len(PORTS) - 1)]


def _short(name: str) -> str:
    title = name.capitalize()
    return title if len(title) <= CHARS else f"{title[: CHARS - 1]}…"


def _arrow_right(end: Point) -> str:
    x, y = end
    return f"M{x - 6:g} {y - 3.5:g}L{x - 0.5:g} {y:g}L{x - 6:g} {y + 3.5:g}"


def _arrow_down(end: Point) -> str:
    x, y = end
    return f"M{x - 3.5:g} {y - 6:g}L{x:g} {y - 0.5:g}L{x + 3.5:g} {y - 6:g}"


def _path(line: Line, points: list[Point], tip: str) -> Path:
    flat = [(abs(b[0] - a[0]), a, b) for a, b in itertools.pairwise(points) if a[1] == b[1]]
    _, a, b = max(flat, key=lambda piece: piece[0])
    label = ((a[0] + b[0]) / 2, a[1] - 4)
    return Path(line.source, line.target, line.events, _rounded(points), tip, label)


def _rounded(points: list[Point]) -> str:
    """Return the SVG path through `points`, its corners rounded."""
    parts = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        start = _toward(here, before)
        end = _toward(here, after)
        parts.append(f"L{start[0]:g} {start[1]:g}Q{here[0]:g} {here[1]:g} {end[0]:g} {end[1]:g}")
    parts.append(f"L{points[-1][0]:g} {points[-1][1]:g}")
    return "".join(parts)


def _toward(here: Point, there: Point) -> Point:
    """Return the point up to a corner's radius from `here` toward `there`."""
    dx, dy = there[0] - here[0], there[1] - here[1]
    length = abs(dx) + abs(dy)
    if not length:
        return here
    share = min(CORNER, length / 2) / length
    return here[0] + dx * share, here[1] + dy * share
