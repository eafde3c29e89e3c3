"""Experiments, their jobs and the queue that a team shares: what is to run, what runs, what became of it.

    registry = Registry.open("sqlite:///posenas.db")  # registry.py: look, cancel, retry, resume, pause
    submitted = submit(registry, plan_of(Path("as1.yaml")))  # experiments.py, submission.py
    claim = Queue(registry).claim("worker-1", place)  # queue.py: what workers do
    run_worker(registry, WorkerConfig())  # worker.py: claims jobs and runs each as a process

Functions give frozen records (`records.py`), never database rows. Times are seconds since 1970 by the clock
of the database; no clock of another machine enters a decision.
"""
