"""The logs of many processes on one screen, even if nobody reads them."""

import os

import pytest

from app.cli.supervisor.output import Console


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def test_names_are_aligned(pipe):
    reader, writer = pipe
    console = Console(8, writer)
    console.line("web", "ready")
    console.line("worker-1", "busy")
    console.line("", "plain")
    assert os.read(reader, 4096).decode() == "web      | ready\nworker-1 | busy\nplain\n"


def test_names_have_colours_on_a_terminal(pipe):
    reader, writer = pipe
    console = Console(3, writer, colour=True)
    console.line("web", "one")
    console.line("sup", "two")
    first, second = os.read(reader, 4096).decode().splitlines()
    assert first.startswith("\x1b[36m")
    assert second.startswith("\x1b[32m")
    assert first.endswith("one")


def test_a_reader_that_does_not_read_costs_lines_but_no_time(pipe):
    reader, writer = pipe
    console = Console(3, writer)
    for number in range(1000):
        console.line("web", f"{number} " + "x" * 1000)
    first = os.read(reader, 1 << 20)
    console.line("web", "read again")
    assert first.startswith(b"web | 0 ")
    later = os.read(reader, 1 << 20).decode()
    assert "lines were not shown" in later
    assert later.endswith("web | read again\n")


def test_a_reader_that_is_gone_stops_nothing():
    reader, writer = os.pipe()
    os.close(reader)
    Console(3, writer).line("web", "nobody")
    os.close(writer)
