"""The deaths of workers: Ray's words for one, and the line that a search makes of them."""

from __future__ import annotations

import errno

import pytest
from ray.exceptions import ActorDiedError, OutOfMemoryError, RayTaskError

from nas.ray.recovery.deaths import (
    cause_of,
    ended_for_memory,
    is_fault_of_machine,
    is_of_node,
    machine_fault,
    memory_error,
)
from nas.ray.recovery.memory import NodeMemory, short_node

OUT_OF_MEMORY = """\
1 worker(s) were killed due to the node running low on memory. Memory on the node (IP: 192.0.2.2, \
ID: 909a342756ef) was 3.37GB used / 23.54GB limit (0.143281)
OOM kill reason: Memory usage 3573047296B exceeded threshold of 3563924992B
Considered workers: [
Selected to kill: (Actor(67be4aac): job ID=01000000, pid=18123, actual memory used=2.40GB)
(Actor(b82583e6): job ID=01000000, pid=18122, actual memory used=0.11GB)
]"""


def test_an_error_for_memory_names_its_node_and_the_workers_that_were_ended() -> None:
    error = OutOfMemoryError(OUT_OF_MEMORY)
    wrapped = RuntimeError("Caught unexpected exception")
    wrapped.__cause__ = error
    assert memory_error(wrapped) is error
    assert memory_error(RuntimeError("another")) is None
    assert short_node(OUT_OF_MEMORY) == "909a342756ef"
    assert ended_for_memory(error, {"67be4aac", "b82583e6"}) == {"67be4aac"}
    assert cause_of(error).startswith("out of memory: 1 worker(s) were killed")
    assert "\n" not in cause_of(error)


def died(text: str) -> ActorDiedError:
    error = ActorDiedError()
    error.error_msg = text
    return error


def test_a_death_is_told_in_one_line() -> None:
    error = died(
        "The actor died unexpectedly before finishing this task.\n\tclass_name: X\nThe actor is "
        "dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit "
        "detail: Worker unexpectedly exits with a connection error code 2. End of file. There are "
        "some potential root causes. (1) The process is killed by SIGKILL by OOM killer"
    )
    assert cause_of(error) == "its process died"
    assert not is_of_node(error)
    assert is_of_node(died("The actor died because its node has died. Node Id: abc"))


@pytest.mark.parametrize(
    ("raised", "is_machine"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (MemoryError(), True),
        (OSError(errno.ENOENT, "No such file or directory"), False),
        (ValueError("shapes"), False),
    ],
)
def test_a_full_disk_is_no_fault_of_an_architecture(raised: Exception, is_machine: bool) -> None:
    assert machine_fault(raised) == is_machine
    assert is_fault_of_machine(RayTaskError("step", "a traceback", raised)) == is_machine
    assert not is_fault_of_machine(died("killed"))


def test_a_node_with_room_for_its_workers_holds_them() -> None:
    assert NodeMemory(used_bytes=10e9, limit_bytes=22e9).holds(2)
    assert not NodeMemory(used_bytes=21.5e9, limit_bytes=22e9).holds(2)
    assert NodeMemory(used_bytes=16e9, limit_bytes=22e9).holds(100)  # a quarter is enough
    assert NodeMemory(used_bytes=16e9, limit_bytes=22e9).has_room
    assert not NodeMemory(used_bytes=17e9, limit_bytes=22e9).has_room
