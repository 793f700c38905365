"""Work, memory, time, energy and money from a number of parameters.

Units are in every name or docstring: FLOPs are operations (not per second),
bytes are bytes (1 GB = 1e9), days have 24 hours.

    training_flops  gpu_days  energy_kwh  emissions_kg  cost
    weight_bytes  training_bytes
"""

from kit import check

#: Bytes of one stored value by precision. q4 is two values a byte, without its scales.
BYTES_PER_VALUE = {
    "fp64": 8.0,
    "fp32": 4.0,
    "tf32": 4.0,
    "bf16": 2.0,
    "fp16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "q4": 0.5,
}

#: Bytes of training state per parameter: weight + gradient + master copy + optimizer's moments.
BYTES_PER_PARAMETER = {
    ("adam", "mixed"): 2 + 2 + 4 + 4 + 4,
    ("adam", "fp32"): 4 + 4 + 0 + 4 + 4,
    ("adam8bit", "mixed"): 2 + 2 + 4 + 1 + 1,
    ("momentum", "mixed"): 2 + 2 + 4 + 4,
    ("momentum", "fp32"): 4 + 4 + 0 + 4,
    ("sgd", "mixed"): 2 + 2 + 4,
    ("sgd", "fp32"): 4 + 4,
}

Number = int | float


def training_flops(parameters: Number, tokens: Number) -> float:
    """Operations to train on `tokens`: C = 6 N D.

    Two FLOPs per weight and token forward, four backward; attention's n^2 part is left
    out (see `Architecture.forward_flops`). Units: FLOPs. Raises: ValueError for negatives.
    Source: Kaplan et al. (2020), eq. 2.2 and table 1. Lesson: 01.
    """
    check.number("parameters", parameters, 0)
    check.number("tokens", tokens, 0)
    return 6.0 * parameters * tokens


def gpu_days(flops: Number, *, flops_per_second: Number, utilization: Number = 0.4) -> float:
    """Days of one accelerator for `flops` operations.

    `flops_per_second` is the peak of the data sheet (A100 bf16: 312e12; H100 bf16 dense:
    989e12), `utilization` the share of it reached, 0.3-0.5 in good runs.
    Units: days of one device. Raises: ValueError outside the ranges.
    Source: Chowdhery et al. (2022), section 4.1 (model FLOPs utilization). Lesson: 01.
    """
    check.number("flops", flops, 0)
    check.number("flops_per_second", flops_per_second, above=0)
    check.number("utilization", utilization, None, 1, above=0)
    return flops / (flops_per_second * utilization) / 86_400


def energy_kwh(days: Number, *, watts: Number, overhead: Number = 1.1) -> float:
    """Electric energy of `days` device-days at `watts`.

    `overhead` multiplies it, the data centre's power usage effectiveness (PUE): 1.1 is
    very good, 1.5 common.
    Units: kWh. Raises: ValueError outside the ranges (overhead >= 1).
    Source: Patterson et al. (2021), formula for KWh. Lesson: 01.
    """
    check.number("days", days, 0)
    check.number("watts", watts, 0)
    check.number("overhead", overhead, 1)
    return days * 24 * watts / 1000 * overhead


def emissions_kg(energy: Number, *, grams_per_kwh: Number) -> float:
    """Kilograms of CO2-equivalent of `energy` kWh at the grid's `grams_per_kwh`.

    Raises: ValueError for negatives. Source: Patterson et al. (2021), formula for tCO2e. Lesson: 01.
    """
    check.number("energy", energy, 0)
    check.number("grams_per_kwh", grams_per_kwh, 0)
    return energy * grams_per_kwh / 1000


def cost(days: Number, *, price_per_hour: Number) -> float:
    """Money for `days` device-days at a price per device and hour.

    Units: the currency of the price.

    Raises: ValueError for negatives. Lesson: 01.
    """
    check.number("days", days, 0)
    check.number("price_per_hour", price_per_hour, 0)
    return days * 24 * price_per_hour


def weight_bytes(parameters: Number, precision: str = "fp32") -> float:
    """Bytes of the weights alone, as stored or served.

    Raises: ValueError for an unknown precision. Lesson: 01.
    """
    check.number("parameters", parameters, 0)
    check.one_of("precision", precision, BYTES_PER_VALUE)
    return parameters * BYTES_PER_VALUE[precision]


def training_bytes(parameters: Number, *, optimizer: str = "adam", precision: str = "mixed") -> float:
    """Bytes of weights, gradients and optimizer state; activations come on top.

    Mixed-precision Adam keeps 16 bytes per parameter: 2 (weight) + 2 (gradient) +
    4 (fp32 master copy) + 4 + 4 (two moments). Units: bytes.
    Raises: ValueError for an unknown optimizer or precision.
    Source: Rajbhandari et al. (2020), ZeRO, section 3.1. Lesson: 01.
    """
    check.number("parameters", parameters, 0)
    check.one_of("optimizer", optimizer, dict.fromkeys(o for o, _ in BYTES_PER_PARAMETER))
    check.one_of("precision", precision, [p for o, p in BYTES_PER_PARAMETER if o == optimizer])
    return float(parameters * BYTES_PER_PARAMETER[optimizer, precision])
