"""Plan before you train: sizes, work, memory, energy and cost of a model.

Plain arithmetic on plain numbers; loads no torch and no model.

    Architecture  architecture  ARCHITECTURES  PUBLISHED_SIZES
    training_flops  gpu_days  energy_kwh  emissions_kg  cost
    weight_bytes  training_bytes  BYTES_PER_VALUE  BYTES_PER_PARAMETER
    fit_power_law  PowerLaw
"""

from kit.planning.architecture import ARCHITECTURES, PUBLISHED_SIZES, Architecture, architecture
from kit.planning.compute import (
    BYTES_PER_PARAMETER,
    BYTES_PER_VALUE,
    cost,
    emissions_kg,
    energy_kwh,
    gpu_days,
    training_bytes,
    training_flops,
    weight_bytes,
)
from kit.planning.scaling import PowerLaw, fit_power_law

__all__ = [
    "ARCHITECTURES",
    "BYTES_PER_PARAMETER",
    "BYTES_PER_VALUE",
    "PUBLISHED_SIZES",
    "Architecture",
    "PowerLaw",
    "architecture",
    "cost",
    "emissions_kg",
    "energy_kwh",
    "fit_power_law",
    "gpu_days",
    "training_bytes",
    "training_flops",
    "weight_bytes",
]
