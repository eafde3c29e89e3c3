#!/usr/bin/env bash
# Optuna's PatientPruner never stops a trial that has stopped to improve: a plateau is not "no improvement" to it.
#
# Surprise: its documentation says that a trial is pruned if the improvement after the patience is less than
# `min_delta`. The code compares the best value before the patience, *plus* min_delta, with the best one after it
# (optuna/pruners/_patient.py): only a trial that gets worse by more than min_delta is pruned. A larger min_delta,
# which should ask for more improvement, prunes less, and no value of it ends a training that stands still.
# Guessed: a trial without improvement for `patience` steps is pruned.
# Optuna 5.0.0, Python 3.11, tried on 2026-11-30.
set -euo pipefail
packages=(optuna==5.0.0)
behavior="PatientPruner prunes only what gets worse; a larger min_delta prunes less, and a plateau runs on."
expected=$(cat <<'SEEN'
plateau at 3.0, min_delta 0: never pruned
plateau at 3.0, min_delta 0.05: never pruned
plateau at 3.0, min_delta 0.5: never pruned
0.001 better a step, min_delta 0: never pruned
0.001 better a step, min_delta 0.05: never pruned
0.001 better a step, min_delta 0.5: never pruned
0.1 worse at once, min_delta 0: pruned at step 5
0.1 worse at once, min_delta 0.05: pruned at step 5
0.1 worse at once, min_delta 0.5: never pruned
SEEN
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -z "${LATEST:-}" ] || packages=("${packages[@]%%==*}")
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" || exit 2
cd "$work"
seen=$(venv/bin/python -W ignore - <<'PROGRAM'
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def pruned_at(min_delta, losses):
    pruner = optuna.pruners.PatientPruner(None, patience=2, min_delta=min_delta)
    trial = optuna.create_study(pruner=pruner).ask()
    for step, loss in enumerate(losses):
        trial.report(loss, step)
        if trial.should_prune():
            return f"pruned at step {step}"
    return "never pruned"


curves = {
    "plateau at 3.0": [5, 4, 3] + [3.0] * 20,
    "0.001 better a step": [3 - 0.001 * step for step in range(23)],
    "0.1 worse at once": [5, 4, 3] + [3.1] * 20,
}
for name, losses in curves.items():
    for min_delta in (0, 0.05, 0.5):
        print(f"{name}, min_delta {min_delta}: {pruned_at(min_delta, losses)}")
PROGRAM
)
versions='import sys; from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in sys.argv[1:]))'
echo "version:  $(venv/bin/python -c "$versions" "${packages[@]%%==*}")"
echo "behavior: $behavior"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "CHANGED: '<' is what was seen before, '>' is what is seen now"; exit 1; }
