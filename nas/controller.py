"""ENAS's controller: an LSTM that writes a genotype decision by decision.

For each node of a cell it chooses input x, input y, operation x and operation y; the next LSTM input is the
chosen state's anchor or the chosen operation's embedding. The reduction cell continues from the state in
which the normal cell ended, and what a space chooses besides (stem, head) from that of the reduction cell.
All genotypes of a step are sampled, and later scored, as one batch.

Source: Pham et al. 2018 (ENAS), released program, micro controller.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from nas.config import ControllerConfig
from nas.random import generator
from nas.space import ENAS_MICRO, SearchSpace

INITIAL_RANGE = 0.1
PREFERRED_BIAS = 10.0
"""Start of the bias of operations that a space prefers, which get a bonus in the normal cell besides."""

# (M, n) logits -> (M,) choices
_Choose = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Decisions:
    """M sampled or replayed genotypes.

    Attributes:
        numbers: int64 (M, 2 cells, 4 B), in ENAS's notation.
        choices: int64 (M, K), the positions of stem and head, where the space has a choice of them.
        log_probability: (M,), natural logarithm of the product of all choices' probabilities.
        entropy: (M,), sum of the entropies of the distributions met on the way, detached.
    """

    numbers: Tensor
    choices: Tensor
    log_probability: Tensor
    entropy: Tensor


class Controller:
    """Parameters of the LSTM and the two ways to run it.

    Args:
        config: sizes and constants.
        num_nodes: B, nodes in a cell.
        seed: key of the initial parameters.
        space: the operations, cell inputs and choices.

    Attributes:
        parameters: by name; float32 leaves.
    """

    def __init__(
        self, config: ControllerConfig, num_nodes: int, seed: int, space: SearchSpace = ENAS_MICRO
    ) -> None:
        self._config = config
        self._num_nodes = num_nodes
        self._space = space
        self.parameters = _initial_parameters(config.hidden, seed, space)

    @property
    def num_decisions(self) -> int:
        """Choices in one genotype: four for each node of two cells, and those beside the cells."""
        return 2 * 4 * self._num_nodes + len(self._space.choices)

    def sample(self, uniform: npt.NDArray[np.float64]) -> Decisions:
        """Draw genotypes.

        Args:
            uniform: (M, num_decisions), uniform in [0, 1): choice d of genotype m is the first whose
                cumulated probability exceeds uniform[m, d].
        """
        columns = iter(torch.from_numpy(uniform).T)

        def choose(logits: Tensor) -> Tensor:
            cumulated = logits.double().softmax(dim=1).cumsum(dim=1)
            # The last bound is left out: rounding may leave the sum just below a uniform number.
            chosen: Tensor = (next(columns)[:, None] >= cumulated[:, :-1]).sum(dim=1)
            return chosen

        with torch.no_grad():
            return self._unroll(len(uniform), choose)

    def replay(self, numbers: Tensor, choices: Tensor | None = None) -> Decisions:
        """Log-probabilities, with gradient, of given genotypes: int64 (M, 2, 4 B) and, if any, (M, K)."""
        others = [] if choices is None else list(choices.T)
        order = iter([*_decision_order(numbers), *others])
        return self._unroll(len(numbers), lambda _: next(order))

    def _unroll(self, count: int, choose: _Choose) -> Decisions:
        run = _Run(self._config, self.parameters, count, choose, self._space)
        cells = [run.cell(self._num_nodes, bonus) for bonus in (self._config.normal_bias, 0.0)]
        others = run.choices()
        choices = torch.stack(others, dim=1) if others else torch.zeros(count, 0, dtype=torch.int64)
        return Decisions(torch.stack(cells, dim=1), choices, run.log_probability, run.entropy)


def _initial_parameters(hidden: int, seed: int, space: SearchSpace) -> dict[str, Tensor]:
    """All weights uniform in [-0.1, 0.1], except the operations' bias: 10 for preferred ones, else 0."""
    operations = len(space.operations)
    shapes = {
        "lstm": (2 * hidden, 4 * hidden),
        "start": (1, hidden),
        "operation_embedding": (operations, hidden),
        "operation_weight": (hidden, operations),
        "attention_anchor": (hidden, hidden),
        "attention_query": (hidden, hidden),
        "attention_value": (hidden, 1),
    }
    for what, names in space.choices:
        shapes[f"{what}_weight"] = (hidden, len(names))
    for what, names in space.choices[:-1]:  # nothing follows the last
        shapes[f"{what}_embedding"] = (len(names), hidden)
    rng = generator(seed, "initial controller")
    drawn = {
        name: rng.uniform(-INITIAL_RANGE, INITIAL_RANGE, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    bias = np.where(np.arange(operations) < space.preferred, PREFERRED_BIAS, 0.0).astype(np.float32)
    return {n: torch.from_numpy(v).requires_grad_() for n, v in {**drawn, "operation_bias": bias}.items()}


def _decision_order(numbers: Tensor) -> list[Tensor]:
    """Columns of (M, 2, 4 B) in the order of decisions: per node x and y input, x and y operation."""
    nodes = numbers.reshape(len(numbers), -1, 4)
    return [nodes[:, node, place] for node in range(nodes.shape[1]) for place in (0, 2, 1, 3)]


class _Run:
    """One pass of the LSTM over M genotypes: its state, and what has been added up so far."""

    def __init__(
        self,
        config: ControllerConfig,
        parameters: Mapping[str, Tensor],
        count: int,
        choose: _Choose,
        space: SearchSpace,
    ) -> None:
        self._config = config
        self._space = space
        self._p = parameters
        self._choose = choose
        self._count = count
        self._hidden = self._state = torch.zeros(count, config.hidden)
        self.log_probability = torch.zeros(count)
        self.entropy = torch.zeros(count)

    def cell(self, num_nodes: int, bonus: float) -> Tensor:
        """Decide one cell: int64 (M, 4 B)."""
        start = self._p["start"].expand(self._count, -1)
        anchors, keys = [], []
        for _ in range(self._space.num_inputs):
            self._advance(start)
            anchors.append(torch.zeros_like(self._hidden))
            keys.append(self._hidden @ self._p["attention_anchor"])
        numbers = []
        for _ in range(num_nodes):
            numbers += self._node(start, torch.stack(anchors, dim=1), torch.stack(keys, dim=1), bonus)
            anchors.append(self._hidden)
            keys.append(self._hidden @ self._p["attention_anchor"])
        return torch.stack(numbers, dim=1)

    def _node(self, start: Tensor, anchors: Tensor, keys: Tensor, bonus: float) -> list[Tensor]:
        """Decide one node; afterwards the hidden state is the new state's anchor."""
        following, inputs, operations = start, [], []
        for _ in ("x", "y"):
            self._advance(following)
            inputs.append(self._decide(self._input_logits(keys)))
            following = anchors[torch.arange(self._count), inputs[-1]]
        for _ in ("x", "y"):
            self._advance(following)
            operations.append(self._decide(self._operation_logits(bonus)))
            following = self._p["operation_embedding"][operations[-1]]
        self._advance(following)
        return [inputs[0], operations[0], inputs[1], operations[1]]

    def choices(self) -> list[Tensor]:
        """Decide what a space chooses beside the cells, after them: int64 (M,) each."""
        following, chosen = self._p["start"].expand(self._count, -1), []
        for what, _ in self._space.choices:
            self._advance(following)
            logits = torch.tanh(self._hidden @ self._p[f"{what}_weight"] / self._config.temperature)
            chosen.append(self._decide(self._config.tanh_constant * logits))
            if len(chosen) < len(self._space.choices):
                following = self._p[f"{what}_embedding"][chosen[-1]]
        return chosen

    def _advance(self, x: Tensor) -> None:
        """One step of an LSTM without bias; gates in the order input, forget, output, candidate."""
        gates = torch.cat([x, self._hidden], dim=1) @ self._p["lstm"]
        into, forget, out, candidate = gates.chunk(4, dim=1)
        self._state = into.sigmoid() * candidate.tanh() + forget.sigmoid() * self._state
        self._hidden = out.sigmoid() * self._state.tanh()

    def _input_logits(self, keys: Tensor) -> Tensor:
        """c tanh(v . tanh(W1 a + W2 h) / t) for every state so far: (M, states)."""
        query = (self._hidden @ self._p["attention_query"])[:, None]
        logits = (torch.tanh(keys + query) @ self._p["attention_value"]).squeeze(2)
        return self._config.tanh_constant * torch.tanh(logits / self._config.temperature)

    def _operation_logits(self, bonus: float) -> Tensor:
        """(c / 2.5) tanh((W h + b) / t) plus the fixed bonus of preferred ones: (M, operations)."""
        logits = self._hidden @ self._p["operation_weight"] + self._p["operation_bias"]
        limit = self._config.tanh_constant / self._config.operation_tanh_reduce
        bounded = limit * torch.tanh(logits / self._config.temperature)
        preferred, count = self._space.preferred, len(self._space.operations)
        if not preferred:
            return bounded
        return bounded + torch.tensor([bonus if op < preferred else -bonus for op in range(count)])

    def _decide(self, logits: Tensor) -> Tensor:
        chosen = self._choose(logits)
        logs = F.log_softmax(logits, dim=1)
        self.log_probability = self.log_probability + logs.gather(1, chosen[:, None]).squeeze(1)
        self.entropy = self.entropy - (logs.exp() * logs).sum(dim=1).detach()
        return chosen
