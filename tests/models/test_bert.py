"""BERT and the seq2seq Transformer: published counts, equal outputs, padding without influence."""

import pytest
import torch

from kit import data, layers, models

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
SMALL = models.BertConfig(13, 10, 2, 2, 8, 12, dropout=0.0)
X = torch.randint(1, 13, (3, 7), generator=torch.Generator().manual_seed(0))
PADDING = torch.tensor([[False] * 7, [False] * 4 + [True] * 3, [False] * 6 + [True]])
TYPES = torch.tensor([[0, 0, 0, 1, 1, 1, 1]] * 3)


def transformers():
    data.ensure_torchvision()
    import transformers

    sizes = {"vocab_size": 13, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 12, "max_position_embeddings": 10, "initializer_range": 0.3}
    return transformers, transformers.BertConfig(**sizes)


@pytest.mark.parametrize(
    ("name", "count"),
    [("bert-base-uncased", 109_482_240), ("bert-large-uncased", 335_141_888), ("minilm-l6", 22_713_216)],
)
def test_counts_are_the_published_ones(name, count):
    config = models.BERT_PRESETS[name]
    assert config.parameters == count
    with torch.device("meta"):
        assert models.count_parameters(models.Bert(config)) == count


@pytest.mark.parametrize("on", [True, False])
def test_hidden_states_and_pooled_token_equal_transformers(on):
    library, config = transformers()
    theirs = library.BertModel(config).eval()
    ours = models.load_bert(models.Bert(SMALL), theirs.state_dict()).eval()
    expected = theirs(X, attention_mask=~PADDING, token_type_ids=TYPES)
    with layers.fused(on):
        got = ours(X, PADDING, TYPES)
    kept = ~PADDING
    torch.testing.assert_close(got[kept], expected.last_hidden_state[kept], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.pool(got), expected.pooler_output, rtol=1e-4, atol=1e-5)
    theirs.load_state_dict(ours.state_dict())


def test_masked_language_model_equals_transformers():
    library, config = transformers()
    theirs = library.BertForMaskedLM(config).eval()
    weights = {**theirs.state_dict(), "bert.embeddings.position_ids": torch.arange(10)[None]}
    ours = models.BertForMaskedLM(SMALL).eval()
    without_pooler = {n: w for n, w in ours.state_dict().items() if ".pooler." in n}
    models.load_bert(ours, {**weights, **without_pooler})
    torch.testing.assert_close(ours(X), theirs(X).logits, rtol=1e-4, atol=1e-5)
    assert ours.cls["predictions"]["decoder"].weight is ours.bert.embeddings["word_embeddings"].weight


def test_classifier_equals_transformers():
    library, config = transformers()
    config.num_labels = 3
    theirs = library.BertForSequenceClassification(config).eval()
    ours = models.load_bert(models.BertForSequenceClassification(SMALL, 3), theirs.state_dict()).eval()
    torch.testing.assert_close(ours(X), theirs(X).logits, rtol=1e-4, atol=1e-5)


def test_old_names_of_the_norms_load():
    source = models.Bert(SMALL)
    old = {
        "bert."
        + n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): w
        for n, w in source.state_dict().items()
    }
    old["cls.seq_relationship.weight"] = torch.zeros(2, 8)
    loaded = models.load_bert(models.Bert(SMALL), old)
    assert all(torch.equal(a, b) for a, b in zip(source.parameters(), loaded.parameters(), strict=True))


@pytest.mark.parametrize("on", [True, False])
def test_padding_has_no_influence(on):
    model = models.Bert(SMALL).eval()
    changed = torch.where(PADDING, (X + 5) % 13, X)
    with layers.fused(on):
        a, b = model(X, PADDING), model(changed, PADDING)
    assert torch.equal(a[~PADDING], b[~PADDING])
    alone = model(X[1:2, :4])
    torch.testing.assert_close(a[1:2, :4], alone)


def test_the_padding_row_is_zero_and_dropout_is_on_while_training():
    model = models.Bert(models.BertConfig(13, 10, 1, 2, 8, 12, dropout=0.5))
    assert model.embeddings["word_embeddings"].weight[0].abs().sum() == 0
    assert not torch.equal(model(X), model(X))


@own_checks
def test_wrong_masks():
    model = models.Bert(SMALL)
    with pytest.raises(ValueError) as error:
        model(X, PADDING[:, :5])
    assert str(error.value) == (
        "padding has shape (3, 5) and tokens (3, 7); they must be the same, reshape one of them"
    )
    with pytest.raises(ValueError) as error:
        model(torch.zeros(1, 11, dtype=torch.long))
    assert str(error.value).startswith("tokens has length 11, after 0 cached ones that passes context=10")


SEQ = models.Seq2SeqConfig(9, 11, 12, 2, 2, 8, 12, dropout=0.0)


def test_seq2seq_counts_by_formula():
    assert SEQ.parameters == models.count_parameters(models.Seq2SeqTransformer(SEQ))


@pytest.mark.parametrize("on", [True, False])
def test_seq2seq_sees_no_later_target_and_no_padding(on):
    model = models.Seq2SeqTransformer(SEQ).eval()
    source = torch.randint(0, 9, (3, 7), generator=torch.Generator().manual_seed(1))
    target = torch.randint(0, 11, (3, 6), generator=torch.Generator().manual_seed(2))
    changed_source = torch.where(PADDING, (source + 4) % 9, source)
    changed_target = target.clone()
    changed_target[:, 4:] = (target[:, 4:] + 4) % 11
    with layers.fused(on):
        a = model(source, target, PADDING)
        b = model(changed_source, changed_target, PADDING)
        c = model((source + 1) % 9, target, PADDING)
    assert torch.equal(a[:, :4], b[:, :4])
    assert not torch.equal(a[:, 4:], b[:, 4:])
    assert not torch.equal(a[:, :4], c[:, :4])


def test_seq2seq_learns_to_reverse():
    torch.manual_seed(0)
    model = models.Seq2SeqTransformer(models.Seq2SeqConfig(8, 9, 12, 1, 2, 32, 64, dropout=0.0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(250):
        source = torch.randint(0, 8, (64, 5))
        answer = source.flip(1)
        start = torch.full((64, 1), 8)
        logits = model(source, torch.cat((start, answer[:, :-1]), 1))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), answer.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5  # a uniform guess over 8 costs 2.08
