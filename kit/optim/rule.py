"""What the optimizers share: a formula per parameter, a kernel per group."""

from collections.abc import Callable
from typing import ClassVar

import torch

from kit.layers import fused
from kit.shapes import Tensor


class RuleOptimizer(torch.optim.Optimizer):
    """Abstract base: a subclass writes its rule as a formula and as a kernel.

    `_start(p, group)` makes the state of a parameter, `_formula(p, g, state, group)`
    updates one parameter in place, `_kernel(params, states, group)` all of a group.
    The kernel runs when the group's `fused` and the switch `kit.layers.fused()` are on.

    Lesson: 05
    """

    #: Options of torch's class that this one lacks; a loaded state must not use them.
    absent: ClassVar[tuple[str, ...]] = ("amsgrad", "maximize", "centered")

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Update every parameter that has a gradient; return the closure's loss.

        Args:
            closure: evaluates the model anew, calls backward, returns the loss.

        Lesson: 05
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        kernels = fused()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            for p in params:
                if not self.state[p]:
                    self.state[p].update(self._start(p, group))
            if not params:
                continue
            if kernels and group["fused"]:
                self._kernel(params, [self.state[p] for p in params], group)
            else:
                for p in params:
                    self._formula(p, p.grad, self.state[p], group)
        return loss

    def __setstate__(self, state: dict) -> None:
        # Also the last step of load_state_dict: a state saved by torch's class lands here.
        super().__setstate__(state)
        for group in self.param_groups:
            for option in self.absent:
                if group.get(option):
                    raise ValueError(
                        f"{option}={group[option]} is not known to kit.optim.{type(self).__name__}; "
                        f"load this state into torch.optim.{type(self).__name__}"
                    )
            group["fused"] = group.get("fused") is not False
            for p in group["params"]:
                if "step" in self.state.get(p, {}):
                    step = torch.as_tensor(self.state[p]["step"], dtype=torch.float32)
                    self.state[p]["step"] = step.to(p.device)

    @staticmethod
    def _start(p: Tensor, group: dict) -> dict[str, Tensor]:
        raise NotImplementedError

    @staticmethod
    def _formula(p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        raise NotImplementedError

    @staticmethod
    def _kernel(params: list[Tensor], states: list[dict], group: dict) -> None:
        raise NotImplementedError
