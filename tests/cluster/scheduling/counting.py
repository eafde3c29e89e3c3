"""A job for tests, as a search is one: it counts step by step, saves each, and stops politely.

    counting.py FOLDER STEPS SECONDS

Each step adds a line "STEP PID" to FOLDER/steps: what two did at once, or nobody did, shows there.
"""

import os
import signal
import sys
import time
from pathlib import Path

stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
folder, steps, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
folder.mkdir(parents=True, exist_ok=True)
file = folder / "steps"
done = len(file.read_text().splitlines()) if file.exists() else 0
while done < steps:
    time.sleep(seconds)
    done += 1
    with file.open("a") as steps_file:
        steps_file.write(f"{done} {os.getpid()}\n")
    print(f"step {done} of {steps}", flush=True)  # noqa: T201
    if stopped:
        sys.exit(143)
