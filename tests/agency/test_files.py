"""The files around the code say what the code does."""

import re

import yaml

from agency.settings import BASE_DIR


def test_every_variable_is_in_the_example() -> None:
    code = (BASE_DIR / "agency" / "settings.py").read_text()
    wanted = set(re.findall(r'read\(\s*"([A-Z_]+)"', code))
    named = set(re.findall(r"^#([A-Z_]+)=", (BASE_DIR / ".env.example").read_text(), re.MULTILINE))
    assert len(wanted) > 15
    assert wanted <= named
    assert named - wanted == {"APP_PASSWORD", "OWNER_PASSWORD", "POSTGRES_PASSWORD"}


def test_the_compose_file_has_a_worker_for_every_queue() -> None:
    compose = yaml.safe_load((BASE_DIR / "docker-compose.yml").read_text())
    services = compose["services"]
    assert {"postgres", "valkey", "pgbouncer", "prepare", "web", "beat"} <= set(services)
    queues: list[str] = []
    for service in services.values():
        command = service.get("command", [])
        if "worker" in command:
            queues += command[command.index("-Q") + 1].split(",")
            threads = int(command[command.index("-c") + 1])
            assert int(service["environment"]["DB_POOL_SIZE"]) >= threads + 8
    assert sorted(queues) == ["bulk", "fast", "normal", "sweep"]
    for service in services.values():
        for other in service.get("depends_on", {}):
            assert other in services


def test_the_lock_holds_no_address() -> None:
    assert "://" not in (BASE_DIR / "requirements.lock").read_text()
