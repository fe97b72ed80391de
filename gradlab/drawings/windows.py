"""Truncated backpropagation through time: a tape for each window."""

from gradlab.drawings import Drawing, Sheet


def draw() -> Drawing:
    """Three windows of three steps; values pass from window to window, the gradient does not."""
    s = Sheet(640, 190)
    for w in range(3):
        left = 20 + 210 * w
        s.line((left, 34), (left, 26), (left + 180, 26), (left + 180, 34), style="none")
        s.text(left + 90, 19, f"tape {w + 1}")
        for k in range(3):
            s.box(left + 5 + 60 * k, 55, 50, 34, f"{3 * w + k + 1}")
        s.text(left + 155, 112, f"loss {w + 1}")
        s.line((left + 150, 125), (left + 8, 125), style="path", arrow=True)
        if w:
            s.line((left - 30, 72), (left + 3, 72), arrow=True)
            s.cut(left - 15, 125)
    s.text(320, 152, "values of h and c go on to the next window (arrows above)", style="pale")
    s.text(320, 172, "the gradient stops at the beginning of each window (crosses)", style="red")
    return s.drawing(
        "Nine steps in three windows of three, with a tape for each. The values of the state pass from one window to the next. "
        "The gradient of each window's loss goes back to the beginning of its own window and stops there."
    )
