"""The two ways on which a gradient goes back through an LSTM."""

from gradlab.drawings import Drawing, Sheet


def draw() -> Drawing:
    """Three steps; the cell state above, multiplied by the forget gate, the hidden state below, through matrix and tanh."""
    s = Sheet(620, 220)
    s.text(14, 62, "c", anchor="start")
    s.text(14, 152, "h", anchor="start")
    for k in range(3):
        x = 60 + 180 * k
        s.box(x, 40, 110, 36, "× forget gate")
        s.box(x, 130, 110, 36, "gates, tanh, U")
        s.line((x + 55, 128), (x + 55, 78), arrow=True)
        end = x + 178 if k < 2 else x + 150
        s.line((x + 112, 58), (end, 58), arrow=True)
        s.line((x + 132, 58), (x + 132, 148), (end, 148), arrow=True)
    for y in (58, 148):
        s.line((30, y), (58, y), arrow=True)
    s.line((570, 24), (40, 24), style="path", arrow=True)
    s.text(310, 16, "back along c: one factor a step, near 1 if the gate is open", style="blue", size=12)
    s.line((570, 186), (40, 186), style="path", arrow=True)
    s.text(310, 206, "back along h: a matrix and slopes at each step", style="blue", size=12)
    return s.drawing(
        "Three steps of an LSTM. Above, the cell state c is multiplied by the forget gate at each step. Below, the hidden state h "
        "passes the gates, tanh and the matrix U. A gradient can go back on either way: along c it is multiplied by one factor a "
        "step, which is near 1 if the gate is open; along h by a matrix and by slopes."
    )
