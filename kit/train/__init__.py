"""How a network learns: one loop, its record, and everything around it.

In the order of the lessons:

    Trainer  History  evaluate  predict  accuracy
    Update  LossNotFinite  find_learning_rate  RateScan
    Progress  EarlyStop  LearningRateSchedule  LiveCurve  Checkpoints
    Tracker  JSONLines  TensorBoard  Run  list_runs  compare_runs
    pick_device  text_table

    trainer = Trainer(model, loss, optimizer)
    history = trainer.fit(batches, epochs=5, validation=validation_batches)
    print(history.table())
"""

from kit.train.batch import pick_device
from kit.train.callbacks import EarlyStop, LearningRateSchedule, LiveCurve, Progress, Tracker
from kit.train.checkpoint import Checkpoints
from kit.train.evaluate import accuracy, evaluate, predict
from kit.train.history import History, text_table
from kit.train.rate_finder import RateScan, find_learning_rate
from kit.train.tracking import JSONLines, Run, TensorBoard, compare_runs, list_runs
from kit.train.trainer import Trainer
from kit.train.update import LossNotFinite, Update

__all__ = [
    "Checkpoints",
    "EarlyStop",
    "History",
    "JSONLines",
    "LearningRateSchedule",
    "LiveCurve",
    "LossNotFinite",
    "Progress",
    "RateScan",
    "Run",
    "TensorBoard",
    "Tracker",
    "Trainer",
    "Update",
    "accuracy",
    "compare_runs",
    "evaluate",
    "find_learning_rate",
    "list_runs",
    "pick_device",
    "predict",
    "text_table",
]
