"""The queue as a page in a browser: jobs and their progress live, cancel and retry, links to MLflow.

Nothing that the registry holds is ever read as HTML or as a script: the page gets JSON, puts it in as text,
and forbids itself every script that is not its own file. Who may act is decided in `guard`.
"""

from cluster.scheduling.page.app import create_app
from cluster.scheduling.page.server import serve_page

__all__ = ["create_app", "serve_page"]
