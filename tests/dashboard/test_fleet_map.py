"""The fleet's map: the same fleet is always drawn the same, and nothing runs over an agent."""

import re
from itertools import combinations, pairwise

import pytest

from agents import fleet, wiring
from dashboard.fleet import fleet_map
from dashboard.fleet.fleet_map import NODE_H, NODE_W, Map
from jobs import events
from tests.agents import made_up

SIZES = [0, 1, 2, 5, 7, 12, 18]


def drawn(count: int) -> Map:
    agents = made_up.made_up(count)
    return fleet_map.draw([(a.name, a.quadrant) for a in agents], made_up.wiring(count))


def corners(d: str) -> list[tuple[float, float]]:
    """Return the points a path runs through, its rounded corners among them."""
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", d)]


@pytest.mark.parametrize("count", SIZES)
def test_every_agent_stands_inside_and_apart_from_the_others(count: int) -> None:
    found = drawn(count)
    assert len(found.nodes) == count
    for node in found.nodes:
        assert 0 <= node.x <= found.width - NODE_W
        assert 0 <= node.y <= found.height - NODE_H
    for a, b in combinations(found.nodes, 2):
        assert abs(a.x - b.x) >= NODE_W or abs(a.y - b.y) >= NODE_H


@pytest.mark.parametrize("count", SIZES)
def test_no_line_runs_over_an_agent(count: int) -> None:
    found = drawn(count)
    for path in found.paths:
        for (x1, y1), (x2, y2) in pairwise(corners(path.d.split("h")[0])):
            for node in found.nodes:
                beside = max(x1, x2) <= node.x or min(x1, x2) >= node.x + NODE_W
                above = max(y1, y2) <= node.y or min(y1, y2) >= node.y + NODE_H
                assert beside or above, (path, node)


def test_each_agent_is_in_its_quadrant() -> None:
    found = drawn(18)
    regions = {region.name: region for region in found.regions}
    for node in found.nodes:
        region = regions[made_up.FLEET[node.name][0]]
        assert region.x < node.x < region.x + region.width
        assert region.y < node.y < region.y + region.height


def test_the_same_fleet_is_drawn_the_same_whatever_its_order() -> None:
    agents = [(a.name, a.quadrant) for a in made_up.made_up()]
    lines = made_up.wiring()
    assert fleet_map.draw(agents, lines) == fleet_map.draw(agents[::-1], lines)


def test_eighteen_fit_a_screen() -> None:
    found = drawn(18)
    assert found.height <= 600
    assert not found.named


def test_with_few_agents_every_line_is_named() -> None:
    assert drawn(1).named


def test_a_quadrant_without_agents_says_so() -> None:
    assert [region.name for region in drawn(1).regions if region.empty] == [
        *("serve", "grow", "optimize"),
    ]


def test_a_name_too_long_is_cut() -> None:
    lines = wiring.Wiring((), (), ())
    (node,) = fleet_map.draw([("reconciliation-clerk", "grow")], lines).nodes
    assert node.title == "Reconciliati…"


def test_who_hands_over_stands_before_who_is_handed_to() -> None:
    names = [node.name for node in drawn(18).nodes]
    for before, after in (("scout", "researcher"), ("qualifier", "booker"), ("booker", "closer")):
        assert names.index(before) < names.index(after)


def test_lines_come_from_what_agents_hear_and_emit() -> None:
    lines = made_up.wiring()
    pairs = {(line.source, line.target): line.events for line in lines.links}
    assert pairs["outreach", "qualifier"] == ("lead.received",)
    assert pairs["monitor", "escalator"] == ("incident.unresolved",)
    entries = {(line.source, line.target): line.events for line in lines.entries}
    assert entries["webhook", "qualifier"] == ("lead.received",)
    assert entries["operator", "caller"] == ("call.asked",)
    assert ("prospect.declined", "call.due")[:1] in {line.events for line in lines.loose}


def test_an_event_nobody_is_known_to_bring_comes_from_elsewhere() -> None:
    (entry,) = wiring.wire(made_up.made_up(1), {}).entries
    assert (entry.source, entry.target) == ("elsewhere", "scout")


def test_what_an_agent_hears_is_what_it_is_subscribed_to() -> None:
    subscribed = events.subscriptions()
    for agent in fleet.all_agents().values():
        for event in agent.on:
            payloads = [dict(wanted.payload) for wanted in subscribed[event]]
            assert {"agent": agent.name} in payloads


def test_the_real_fleet_is_wired_from_its_actions_too() -> None:
    lines = wiring.wire(fleet.all_agents().values())
    entries = {(line.source, line.target) for line in lines.entries}
    assert {("webhook", "qualifier"), ("schedule", "scout")} <= entries
    links = {(line.source, line.target): line.events for line in lines.links}
    assert links["scout", "researcher"] == ("prospect.added",)
    loose = next(line for line in lines.loose if line.source == "qualifier")
    assert "lead.qualified" in loose.events
    assert "lead.answered" in loose.events
