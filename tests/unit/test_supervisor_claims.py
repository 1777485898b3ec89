"""What a relay needs for itself is refused by the variable's name when somebody else has it."""

import os
import socket
from pathlib import Path

import pytest

from app.cli.supervisor.claims import check_ports, is_free, own_directory, remembered_port
from app.errors import SettingsError


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_a_taken_port_is_refused_by_its_variable(listener):
    with pytest.raises(SettingsError, match=f"^FLOWER_PORT={listener} is taken"):
        check_ports({"PORT": free_port(), "FLOWER_PORT": listener}, patience=0)


def test_a_port_shared_by_servers_counts_as_taken():
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert not is_free(server.getsockname()[1])


def test_free_ports_are_accepted_at_once():
    check_ports({"PORT": free_port()}, patience=0)


def test_a_data_directory_belongs_to_one_relay_at_a_time(tmp_path):
    with own_directory(tmp_path / "var"):
        with pytest.raises(SettingsError, match="RELAY_DATA_DIR"), own_directory(tmp_path / "var"):
            pass
        with own_directory(tmp_path / "other"):
            pass
    with own_directory(tmp_path / "var") as run_dir:
        assert run_dir == tmp_path / "var" / "run"


def test_a_data_directory_that_cannot_be_one_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="RELAY_DATA_DIR"), own_directory(tmp_path / "file"):
        pass


def test_pid_files_of_an_earlier_relay_are_removed(tmp_path):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    for name, text in {
        "web.pid": "999999999",
        "valkey.pid": str(os.getpid()),
        "beat.pid": "",
        "redis.url": "x",
    }.items():
        (run_dir / name).write_text(text)
    with own_directory(tmp_path):
        assert list(run_dir.iterdir()) == []


def test_a_port_is_remembered(tmp_path):
    file = tmp_path / "port"
    first = remembered_port(file, taken=lambda port: False)
    assert remembered_port(file, taken=lambda port: False) == first


def test_a_remembered_port_that_another_took_is_replaced(tmp_path, listener):
    file: Path = tmp_path / "port"
    file.write_text(f"{listener}\n")
    fresh = remembered_port(file, taken=lambda port: False)
    assert fresh != listener
    assert remembered_port(file, taken=lambda port: port == fresh) not in {fresh, listener}
