"""Interactive figures that work in JupyterLab, Notebook 7 and Colab (ipywidgets 7.7 and 8).

explore   slider   choice   toggle
"""

from kit.widgets.controls import choice, slider, toggle
from kit.widgets.explorer import explore

__all__ = ["choice", "explore", "slider", "toggle"]
