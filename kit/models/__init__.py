"""Models: each a config dataclass and a module that reads top to bottom.

count_parameters                01
MLPConfig  MLP                  03
"""

from kit.models.mlp import MLP, MLPConfig, count_parameters

__all__ = ["MLP", "MLPConfig", "count_parameters"]
