"""The live panel: the only part of gradlab that imports ipywidgets.

- `Panel`: code with gradients in its margin, switch, knobs, heatmaps, words, training, for one scenario.
- `start`: the first cell of every notebook; loads TensorFlow in the background and says so.
"""

from gradlab.panel.panel import Panel as Panel
from gradlab.panel.status import start as start
