"""A run that begins where the search of another ended: so one genotype is trained several times."""

import shutil
from pathlib import Path

from cluster.files import read_json
from cluster.stages.folder import BRANCH_FACT, RunFolder

__all__ = ["branch_run"]

_OF_LATER_STAGES = shutil.ignore_patterns("training.*", "confusion.*")
"""Pictures of the other run's training and evaluation; this one will have its own."""


def branch_run(source: Path, folder: Path) -> RunFolder:
    """Make a run with the settings, the search and the genotype of another; nothing is done where it is made.

    Args:
        source: a run whose search has ended.
        folder: new, or what an earlier call made of the same source.

    Raises:
        FileNotFoundError: there is no run at `source`, or it has no genotype.
        FileExistsError: the folder holds something else.
    """
    begun = RunFolder.open(source)
    begun.genotype()
    run = RunFolder(Path(folder))
    if not run.experiment_file.exists():
        run = RunFolder.create(run.path, begun.config(), **{BRANCH_FACT: begun.run_id})
    elif read_json(run.identity_file).get(BRANCH_FACT) != begun.run_id:
        raise FileExistsError(f"{folder} holds a run that did not begin with {source}; give a new folder")
    if begun.data_file.exists() and not run.data_file.exists():
        shutil.copy2(begun.data_file, run.data_file)
    if not run.genotype_file.exists():
        if begun.pictures.is_dir():
            shutil.copytree(begun.pictures, run.pictures, ignore=_OF_LATER_STAGES, dirs_exist_ok=True)
        shutil.copy2(begun.search_file, run.search_file)
        shutil.copy2(begun.genotype_file, run.genotype_file)  # last: where it is, the run can be trained
    return run
