#!/usr/bin/env bash
# "An integer from 1 to 8, log-uniform" is a different distribution in Optuna, ConfigSpace and nevergrad.
#
# Surprise: how often 1 is drawn ranges from 0.20 to 0.40. Optuna draws the logarithm from log(0.5) to log(8.5) and
# rounds; ConfigSpace 1.2 gives each integer n the width log(n + 1) - log(n) (P(1) = log 2 / log 9 = 0.32); nevergrad
# draws from log(1) to log(8) and rounds, so that both ends get half a bin and 2 is its most frequent value. Numbers of
# layers, channels or batch sizes of papers that used different tools are thus not from the same prior.
# Guessed: all three as Optuna.
# Optuna 5.0.0, ConfigSpace 1.2.2, nevergrad 1.0.12, NumPy 2.4.6, Python 3.11, tried on 2026-11-30.
# Sources: optuna/_transform.py, ConfigSpace/hyperparameters/uniform_integer.py, nevergrad/parametrization/data.py.
set -euo pipefail
packages=(optuna==5.0.0 ConfigSpace==1.2.2 nevergrad==1.0.12 numpy==2.4.6)
behavior="P(1) of a log-uniform integer in 1..8 is 0.40, 0.31 or 0.20; nevergrad draws both ends half as often."
expected=$(cat <<'SEEN'
Optuna: 0.40 0.18 0.11 0.09 0.07 0.06 0.05 0.05
ConfigSpace: 0.31 0.19 0.13 0.10 0.08 0.07 0.06 0.06
nevergrad: 0.20 0.26 0.15 0.12 0.10 0.08 0.08 0.03
SEEN
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -z "${LATEST:-}" ] || packages=("${packages[@]%%==*}")
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" || exit 2
cd "$work"
seen=$(venv/bin/python -W ignore - <<'PROGRAM'
import nevergrad as ng
import numpy as np
import optuna
from ConfigSpace import ConfigurationSpace, Integer

optuna.logging.set_verbosity(optuna.logging.ERROR)
NUM_DRAWS = 4000

study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
space = {"n": optuna.distributions.IntDistribution(1, 8, log=True)}
draws = {"Optuna": [study.ask(space).params["n"] for _ in range(NUM_DRAWS)]}

configurations = ConfigurationSpace(seed=0)
configurations.add(Integer("n", (1, 8), log=True))
draws["ConfigSpace"] = [one["n"] for one in configurations.sample_configuration(NUM_DRAWS)]

parameter = ng.p.Log(lower=1, upper=8).set_integer_casting()
parameter.random_state.seed(0)
draws["nevergrad"] = [parameter.sample().value for _ in range(NUM_DRAWS)]

for name, values in draws.items():
    shares = np.bincount(values, minlength=9)[1:] / NUM_DRAWS
    print(f"{name}:", " ".join(f"{share:.2f}" for share in shares))
PROGRAM
)
versions='import sys; from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in sys.argv[1:]))'
echo "version:  $(venv/bin/python -c "$versions" "${packages[@]%%==*}")"
echo "behavior: $behavior"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "CHANGED: '<' is what was seen before, '>' is what is seen now"; exit 1; }
