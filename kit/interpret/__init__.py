"""Why did the network say that? Attributions, hooks, probes and tests of explanations.

Every attribution is called as in Captum: `Method(model).attribute(inputs, baselines=..., target=...)`,
on any module or function of tensors; the result is an `Attribution` whose `.values` are shaped as the
inputs (a tuple for a tuple). `target="all"` explains every output at once, along a new first axis.

Lesson 21, in this order:

    Attribution  CompletenessWarning                     the result
    Saliency  InputXGradient  IntegratedGradients  SmoothGrad  GradientShap  GradCAM
    FeatureAblation  Occlusion  permutation_importance  PermutationImportance
    partial_dependence  PartialDependence                any function, no gradient needed
    shapley_values  ShapleyValues  ShapleyValueSampling  KernelShap  linear_shap
    DeepLift  LRP                                        by tracing every operation
    completeness_gap  sensitivity_max  infidelity  deletion_curve  Curve
    randomization_test  Randomization                    tests of explanations
    run_with_cache  run_with_hooks  patch  patching_effects  ablate_heads
    attention_maps  attention_rollout  logit_lens  LogitLens
    LinearProbe  selectivity  Selectivity
    surrogate_rules  SurrogateRules  Rule  counterfactual  Counterfactual

NumPy and torch are all they need. Model in evaluation mode, please: active dropout is refused.
"""

from kit.interpret.attention import attention_maps, attention_rollout
from kit.interpret.attribution import Attribution, CompletenessWarning
from kit.interpret.gradient import (
    GradCAM,
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    Saliency,
    SmoothGrad,
)
from kit.interpret.hooks import ablate_heads, patch, patching_effects, run_with_cache, run_with_hooks
from kit.interpret.lens import LogitLens, logit_lens
from kit.interpret.perturbation import (
    FeatureAblation,
    Occlusion,
    PartialDependence,
    PermutationImportance,
    partial_dependence,
    permutation_importance,
)
from kit.interpret.probes import LinearProbe, Selectivity, selectivity
from kit.interpret.quality import (
    Curve,
    Randomization,
    completeness_gap,
    deletion_curve,
    infidelity,
    randomization_test,
    sensitivity_max,
)
from kit.interpret.relevance import LRP, DeepLift
from kit.interpret.shapley import KernelShap, ShapleyValues, ShapleyValueSampling, linear_shap, shapley_values
from kit.interpret.surrogate import Counterfactual, Rule, SurrogateRules, counterfactual, surrogate_rules

__all__ = ["Attribution", "CompletenessWarning"]
__all__ += ["GradCAM", "GradientShap", "InputXGradient", "IntegratedGradients", "Saliency", "SmoothGrad"]
__all__ += ["FeatureAblation", "Occlusion", "PartialDependence", "PermutationImportance"]
__all__ += ["partial_dependence", "permutation_importance"]
__all__ += ["KernelShap", "ShapleyValueSampling", "ShapleyValues", "linear_shap", "shapley_values"]
__all__ += ["LRP", "DeepLift"]
__all__ += ["Curve", "Randomization", "completeness_gap", "deletion_curve", "infidelity"]
__all__ += ["randomization_test", "sensitivity_max"]
__all__ += ["ablate_heads", "patch", "patching_effects", "run_with_cache", "run_with_hooks"]
__all__ += ["LogitLens", "attention_maps", "attention_rollout", "logit_lens"]
__all__ += ["LinearProbe", "Selectivity", "selectivity"]
__all__ += ["Counterfactual", "Rule", "SurrogateRules", "counterfactual", "surrogate_rules"]
