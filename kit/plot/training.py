"""Figures of a training run: its curves, and the same curves while it runs.

curves   Live
"""

from kit import session
from kit.plot.figure import axes, image


def curves(history):
    """Training and validation values of a `kit.train.History` against the epoch.

    One panel for the losses, one for everything else that was recorded.
    Returns (figure, alt). Raises ValueError for a history without an epoch.
    """
    if not history.epochs:
        raise ValueError("history has no finished epoch; train for one before you draw it")
    names = [name for name in history.names() if name != "epoch"]
    groups = [[n for n in names if n.endswith("loss")], [n for n in names if not n.endswith("loss")]]
    groups = [group for group in groups if group]
    epochs = range(1, len(history.epochs) + 1)
    figure, made = axes(len(groups), width=4.2 * len(groups), height=3.0)
    for ax, group in zip([made] if len(groups) == 1 else made, groups, strict=True):
        for name in group:
            ax.plot(epochs, history[name], marker="o", label=name.replace("_", " "))
        ax.set(xlabel="epoch", ylabel="loss" if group[0].endswith("loss") else "value")
        ax.legend(frameon=False)
    last = ", ".join(f"{name.replace('_', ' ')} {history[name][-1]:.4g}" for name in names)
    return figure, f"Training curves over {len(history.epochs)} epochs; at the end {last}."


class Live:
    """Draws the curves anew in the same place while a run goes on.

    Hand it to the trainer: `LiveCurve(plot.training.Live())`. In a static
    session it draws nothing; show the end with `show(*curves(history))`.
    """

    def __init__(self):
        self._place = None

    def __call__(self, history) -> None:
        """Draw the history so far, over the figure of the call before."""
        if session.is_static():
            return
        from IPython.display import HTML, display

        picture = HTML(image(*curves(history)))
        if self._place is None:
            self._place = display(picture, display_id=True)
        else:
            self._place.update(picture)
