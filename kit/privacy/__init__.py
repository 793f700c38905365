"""What does it give away? Noise, accounts, anonymity, encryption, attacks.

In the order of the lesson; everything works on any table, module or text, outside the course too:

    class_sizes  k_anonymity  l_diversity  t_closeness  mondrian  Anonymized
    find_pii  mask_pii  PII  Pseudonymizer  new_key
    laplace  gaussian  gaussian_sigma  gaussian_delta  exponential
    randomized_response  randomized_response_estimate
    compute_rdp  epsilon_of  PrivacySpent  RDPAccountant  get_noise_multiplier
    make_private  PrivateModule  PoissonBatches  per_sample_gradients  clip_and_sum
    membership_inference  MembershipInference  epsilon_lower_bound
    logit_confidence  lira_scores  exposure  sequence_losses
    local_update  federated_round  fed_avg  coordinate_median  trimmed_mean
    invert_linear_gradient  invert_gradients
    secure_sum  split_secret  join_secret
    new_private_key  encrypt  decrypt  rewrap  DecryptionError

Each guarantee is stated with what it assumes: read the docstring of its module. Encryption and secure_sum
need the extra "trust" (the package cryptography).
"""

# fmt: off
# ruff: noqa: F401
from kit.privacy.accountant import PrivacySpent, RDPAccountant, compute_rdp, epsilon_of, get_noise_multiplier
from kit.privacy.anonymity import Anonymized, class_sizes, k_anonymity, l_diversity, mondrian, t_closeness
from kit.privacy.attacks import (
    MembershipInference,
    epsilon_lower_bound,
    exposure,
    invert_gradients,
    invert_linear_gradient,
    lira_scores,
    logit_confidence,
    membership_inference,
    sequence_losses,
)
from kit.privacy.dpsgd import PoissonBatches, PrivateModule, clip_and_sum, make_private, per_sample_gradients
from kit.privacy.encryption import DecryptionError, decrypt, encrypt, new_private_key, rewrap
from kit.privacy.federated import coordinate_median, fed_avg, federated_round, local_update, trimmed_mean
from kit.privacy.mechanisms import (
    exponential,
    gaussian,
    gaussian_delta,
    gaussian_sigma,
    laplace,
    randomized_response,
    randomized_response_estimate,
)
from kit.privacy.pseudonyms import PII, Pseudonymizer, find_pii, mask_pii, new_key
from kit.privacy.secure_aggregation import join_secret, secure_sum, split_secret
