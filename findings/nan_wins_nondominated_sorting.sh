#!/usr/bin/env bash
# An objective that is NaN wins NSGA-II: pymoo and DEAP put it in the first front, and pymoo's search ends on nothing else.
#
# Surprise: every comparison with NaN is false, so such a point is dominated by none and counts as optimal
# (pymoo/util/nds, deap/tools/emo.py: sortNondominated). A few failed evaluations fill the population in some
# generations. DEAP's other sorting, sortLogNondominated, gives other fronts for the same points. Optuna refuses NaN
# (the trial fails) and pymoo's own search with one objective sorts it last.
# Guessed: NaN ranks last. Failed evaluations must be given a large finite number, or be left out, by the caller.
# pymoo 0.6.2, DEAP 1.4.4, NumPy 2.4.6, Python 3.11, tried on 2026-11-30.
set -euo pipefail
packages=(pymoo==0.6.2 deap==1.4.4 numpy==2.4.6)
behavior="a NaN objective is in the first front of pymoo and DEAP; NSGA-II with some of them returns only NaN."
expected=$(cat <<'SEEN'
pymoo's fronts: [[(nan, 0.5)], [(1.0, 1.0)], [(2.0, 2.0)]]
DEAP's sortNondominated: [[(nan, 0.5)], [(1.0, 1.0)], [(2.0, 2.0)]]
DEAP's sortLogNondominated: [[(1.0, 1.0), (nan, 0.5)], [(2.0, 2.0)]]
NSGA-II ends on: [[nan, nan]]
one objective, GA ends on a number: True
SEEN
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -z "${LATEST:-}" ] || packages=("${packages[@]%%==*}")
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" || exit 2
cd "$work"
seen=$(venv/bin/python -W ignore - <<'PROGRAM'
import numpy as np
from deap import base, creator, tools
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.soo.nonconvex.ga import GA
from pymoo.core.problem import Problem
from pymoo.optimize import minimize
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

POINTS = [(1.0, 1.0), (2.0, 2.0), (float("nan"), 0.5)]
fronts = NonDominatedSorting().do(np.array(POINTS))
print("pymoo's fronts:", [[POINTS[i] for i in front] for front in fronts])

creator.create("Minimum", base.Fitness, weights=(-1.0, -1.0))
creator.create("Individual", list, fitness=creator.Minimum)
individuals = []
for point in POINTS:
    individual = creator.Individual()
    individual.fitness.values = point
    individuals.append(individual)
for sort in (tools.sortNondominated, tools.sortLogNondominated):
    fronts = sort(individuals, len(individuals))
    print(f"DEAP's {sort.__name__}:", [[i.fitness.values for i in front] for front in fronts])


class Fails(Problem):
    """Every third evaluation of a generation fails."""

    def __init__(self, objectives):
        super().__init__(n_var=2, n_obj=objectives, xl=0, xu=1)

    def _evaluate(self, x, out, *args, **kwargs):
        values = np.c_[x[:, 0], 1 - x[:, 0] + x[:, 1]][:, : self.n_obj]
        values[::3] = np.nan
        out["F"] = values


result = minimize(Fails(2), NSGA2(pop_size=10), ("n_gen", 20), seed=1)
print("NSGA-II ends on:", np.unique(result.F, axis=0).tolist())
print("one objective, GA ends on a number:", bool(np.isfinite(minimize(Fails(1), GA(pop_size=10), ("n_gen", 20), seed=1).F).all()))
PROGRAM
)
versions='import sys; from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in sys.argv[1:]))'
echo "version:  $(venv/bin/python -c "$versions" "${packages[@]%%==*}")"
echo "behavior: $behavior"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "CHANGED: '<' is what was seen before, '>' is what is seen now"; exit 1; }
