"""torchvision can be imported and used beside the torch at hand."""

import subprocess
import sys

from kit.data import torchvision_ops

PROGRAM = """
import warnings
from kit.data import ensure_torchvision
found = ensure_torchvision()
assert found in ("native", "names"), found
import torch, torchvision
from torchvision.transforms import v2
torchvision.models.resnet18(num_classes=3).eval()(torch.zeros(1, 3, 32, 32))
v2.RandomCrop(8)(torch.zeros(3, 16, 16))
try:
    torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
except RuntimeError as error:
    assert found == "names" and "ops" in str(error)
assert ensure_torchvision() == found
print("ok", found)
"""


def test_models_and_transforms_work_after_it():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ok ")


def test_an_absent_torchvision_is_said(monkeypatch):
    monkeypatch.setattr(torchvision_ops, "_KEPT", [])
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert torchvision_ops.ensure_torchvision() == "absent"
