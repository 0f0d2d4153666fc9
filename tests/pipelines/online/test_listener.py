"""One address: refused to a second service, shared by the workers of the first."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from expectations.contracts.errors import UserError
from pipelines.online.listener import SharedAddress, bind
from tests.servers import free_port

HOST = "127.0.0.1"
CONNECTIONS = 64
"""Dealt out by a hash: that one of two gets none of them has a chance of 2 in 2 ** 64."""


def test_nobody_else_gets_it_while_nothing_listens_yet() -> None:
    port = free_port()
    with bind(HOST, port), pytest.raises(UserError, match=rf"{HOST}:{port}.*in use"):
        bind(HOST, port).__enter__()
    with bind(HOST, port) as again:
        assert again.getsockname() == (HOST, port)


@pytest.mark.parametrize("shares", [False, True])
def test_what_another_program_listens_at_is_taken(shares: bool) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, shares)
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=rf"{HOST}:{port}.*--port"):
            bind(HOST, port).__enter__()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.1"])
def test_an_address_that_is_not_here_is_refused(host: str) -> None:
    with pytest.raises(UserError, match=rf"{host}:8000"):
        bind(host, 8000).__enter__()


def test_an_error_of_whoever_listens_stays_what_it_is() -> None:
    with pytest.raises(FileNotFoundError), bind(HOST, free_port()):
        raise FileNotFoundError("of somebody else")


def test_each_worker_gets_its_part_of_the_connections() -> None:
    with bind(HOST, free_port()) as bound:
        workers = [sent_to_a_worker(bound) for _ in range(2)]
        for worker in workers:
            worker.listen()
        address = bound.getsockname()
        with ThreadPoolExecutor(8) as pool:
            clients = list(
                pool.map(lambda _: socket.create_connection(address), range(CONNECTIONS))
            )
        accepted = [count_waiting(worker) for worker in workers]
        assert sum(accepted) == CONNECTIONS
        assert min(accepted) > 0
        close(clients)
        close(workers)


def sent_to_a_worker(bound: SharedAddress) -> SharedAddress:
    arrived: SharedAddress = pickle.loads(pickle.dumps(bound))
    return arrived


def count_waiting(worker: socket.socket) -> int:
    worker.settimeout(0.2)  # the last may be on its way
    count = 0
    while True:
        try:
            worker.accept()[0].close()
        except TimeoutError:
            return count
        count += 1


def close(sockets: Sequence[socket.socket]) -> None:
    for each in sockets:
        each.close()
