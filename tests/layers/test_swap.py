"""Layers change sides: the same parameters, the same outputs, there and back."""

import pytest
import torch
from torch import nn

from kit import layers
from kit.layers.swap import TWINS


def torch_model():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Embedding(7, 8, padding_idx=0),
        nn.TransformerEncoderLayer(8, 2, 12, 0.25, "gelu", 1e-3, batch_first=True, norm_first=True),
        nn.Sequential(nn.LayerNorm(8, bias=False), nn.GELU("tanh"), nn.Dropout(0.2)),
        nn.Linear(8, 7, bias=False),
        nn.LogSoftmax(-1),
    )
    model[3].weight = model[0].weight  # tied
    return model


def test_a_model_goes_to_kit_and_back():
    model = torch_model().eval()
    x = torch.tensor([[1, 2, 3], [4, 5, 6]])
    expected, text = model(x), repr(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert layers.swap(model, "kit") is model
    assert type(model[1].linear1) is layers.Linear
    assert type(model[2][1]) is layers.GELU
    assert model[3].weight is model[0].weight
    assert model[2][2].p == 0.2 and not model[2][2].training
    torch.testing.assert_close(model(x), expected)
    assert {id(p) for p in model.parameters()} == {id(p) for p in optimizer.param_groups[0]["params"]}
    assert repr(layers.swap(model, "torch")) == text
    torch.testing.assert_close(model(x), expected)


#: Arguments for layers that need some; all others are made with none.
ARGUMENTS = {
    "Linear": (3, 4),
    "Embedding": (5, 3),
    "BatchNorm1d": (3,),
    "BatchNorm2d": (3,),
    "LayerNorm": (3,),
    "RMSNorm": (3,),
    "Softmax": (1,),
    "LogSoftmax": (1,),
    "MultiheadAttention": (8, 2),
    "TransformerEncoderLayer": (8, 2),
    "TransformerDecoderLayer": (8, 2),
    "Conv2d": (4, 6, (3, 2), 2, (1, 0), 1, 2, False),
    "ConvTranspose2d": (4, 6, 3, 2, 1, 1, 2),
    "MaxPool2d": (3, 2, 1),
    "AvgPool2d": ((2, 3),),
    "AdaptiveAvgPool2d": ((2, None),),
    "RNN": (3, 4, 2, "relu", False, True),
    "LSTM": (3, 4, 2, True, True, 0.5, True),
    "GRU": (3, 4),
}


@pytest.mark.parametrize("ours", TWINS, ids=lambda kind: kind.__name__)
def test_each_layer_has_a_twin_and_its_weights_move(ours):
    theirs = TWINS[ours](*ARGUMENTS.get(ours.__name__, ()))
    twin = layers.swap(theirs, "kit")
    assert type(twin) is ours
    before, after = theirs.state_dict(keep_vars=True), twin.state_dict(keep_vars=True)
    assert set(before) == set(after)
    assert all(before[name] is after[name] for name in before)
    assert repr(layers.swap(twin, "torch")) == repr(theirs)


def test_shared_layers_stay_shared():
    linear = nn.Linear(3, 3)
    model = layers.swap(nn.Sequential(linear, nn.Sequential(linear)), "kit")
    assert model[0] is model[1][0]


def test_batch_statistics_move():
    layer = nn.BatchNorm1d(2)
    layer(torch.randn(8, 2))
    twin = layers.swap(layer, "kit")
    assert torch.equal(twin.running_mean, layer.running_mean)
    assert twin.num_batches_tracked == 1


def test_an_option_kit_has_not_is_named_and_nothing_changes():
    model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Embedding(4, 3, max_norm=1.0)))
    with pytest.raises(ValueError) as error:
        layers.swap(model, "kit")
    assert str(error.value) == (
        "1.0 is a Embedding with max_norm=1.0, which kit's has not; keep that layer in torch or make it "
        "without the option"
    )
    assert type(model[0]) is nn.Linear
    with pytest.raises(ValueError) as error:
        layers.swap(nn.MultiheadAttention(4, 2, kdim=3), "kit")
    assert str(error.value).startswith("model is a MultiheadAttention with kdim=3, which kit's has not")
    with pytest.raises(ValueError) as error:
        layers.swap(model, "jax")
    assert str(error.value) == "to='jax' is not known; choose from torch, kit"
