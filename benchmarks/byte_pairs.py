"""Learning 1,000 byte-pair merges from the bundled Shakespeare: ours beside the `tokenizers` library."""

from benchmarks.harness import Session, version
from kit import data

VOCABULARY = 256 + 1000


def measure(session: Session) -> None:
    """Pure Python against Rust: a ratio far above 1, and the same merges."""
    session.pairs = min(session.pairs, 5)
    text = data.load("shakespeare").text
    ours = lambda: lambda: data.BytePairTokenizer.train(text, VOCABULARY)  # noqa: E731
    if version("tokenizers") is None:
        session.note("tokenizers", "not installed")
        return
    import tokenizers

    def theirs():
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=VOCABULARY, initial_alphabet=alphabet, show_progress=False
        )
        return lambda: tokenizer.train_from_iterator([text], trainer)

    session.compare("kit, pure Python", ours, f"tokenizers {version('tokenizers')}", theirs)
