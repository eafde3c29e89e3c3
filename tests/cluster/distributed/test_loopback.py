"""A Ray that is started for one machine is for that machine alone."""

import subprocess
import sys

import pytest

LISTENING = """
import ray
from cluster.distributed.config import RuntimeConfig
from cluster.distributed.runtime import Runtime, token_file
with Runtime(RuntimeConfig(workers=1)):
    print(ray.util.get_node_ip_address())
    if token_file().exists():
        print(oct(token_file().stat().st_mode & 0o777))
"""


@pytest.mark.slow
def test_ray_listens_on_loopback_and_its_token_is_for_its_owner_alone() -> None:
    done = subprocess.run([sys.executable, "-c", LISTENING], capture_output=True, text=True, timeout=120)
    address, *mode = done.stdout.split()
    assert address == "127.0.0.1"
    assert mode in (["0o600"], [])
